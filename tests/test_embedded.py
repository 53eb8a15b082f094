"""The private Valkey: durable, ours alone, found again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.asyncio import Redis

from bridge.errors import ConfigurationError
from bridge.valkey import embedded
from bridge.valkey.embedded import EmbeddedValkey, embedded_valkey

A_BRIDGE = """
import sys, time
from pathlib import Path
import redis
from bridge.valkey.embedded import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1]))
server.start()
with redis.Redis.from_url(server.url) as client:
    client.set("order", "paid")
print(server.pid, flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"not within 20 s: {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Where init does not bury orphans, as in many containers, the dead stay in the table.
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


@pytest.fixture
def killed_bridge(tmp_path: Path) -> Iterator[int]:
    """A bridge that was killed; the process id of the Valkey that it left behind."""
    with subprocess.Popen([sys.executable, "-c", A_BRIDGE, str(tmp_path)], stdout=subprocess.PIPE) as bridge:
        assert bridge.stdout is not None
        pid = int(bridge.stdout.readline())
        bridge.kill()
    assert alive(pid)
    yield pid
    if alive(pid):
        os.kill(pid, signal.SIGKILL)


async def test_data_are_found_again_at_the_next_start(tmp_path: Path) -> None:
    for expected in (None, b"paid"):
        async with embedded_valkey(tmp_path) as url:
            with redis.Redis.from_url(url) as client:
                assert client.get("order") == expected
                client.set("order", "paid")
        assert not answers(url)


def test_it_is_durable_and_private(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        found = client.config_get("*")
        expected = {
            "appendonly": "yes",
            "appendfsync": "always",
            "no-appendfsync-on-rewrite": "no",
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "port": "0",
            "dir": str(tmp_path / "valkey"),
        }
        assert {key: found[key] for key in expected} == expected
        assert (tmp_path / "valkey" / "valkey.sock").stat().st_mode & 0o077 == 0


def test_a_second_bridge_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        with pytest.raises(ConfigurationError, match="another bridge uses"):
            EmbeddedValkey(tmp_path).start()
        assert answers(server.url)
    with EmbeddedValkey(tmp_path) as server:
        assert answers(server.url)


def test_the_valkey_of_a_killed_bridge_is_replaced_and_its_data_kept(
    killed_bridge: int, tmp_path: Path
) -> None:
    with EmbeddedValkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        assert client.get("order") == b"paid"
        assert server.pid != killed_bridge
        assert not alive(killed_bridge)


def test_a_frozen_leftover_is_killed(
    killed_bridge: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)
    os.kill(killed_bridge, signal.SIGSTOP)
    with EmbeddedValkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        assert client.get("order") == b"paid"
        assert not alive(killed_bridge)


def test_it_is_started_again_when_it_dies(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.set("order", "paid")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: server.pid != first and answers(server.url), "a new valkey answers")
        assert client.get("order") == b"paid"
        second = server.pid
    assert second is not None
    assert not alive(second)


def test_a_frozen_server_does_not_hold_up_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.2)
    with EmbeddedValkey(tmp_path) as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not alive(pid)


def test_ctrl_c_is_not_for_the_server(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path) as server:
        assert server.pid is not None
        assert os.getpgid(server.pid) != os.getpgid(0)


@pytest.mark.parametrize("name", ['with space "and" quotes', "é" * 10, "long" * 40, "100%?#"])
def test_any_directory_will_do(tmp_path: Path, name: str) -> None:
    with EmbeddedValkey(tmp_path / name) as server, redis.Redis.from_url(server.url) as client:
        client.set("order", "paid")
    with EmbeddedValkey(tmp_path / name) as server, redis.Redis.from_url(server.url) as client:
        assert client.get("order") == b"paid"


def test_somebody_elses_socket_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = EmbeddedValkey(tmp_path / ("long" * 40))
    next_to_it = Path(server.url.removeprefix("unix://")).parent
    next_to_it.mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match="not ours alone"):
        server.start()


def test_a_broken_start_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = tmp_path / "valkey" / "appendonlydir"
    broken.mkdir(parents=True)
    (broken / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(ConfigurationError, match=r"does not start: .*valkey\.log"):
        EmbeddedValkey(tmp_path).start()
    (broken / "appendonly.aof.manifest").unlink()
    with EmbeddedValkey(tmp_path) as server:
        assert answers(server.url)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"data_dir: cannot write to .*file"):
        EmbeddedValkey(tmp_path / "file").start()


@pytest.mark.parametrize("run", [1, 2])
async def test_the_shared_client_starts_empty(redis: Redis, run: int) -> None:
    assert await redis.dbsize() == 0
    await redis.set("order", run)
