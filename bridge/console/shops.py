"""When each shop last delivered which topic, as `record.lua` notes it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bridge.errors import StoreUnavailable
from bridge.store import PREFIX, moment


class Deliveries:
    """See the module."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def by_topic(self, shop: str) -> Mapping[str, datetime]:
        """Topic → its last delivery. Raises StoreUnavailable."""
        try:
            fields = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(f"{PREFIX}shop:{shop}"))
        except (RedisError, OSError) as exc:
            raise StoreUnavailable(f"shop: {type(exc).__name__}: {exc}") from exc
        found = {}
        for name, at in fields.items():
            kind, _, topic = name.decode().partition(":")
            last = moment(at)
            if kind == "last" and last:
                found[topic] = last
        return found
