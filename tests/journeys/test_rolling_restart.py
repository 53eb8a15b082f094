"""Every process is replaced, one after the other, while a shop goes on sending."""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime, timedelta

from tests.chaos.audit import violations
from tests.chaos.orders import sale
from tests.chaos.processes import Child, Site, free_port, site, until
from tests.journeys.shop import InsistentShop, ready

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
        placed = datetime.now(UTC) - timedelta(minutes=1)
        sales = [
            sale("shopify", n, shop="boutique", buyer=n % 20, refund="none", placed=placed)
            for n in range(1, 61)
        ]
        at_work = asyncio.Event()
        over = asyncio.Event()

        async def send() -> None:
            """Goes on for as long as anything is replaced; the last tenth comes after that."""
            for number, each in enumerate(sales):
                await shop.place([each])
                at_work.set()
                if number < len(sales) * 0.9:
                    await asyncio.sleep(0.1)
                else:
                    await over.wait()

        sending = asyncio.create_task(send())
        await at_work.wait()
        during = len(shop.acknowledged)
        for n, port in enumerate(ports):
            await stopped(webs[n])
            webs[n] = await web(here, f"web-{n}-new", port)
        for n in range(2):
            await stopped(workers[n])
            workers[n] = await here.start_worker(f"worker-{n}-new")
        assert not sending.done()
        assert len(shop.acknowledged) > during  # it was under load
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
