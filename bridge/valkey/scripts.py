"""Lua scripts, each beside its owner, and the one place where what Redis says of them becomes our error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from bridge.errors import StoreUnavailable

COMMON = "store/common"
"""Keys, the clock and what else all scripts share."""


def script_text(*names: str) -> str:
    """`room/name` → `bridge/room/lua/name.lua`, one after the other, behind what all scripts share."""
    places = (name.split("/") for name in (COMMON, *names))
    return "".join((files("bridge") / room / "lua" / f"{name}.lua").read_text() for room, name in places)


def load_script(redis: Redis, *names: str) -> AsyncScript:
    """The script of these files."""
    return redis.register_script(script_text(*names))


@contextmanager
def redis_errors(doing: str) -> Iterator[None]:
    """What Redis says in this block of its own troubles. Raises StoreUnavailable."""
    try:
        yield
    except (RedisError, OSError) as exc:
        raise StoreUnavailable(f"{doing}: {type(exc).__name__}: {exc}") from exc


class Scripts:
    """The scripts of one room, each one round trip. `before`: files that stand before each of them."""

    def __init__(self, redis: Redis, room: str, names: Iterable[str], *before: str) -> None:
        self._room = room
        self._scripts = {name: load_script(redis, *before, f"{room}/{name}") for name in names}

    async def run(self, name: str, *args: str | int) -> Any:
        """What the script answers. Raises StoreUnavailable."""
        with redis_errors(f"{self._room} {name}"):
            return await self._scripts[name](args=args)
