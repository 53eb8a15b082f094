"""Lua scripts, each in its owner's `lua/`; and the one place where Redis' failures become our error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bridge.errors import StoreUnavailable
from bridge.valkey.connection import Argument, SharedConnection

MILLISECOND: Final = timedelta(milliseconds=1)
COMMON: Final = "store/common"
"""Stands before every script that touches orders: keys, the clock, and what else they share."""


@contextmanager
def redis_errors(doing: str) -> Iterator[None]:
    """For whatever is asked of Redis. Raises StoreUnavailable when it, or the way to it, fails."""
    try:
        yield
    except (RedisError, OSError) as exc:
        raise StoreUnavailable(f"{doing}: {type(exc).__name__}: {exc}") from exc


class Scripts:
    """The scripts of one room, each one round trip on a connection that all its callers share.

    `before`: the files that stand before each of them, as `room/name`.
    """

    def __init__(self, redis: Redis, room: str, names: Iterable[str], *before: str) -> None:
        self._room = room
        self._connection = SharedConnection(redis.connection_pool)
        head = "".join(map(script_text, before))
        self.by_name = {name: redis.register_script(head + script_text(f"{room}/{name}")) for name in names}

    async def run(self, name: str, *args: Argument | timedelta, keys: Sequence[str] = ()) -> Any:
        """What the script answers, undecoded; it takes spans in milliseconds. Raises StoreUnavailable: it may
        have run all the same."""
        said = [each // MILLISECOND if isinstance(each, timedelta) else each for each in args]
        with redis_errors(f"{self._room} {name}"):
            return await self._connection.evaluate(self.by_name[name], keys, said)


def script_text(name: str) -> str:
    """`room/name`: the file `bridge/room/lua/name.lua`."""
    room, script = name.split("/")
    return (files("bridge") / room / "lua" / f"{script}.lua").read_text()
