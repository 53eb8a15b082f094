"""The desk's Lua scripts, and the words they are given."""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bridge.errors import StoreUnavailable
from bridge.store import load_script

LONGEST_TEXT: Final = 500
"""Of a reason or a name that a person gives."""
NAMES = (
    *("orders", "find", "story", "events", "event", "stats"),
    *("resume", "set_aside", "replayable", "erase", "blank"),
)


class Scripts:
    """`lua/desk_*.lua`, each one round trip."""

    def __init__(self, redis: Redis) -> None:
        self._scripts = {name: load_script(redis, "desk_common", f"desk_{name}") for name in NAMES}

    async def run(self, name: str, *args: str | int) -> Any:
        """What the script answers. Raises StoreUnavailable."""
        try:
            return await self._scripts[name](args=args)
        except (RedisError, OSError) as exc:
            raise StoreUnavailable(f"{name}: {type(exc).__name__}: {exc}") from exc


def short(given: str) -> str:
    """What a person wrote, on one line and not too long."""
    return " ".join(given.split())[:LONGEST_TEXT]


def unknown(key: str) -> str:
    """Said of an order that there is not."""
    return f"there is no order {key}: see bridge orders list"
