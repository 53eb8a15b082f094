"""An order's life in the store alone, step by step: what web and worker ask of it, without anything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from bench.orders import SHOP, Orders
from bridge.runtime.wiring import connect
from bridge.sources.base import ForOrder
from bridge.store.store import Store
from bridge.store.values import Lease, Outcome

RECORD = {"id": 123456, "number": "F20261042", "total": "64.70", "customer_id": 4711, "why": ["TVA 20 %"]}
"""What is kept of an invoice, roughly."""


class Life:
    """Order `n`, in any step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._orders = Orders()

    async def record(self, n: int) -> None:
        """It is received."""
        identity = ForOrder(event_id=f"e{n}", topic="orders/paid", order_key=self._orders.key(n))
        await self._store.record(SHOP, "shopify", identity, {}, self._orders.body(n, n))

    async def fact(self, n: int) -> None:
        """Its invoice exists."""
        await self._store.done([self._orders.key(n)], RECORD)

    async def sync(self, n: int) -> None:
        """All that a worker asks for one new invoice."""
        key = self._orders.key(n)
        lease = Lease(order_key=key, token=f"t{n}")
        view = await self._store.take(lease)
        assert view is not None
        await self._store.ledger([key])
        await self._store.begin(lease, key, f"a{n}", datetime.now(UTC), f"shopify:{SHOP}:")
        await self.fact(n)
        await self._store.release(lease, view, Outcome.DONE, "", keep={"number": f"#{n}", "total": "64.70"})

    async def finish(self, n: int) -> None:
        """It is done without anything."""
        lease = Lease(order_key=self._orders.key(n), token=f"t{n}")
        view = await self._store.take(lease)
        assert view is not None
        await self._store.release(lease, view, Outcome.DONE, "")

    async def many(self, first: int, last: int, *, finished: bool) -> None:
        """Receives these orders, several at a time, and finishes them."""
        ahead = iter(range(first, last))

        async def one_after_the_other() -> None:
            for n in ahead:
                await self.record(n)
                if finished:
                    await self.finish(n)

        await asyncio.gather(*(one_after_the_other() for _ in range(64)))


@asynccontextmanager
async def life(url: str) -> AsyncIterator[Life]:
    """On this Valkey, whose ledger is known to have forgotten nothing."""
    redis = connect(url)
    store = Store(redis, retention=timedelta(days=90))
    await store.open()
    await store.set_shop_verdict(f"shopify:{SHOP}:", clean=True)
    yield Life(store)
    await redis.aclose(close_connection_pool=True)
