"""Time that passes only when it is told to, in this process and in Redis alike."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from redis.asyncio import Redis

MORNING = datetime(2026, 11, 29, 9, tzinfo=UTC)
"""When each run begins: after everything that happens in the cases, before the deadlines that they name."""
TIME = "redis.call('TIME')"
TOLD = "cases:time"


class VirtualRedis(Redis):
    """A client whose scripts read the time from a key, so that it is told."""

    def register_script(self, script: Any) -> Any:
        told = f"redis.call('LRANGE', '{TOLD}', 0, -1)"
        return super().register_script(str(script).replace(TIME, told))


class VirtualClock:
    """The bridge's clock, and what tells the scripts the time. Nothing is left to chance."""

    def __init__(self, redis: VirtualRedis) -> None:
        self._redis = redis
        self._now = MORNING
        self._tokens = count(1)

    def now(self) -> datetime:
        return self._now

    def boottime(self) -> float:
        return self._now.timestamp()

    def token(self) -> str:
        return f"token-{next(self._tokens)}"

    def jitter(self) -> float:
        return 1.0

    async def move_to(self, moment: datetime) -> None:
        """Never back."""
        self._now = max(self._now, moment)
        async with self._redis.pipeline(transaction=True) as both:
            both.delete(TOLD)
            both.rpush(TOLD, int(self._now.timestamp()), self._now.microsecond)
            await both.execute()
