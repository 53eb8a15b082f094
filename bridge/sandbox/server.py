"""The sandbox on a real port."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import uvicorn
from starlette.applications import Starlette

from bridge.sandbox.app import create_sandbox
from bridge.sandbox.config import SandboxConfig

Started = Callable[[str], None] | asyncio.Event | None


async def serve_sandbox(
    config: SandboxConfig,
    host: str,
    port: int,
    *,
    started: Started = None,
    app: Starlette | None = None,
    handle_signals: bool = False,
) -> None:
    """Serve until cancelled (or signalled, with `handle_signals`), then finish the requests in hand.

    Port 0 takes a free one. `started` is set, or called with the base URL, once requests are answered.
    `app` serves a sandbox made before, whose state the caller keeps. Raises OSError when the port is taken.
    """
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Accepted sockets inherit it. asyncio sets it only where the listener names its protocol, and without it
    # Nagle's algorithm adds 40 ms to each answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    shown_host = f"[{host}]" if ":" in host else host
    url = f"http://{shown_host}:{listener.getsockname()[1]}"
    server = _Server(
        uvicorn.Config(
            app or create_sandbox(config),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        ),
        url=url,
        started_signal=started,
        handle_signals=handle_signals,
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn, telling when it is ready and leaving signals to whoever runs the event loop."""

    def __init__(
        self, config: uvicorn.Config, *, url: str, started_signal: Started, handle_signals: bool
    ) -> None:
        super().__init__(config)
        self._url = url
        self._started_signal = started_signal
        self._handle_signals = handle_signals

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals() if self._handle_signals else nullcontext():
            yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if isinstance(self._started_signal, asyncio.Event):
            self._started_signal.set()
        elif self._started_signal is not None:
            self._started_signal(self._url)
