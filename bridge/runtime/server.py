"""Running the roles of one process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.errors import ConfigurationError
from bridge.tasks import end

STOP_SECONDS = 8
"""Requests in hand at SIGTERM may take so long."""
BACKLOG = 1024
"""Connections that may wait to be accepted."""
HEAD_BYTES = 64 * 1024
"""Of a request's first line and headers, until they are complete."""
HEAD_SECONDS = 15.0
"""So long they may take to come, and a new connection to ask for something."""
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b'content-length: 43\r\nconnection: close\r\n\r\n{"error": "the request\'s head is too long"}'
)


class _Protocol(HttpToolsProtocol):
    """uvicorn's, which would keep a head of any length, and wait for its end for ever."""

    head_since: float | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.head_since = time.monotonic()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_since, self._head = time.monotonic(), 0

    def on_headers_complete(self) -> None:
        self.head_since = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        known = self.head_since
        super().data_received(data)
        if known is not None and self.head_since is known:  # all of it was the head's
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.transport.write(_TOO_LONG)
                self.transport.close()


async def _close_the_slow(server: uvicorn.Server) -> None:
    while True:
        await asyncio.sleep(HEAD_SECONDS / 5)
        latest = time.monotonic() - HEAD_SECONDS
        for each in list(server.server_state.connections):
            if isinstance(each, _Protocol) and each.head_since is not None and each.head_since < latest:
                each.transport.close()


class _Server(uvicorn.Server):
    """uvicorn, but the signals are ours: one stop for every role of the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigurationError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it; without it Nagle's algorithm holds answers back.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)  # who comes while we still start waits; a second process is told at once
    except OSError as exc:
        sock.close()
        raise ConfigurationError(
            f"port: cannot listen on {host}:{port} ({exc.strerror}); choose another"
        ) from exc
    return sock


async def serve(app: ASGIApp, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serves `app` on `sock` until `stop` is set, then finishes what is in hand."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the application asks for them where it wants them
        lifespan="off",
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=30,
        backlog=BACKLOG,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    closing = asyncio.create_task(_close_the_slow(server))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await task
        await end(closing)


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set. A second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in numbers:
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
