"""All of Redis is lost, and the shops' orders are sent again: what exists is found, not made again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.builders.sales import PLATFORMS, Sale, sale
from tests.chaos.audit import violations
from tests.chaos.chaos import Shops
from tests.chaos.nemesis import Crew
from tests.worlds.site import Site, site
from tests.worlds.waiting import until

pytestmark = pytest.mark.timeout(240)


def some_sales(first: int) -> list[Sale]:
    placed = datetime.now(UTC) - timedelta(minutes=1)
    wanted = [
        (shop, platform, refund)
        for shop, platform in PLATFORMS.items()
        for refund in ("none", "part", "full")
        if (platform, refund) != ("woocommerce", "part")
    ]
    return [
        sale(platform, n, shop=shop, buyer=n % 5, refund=refund, placed=placed)
        for n, (shop, platform, refund) in enumerate(wanted, start=first)
    ]


async def come_to_rest(there: Site) -> None:
    redis = there.valkey.client()

    async def quiet() -> bool:
        return not await redis.zcard("bridge:waiting")

    try:
        await until(quiet, "no order waits", within=60)
        assert await redis.zrange("bridge:attention", 0, -1) == []
    finally:
        await redis.aclose()


@pytest.mark.parametrize("how", ["FLUSHALL", "disk"])
async def test_after_a_total_loss_and_a_replay_nothing_is_there_twice(how: str) -> None:
    async with site(settle=2) as there:
        crew, sales = Crew(there), some_sales(1)
        await crew.start_all()
        shops = Shops(crew.urls(), Random(1), there.http)
        await shops.deliver_all(sales)
        await come_to_rest(there)
        assert violations(await there.state(), sales) == []

        # One more is created and not yet written down when the lights go out.
        (late,) = some_sales(101)[:1]
        victim = await there.start_worker("victim", BRIDGE_CRASH_AT="api.POST /invoices.json.answered")
        await asyncio.gather(*(crew.children[name].kill() for name in ("worker1", "worker2")))
        await shops.deliver_all([late])
        assert await victim.died(20) == -9
        if how == "disk":
            await there.valkey.kill()
            there.valkey.lose_everything()
            await there.valkey.start()
        else:
            redis = there.valkey.client()
            await redis.flushall()
            await redis.aclose()
        # The webs know nothing of it; their ledger's floor does.
        await asyncio.gather(crew.start("worker1"), crew.start("worker2"))

        new = some_sales(201)
        await shops.deliver_all([*sales, late, *new])
        await come_to_rest(there)
        everything = [*sales, late, *new]
        assert violations(await there.state(), everything) == []
        assert shops.answers["accepted"] >= 2 * sum(len(each.deliveries) for each in sales)
