"""Every process is replaced, one after the other, while a shop goes on sending."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.builders.sales import Sale, sale
from tests.chaos.audit import violations
from tests.worlds.ports import free_port
from tests.worlds.shop import InsistentShop, ready
from tests.worlds.site import Child, Site, site
from tests.worlds.waiting import until

STOP_SECONDS = 10


async def stopped(child: Child) -> None:
    """It was asked to end, did so in time, and says that all is well."""
    began = time.monotonic()
    child.signal(signal.SIGTERM)
    assert await child.died(STOP_SECONDS) == 0, child.words()
    assert time.monotonic() - began < STOP_SECONDS


async def web(site: Site, name: str, port: int) -> Child:
    """A web process that is ready."""
    child = await site.start_web(name, port)
    await until(lambda: ready(site.http, f"http://127.0.0.1:{port}"), f"{name} is ready: {child.words()}")
    return child


async def test_a_rolling_restart_under_load_loses_nothing_and_doubles_nothing() -> None:
    async with site(settle=2) as here:
        ports = [free_port(), free_port()]
        webs = [await web(here, f"web-{n}", port) for n, port in enumerate(ports)]
        workers = [await here.start_worker(f"worker-{n}") for n in range(2)]
        shop = InsistentShop(here.http, [f"http://127.0.0.1:{port}" for port in ports])
        sales: list[Sale] = []
        over = asyncio.Event()

        async def send() -> None:
            """An order every now and then, for as long as anything is replaced."""
            placed = datetime.now(UTC) - timedelta(minutes=1)
            while not over.is_set():
                n = len(sales) + 1
                sales.append(sale("shopify", n, shop="boutique", buyer=n % 20, refund="none", placed=placed))
                await shop.place(sales[-1:])
                await asyncio.sleep(0.1)

        async def replace(old: Child, start: Callable[[], Awaitable[Child]]) -> Child:
            """A new process in its place, and the shop was at it meanwhile."""
            before = len(shop.acknowledged)
            await stopped(old)
            new = await start()
            await until(lambda: more_than(before), "the shop goes on")
            return new

        async def more_than(count: int) -> bool:
            return len(shop.acknowledged) > count

        sending = asyncio.create_task(send())
        await until(lambda: more_than(10), "the shop has begun")
        for n, port in enumerate(ports):
            webs[n] = await replace(webs[n], partial(web, here, f"web-{n}-new", port))
        for n in range(2):
            workers[n] = await replace(workers[n], partial(here.start_worker, f"worker-{n}-new"))
        await until(lambda: more_than(120), "sixty orders are placed")
        over.set()
        await sending

        async def right() -> bool:
            return violations(await here.state(), sales) == []

        await until(right, "each order is invoiced once", within=15)
        assert shop.acknowledged == {delivery.name for each in sales for delivery in each.deliveries}
        assert all(child.alive for child in (*webs, *workers))
        for child in (*webs, *workers):
            await stopped(child)
        assert violations(await here.state(), sales) == []
