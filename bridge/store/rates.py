"""The reference rates of the European Central Bank, by day, as they were read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from bridge.store.store import PREFIX, Store
from bridge.valkey.scripts import redis_errors

KEY: Final = f"{PREFIX}rates"


class KeptRates:
    """Everything raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis: Any = store.redis  # its stub: an answer that may be no awaitable

    async def on(self, days: Sequence[date]) -> dict[date, dict[str, str]]:
        """Currency → what a euro cost, of those of the days that are known."""
        with redis_errors("rates"):
            kept = await self._redis.hmget(KEY, [day.isoformat() for day in days])
        return {day: json.loads(rates) for day, rates in zip(days, kept, strict=True) if rates}

    async def keep(self, rates: Mapping[date, Mapping[str, str]]) -> None:
        """A day's rates never change."""
        written = {day.isoformat(): json.dumps(dict(of_day)) for day, of_day in rates.items()}
        with redis_errors("keep rates"):
            await self._redis.hset(KEY, mapping=written)
