"""Does an acknowledgement or a run of a worker cost more when much is stored, or when many orders wait?

The cost is the time that Valkey spends in our scripts, as it counts it. One Valkey of each size, in turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from statistics import median

from bench.child import child, say
from bench.ground import OTHER_CORE, SERVER_CORE, Ground, ground
from bench.life import Life, life
from bench.table import Cell, Goal, Table

FEW, STORED, WAITING = 10, 100_000, 10_000
ROUNDS, ORDERS = 5, 60


def run(here: Ground) -> list[Table]:
    """Three Valkeys, the given one the smallest."""
    with ground() as stored, ground() as waiting:
        with ExitStack() as stack:
            half = STORED // 2
            filling = [
                stack.enter_context(child("flat:fill", core, url=stored.url, first=first, last=first + half))
                for core, first in ((SERVER_CORE, 0), (OTHER_CORE, half))
            ]
            for each in filling:
                each.hear()
        assert stored.redis.zcard("bridge:orders") == STORED
        return asyncio.run(_run(here, stored, waiting))


def fill(url: str, first: int, last: int) -> None:
    """Receives and finishes these orders, and says so."""

    async def run() -> None:
        async with life(url) as lived:
            await lived.many(first, last, finished=True)

    asyncio.run(run())
    say("filled")


async def _run(few: Ground, stored: Ground, waiting: Ground) -> list[Table]:
    async with AsyncExitStack() as stack:
        lives = {one.url: await stack.enter_async_context(life(one.url)) for one in (few, stored, waiting)}
        await lives[few.url].many(0, FEW, finished=True)
        await lives[waiting.url].many(0, WAITING, finished=False)
        found: dict[tuple[str, str], list[float]] = {}
        for turn in range(ROUNDS):
            orders = range(STORED + turn * ORDERS, STORED + (turn + 1) * ORDERS)
            for step, act in (("acknowledge", Life.record), ("sync", Life.sync)):
                for one in (few, stored, waiting):
                    cost = await _cost(one, lives[one.url], act, orders)
                    found.setdefault((step, one.url), []).append(cost)
    rows: list[list[Cell]] = []
    goals = []
    for step in ("acknowledge", "sync"):
        costs = [median(found[step, one.url]) for one in (few, stored, waiting)]
        rows.append([step, *(round(cost) for cost in costs)])
        ratio = max(costs) / costs[0]
        goals.append(Goal(f"{step}: most, of the least", ratio, 1.5, 1.2, at_least=False))
    sizes = (f"{FEW} stored", f"{STORED} stored", f"{WAITING} waiting")
    return [Table("flat: µs in Valkey for each order", ("step", *sizes), rows, goals)]


async def _cost(
    where: Ground, lived: Life, act: Callable[[Life, int], Awaitable[None]], orders: range
) -> float:
    """µs of Valkey's time in scripts for each of the orders."""
    where.redis.config_resetstat()
    for n in orders:
        await act(lived, n)
    scripts = where.info("commandstats")["cmdstat_evalsha"]
    return float(scripts["usec"]) / len(orders)
