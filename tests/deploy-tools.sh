#!/bin/sh
# promtool for tests/test_monitoring.py and systemd-analyze for tests/test_deploy.py, from Debian.
set -eu
command -v promtool >/dev/null 2>&1 && command -v systemd-analyze >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "no promtool or systemd-analyze here, and no way to install them: their tests will be skipped" >&2
    exit 0
fi
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends prometheus systemd >/dev/null
