"""`make audit`, a part of `make check`: known vulnerabilities of the locked dependencies.

It fails when there is one. Where nobody can be asked (no network, a registry without advisories) it says so
and does not fail: a build without a network must pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
SECONDS = 120


def verdict(said: str) -> tuple[int, str]:
    """Exit status and words for what pip-audit said, as JSON."""
    try:
        dependencies = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, "NOT AUDITED: pip-audit could not ask; run make audit where there is a network"
    audited = [each for each in dependencies if "vulns" in each]
    found = [
        f"{each['name']} {each['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for each in audited
        for vulnerability in each["vulns"]
    ]
    if found:
        return 1, "\n".join(["VULNERABLE dependencies; run make lock:", *found])
    if not audited:
        return 0, "NOT AUDITED: this registry has no advisories; run make audit where PyPI is reached"
    missed = len(dependencies) - len(audited)
    return 0, f"audit: no known vulnerability in {len(audited)} dependencies; {missed} could not be audited"


def main() -> int:
    """Asks and says."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--disable-pip", "--require-hashes"]
    command += ["--progress-spinner", "off", "--format", "json", "--requirement", str(LOCK)]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout
    except subprocess.TimeoutExpired:
        said = ""
    status, words = verdict(said)
    print(words)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
