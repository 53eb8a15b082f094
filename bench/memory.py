"""What Valkey's memory holds for each order and each ledger entry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bench.ground import Ground
from bench.life import Life, life
from bench.table import Table

ORDERS = 1000


def run(ground: Ground) -> list[Table]:
    """Growth of used_memory, divided."""
    return asyncio.run(_run(ground))


async def _run(ground: Ground) -> list[Table]:
    async with life(ground.url) as lived:
        # So that what all orders share is there already: indexes, counters, the feed.
        await lived.many(0, ORDERS, finished=False)

        async def each(act: Callable[[Life, int], Awaitable[None]]) -> int:
            before = ground.info("memory")["used_memory"]
            for n in range(ORDERS, 2 * ORDERS):
                await act(lived, n)
            grown: int = ground.info("memory")["used_memory"] - before
            return round(grown / ORDERS)

        rows = [
            ("stored order of 8 KB, waiting", await each(Life.record)),
            ("entry of the ledger", await each(Life.fact)),
        ]
    return [Table("memory: in Valkey", ("what", "bytes each"), rows)]
