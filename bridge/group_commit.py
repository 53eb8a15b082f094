"""Many requests, one round trip, one fsync.

A durable Redis takes its time for each commit, however small. Commands that come meanwhile wait here and go
out together in one write as soon as the answers are in; Redis carries them out in one turn and flushes once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio import ConnectionPool
from redis.exceptions import ResponseError

PATIENCE = 2.0
"""Seconds for one group, connecting included. Whoever waits for it or behind it fails when they are over."""

LANES = 2
"""Groups on their way at the same time: one is put together while Redis works at the other."""

Argument = str | int | float | bytes | memoryview
_pack = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)  # its stub: tuples of one
_Asked = tuple[bytes, "asyncio.Future[Any]"]


class GroupCommit:
    """Runs commands over connections of `pool`. Two that are asked for at the same time have no order."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._waiting: list[_Asked] = []
        self._free = LANES
        self._lanes: set[asyncio.Task[None]] = set()

    async def run(self, *command: Argument) -> Any:
        """The answer, undecoded. Raises RedisError or OSError within PATIENCE when there is none: the command
        may have been carried out all the same."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((_pack(command), answer))
        # Where others wait already, somebody will come for all of them.
        if self._free and len(self._waiting) == 1:
            self._free -= 1
            lane = asyncio.create_task(self._send_all())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await answer

    async def _send_all(self) -> None:
        group: list[_Asked] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                async with asyncio.timeout(PATIENCE):
                    await self._exchange(group)
        except Exception as exc:
            self._fail(group + self._waiting, exc)
        except BaseException:
            self._fail(group + self._waiting, ConnectionAbortedError("the process is being stopped"))
            raise
        finally:
            self._free += 1

    async def _exchange(self, group: list[_Asked]) -> None:
        connection = await self._pool.get_connection()
        try:
            await connection.send_packed_command(b"".join([packed for packed, _ in group]))
            for _, answer in group:
                try:
                    said = await connection.read_response(disable_decoding=True)
                except ResponseError as exc:
                    _settle(answer, exc)
                else:
                    _settle(answer, said)
        except BaseException:
            await connection.disconnect(nowait=True)  # answers may still come; nobody else shall read them
            raise
        finally:
            await self._pool.release(connection)

    def _fail(self, group: list[_Asked], exc: Exception) -> None:
        self._waiting = []
        for _, answer in group:
            _settle(answer, exc)


def _settle(answer: asyncio.Future[Any], said: Any) -> None:
    if answer.done():  # whoever asked has gone
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)
