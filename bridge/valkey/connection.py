"""Many requests, one connection to Redis: each writes at once, and the answers come back in the same order.

While a durable Redis flushes, what was written meanwhile gathers in its socket; it carries that out in one
turn and flushes once. So the commands of many requests share a round trip and an fsync, and none waits for a
connection of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import hiredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

ANSWER_SECONDS: Final = 2.0
"""For an answer, connecting included. When they are over, the connection is given up."""

Argument = str | int | float | bytes | memoryview
_pack = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)  # its stub: tuples of one
_NOTHING_YET: Final = object()
# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors: the first word is the kind
_ERRORS: Final[dict[str, type[Exception]]] = {
    "LOADING": BusyLoadingError,
    "NOAUTH": AuthenticationError,
    "NOPERM": NoPermissionError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
}


class SharedConnection:
    """Runs commands over one connection that it takes out of `pool`, and another when that is lost."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._line: _Line | None = None
        self._connecting: asyncio.Task[_Line] | None = None

    async def run(self, *command: Argument) -> Any:
        """The answer, undecoded. Raises RedisError or OSError when there is none in ANSWER_SECONDS: it may
        have been carried out all the same."""
        line = self._line
        if line is None or line.lost:
            line = await self._connected()
        return await line.ask(_pack(command))

    async def evaluate(self, script: AsyncScript, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """What the Lua script answers; it is sent whole only to a Redis that does not know it yet."""
        try:
            return await self.run("EVALSHA", script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await self.run("EVAL", script.script, len(keys), *keys, *args)

    async def _connected(self) -> _Line:
        """A new connection, the same one for all who ask meanwhile; none of them ends it for the others."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._arrived)
        return await asyncio.shield(self._connecting)

    def _arrived(self, task: asyncio.Task[_Line]) -> None:
        self._connecting = None
        # Asked for here too, so that a failure that nobody waits for any more is no unhandled one.
        if not task.cancelled() and not task.exception():
            self._line = task.result()

    async def _connect(self) -> _Line:
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._line:
                await self._line.connection.disconnect(nowait=True)
                await self._pool.release(self._line.connection)
                self._line = None
            return _Line(await self._pool.get_connection())


class _Line(asyncio.Protocol):
    """A connection that redis-py made (address, password, TLS, Sentinels), whose answers we read ourselves:
    redis-py would read one at a time, each under a time-out of its own."""

    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self.lost = False
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=_error, notEnoughData=_NOTHING_YET)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._watched = False
        self._transport: Any = connection._writer.transport  # type: ignore[union-attr]
        self._made_by = self._transport.get_protocol()
        self._transport.set_protocol(self)

    def ask(self, packed: bytes) -> asyncio.Future[Any]:
        """Sends one command; the future is its answer."""
        answer = self._loop.create_future()
        if self.lost:
            answer.set_exception(ConnectionError("the connection was lost"))
            return answer
        self._transport.write(packed)
        self._waiting.append((answer, self._loop.time() + ANSWER_SECONDS))
        if not self._watched:
            self._watched = True
            self._loop.call_later(ANSWER_SECONDS, self._watch)
        return answer

    def _watch(self) -> None:
        """Looks only now and then, and only at who has waited longest: a timer for each would cost more than
        the answer."""
        self._watched = bool(self._waiting)
        if not self._waiting:
            return
        left = self._waiting[0][1] - self._loop.time()
        if left > 0:
            self._loop.call_later(left, self._watch)
        else:
            self._end(TimeoutError(f"no answer in {ANSWER_SECONDS:.0f} s"))

    def data_received(self, data: bytes) -> None:
        """Answers, in whole or in part."""
        self._reader.feed(data)
        while (said := self._reader.gets()) is not _NOTHING_YET:
            answer, _ = self._waiting.popleft()
            if isinstance(said, ReadOnlyError):  # it is no primary any more: the next one asks who is
                _settle(answer, said)
                self._end(ConnectionError("this Redis has become a replica"))
                return
            _settle(answer, said)

    def connection_lost(self, exc: Exception | None) -> None:
        """Also after `_end`."""
        self._made_by.connection_lost(exc)  # redis-py waits for that when it closes
        self._end(ConnectionError("the connection was lost"))

    def _end(self, why: Exception) -> None:
        """Answers may still come; nobody else shall read them, so the connection goes with them."""
        self.lost = True
        self._transport.abort()
        while self._waiting:
            _settle(self._waiting.popleft()[0], why)


def _error(text: str) -> Exception:
    return _ERRORS.get(text.split(" ", 1)[0], ResponseError)(text)


def _settle(answer: asyncio.Future[Any], said: Any) -> None:
    if answer.done():  # whoever asked has gone
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)
