"""The bridge looks for itself: what no webhook brought is found, recorded and invoiced once."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, RedirectResponse, Response

from bridge.keys import Key
from bridge.looking import pages
from bridge.looking.polls import Polls
from tests.builders import stripe
from tests.builders.sales import sale
from tests.builders.shopify import as_body, shopify_order
from tests.builders.woocommerce import gmt, woocommerce_order
from tests.worlds.in_process import SHOPS, bridge_here
from tests.worlds.looking import known, last_polled, looking, poll, settle
from tests.worlds.platforms import Platforms

pytestmark = pytest.mark.usefixtures("redis")
NOW = datetime.now(UTC).replace(microsecond=0)
BUSY = {"retry-after": "0.01"}


async def test_a_third_of_the_webhooks_is_lost_and_every_sale_is_invoiced_once(redis_url: str) -> None:
    platforms, chance = Platforms(most=7), Random(16)
    sales = [
        sale(platform, n, shop=shop, buyer=n, refund="none", placed=NOW - timedelta(minutes=4, seconds=n))
        for shop, platform in SHOPS.items()
        for n in range(1, 21)
    ]
    async with looking(platforms, redis_url) as here:
        for each in sales:
            for one in each.deliveries:
                hold(platforms, one.platform, one.body)
            if chance.random() > 0.3:
                for one in each.deliveries:
                    await here.accept(one.body, one.topic, shop=one.shop, delivery=one.name)
        for shop in SHOPS:
            await last_polled(here, shop, NOW - timedelta(hours=3))
            await poll(here, shop)
        await settle(here)
        assert known(here) == sorted(each.key for each in sales)
        documents = len(here.sandbox.invoices)
        for shop in SHOPS:
            await poll(here, shop)
        assert await here.redis.zcard("bridge:waiting") == 0, "what is known is a duplicate"
        assert len(here.sandbox.invoices) == documents


def hold(platforms: Platforms, platform: str, body: bytes) -> None:
    """The platform knows the order as of its last webhook."""
    thing = json.loads(body)
    held = {
        "shopify": platforms.shopify,
        "woocommerce": platforms.woocommerce,
        "stripe": platforms.events,
    }[platform]
    held[:] = [each for each in held if each["id"] != thing["id"]]
    held.append(thing)


async def test_a_found_order_goes_by_in_the_backfill_lane_and_is_no_sign_of_life(redis_url: str) -> None:
    platforms = Platforms(shopify=[shopify_order(11, placed=NOW)])
    async with looking(platforms, redis_url) as here:
        await poll(here, "boutique")
        key = "shopify:boutique:order:11"
        assert (await here.state(key))["lane"] == "backfill"
        assert await here.redis.hget("bridge:shop:boutique", "last_event") is None
        (event,) = await here.redis.lrange(f"bridge:events:{key}", 0, -1)
        assert event.startswith(b"boutique:fetched:11:")
        assert (await here.sync(key))["state"] == "done"


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({}, 401),
        JSONResponse({}, 403),
        RedirectResponse("https://elsewhere.example/x"),
        JSONResponse({"errors": "no"}),
        Response(b"<html>maintenance</html>"),
        JSONResponse({}, 503, headers={"retry-after": "3600"}),
    ],
    ids=lambda answer: f"{answer.status_code}-{answer.body[:8].decode()}",
)
async def test_the_cursor_stays_where_a_poll_was_refused(
    redis_url: str, answer: Response, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAUSE", 0.001)
    platforms = Platforms(woocommerce=[woocommerce_order(5, placed=NOW)])
    async with looking(platforms, redis_url) as here:
        await poll(here, "atelier")
        before = await Polls(here.redis).state("atelier")
        assert before.cursor
        platforms.next = [answer] * pages.TRIES
        assert await poll(here, "atelier") <= timedelta(minutes=15)
        after = await Polls(here.redis).state("atelier")
        assert after.cursor == before.cursor
        assert after.problem
        platforms.next.clear()
        await poll(here, "atelier")
        assert not (await Polls(here.redis).state("atelier")).problem


async def test_a_busy_platform_is_waited_for(redis_url: str) -> None:
    platforms = Platforms(shopify=[shopify_order(n, placed=NOW) for n in range(1, 6)], most=2)
    platforms.next = [JSONResponse({}, 429, headers=BUSY), None, JSONResponse({}, 429, headers=BUSY)]
    async with looking(platforms, redis_url) as here:
        await poll(here, "boutique")
        assert await here.redis.zcard("bridge:orders") == 5


async def test_a_list_that_leads_in_a_circle_ends_with_a_reason(redis_url: str) -> None:
    endless = {
        "object": "list",
        "data": [stripe.event("invoice.paid", stripe.invoice(1), 1)],
        "has_more": True,
    }
    platforms = Platforms()
    platforms.next = [Response(as_body(endless)) for _ in range(10)]
    async with looking(platforms, redis_url) as here:
        await poll(here, "abonnements")
        state = await Polls(here.redis).state("abonnements")
        assert state.problem.code == "list_without_end"
        assert state.cursor is None


async def test_what_php_says_before_the_orders_is_stepped_over(redis_url: str) -> None:
    order = woocommerce_order(5, placed=NOW)
    platforms = Platforms(
        woocommerce=[order], noise=b"\xef\xbb\xbf<br />\n<b>Notice</b>: array [0] {x}<br />\n"
    )
    async with looking(platforms, redis_url) as here:
        await poll(here, "atelier")
        assert (await here.sync("woocommerce:atelier:order:5"))["state"] == "done"


async def test_an_order_that_cannot_be_read_is_a_row_and_no_stop(redis_url: str) -> None:
    good = woocommerce_order(6, placed=NOW)
    broken = good | {"id": 5, "currency": 7, "total": "x"}
    platforms = Platforms(woocommerce=[broken, good, good | {"id": "q"}])
    async with looking(platforms, redis_url) as here:
        await poll(here, "atelier")
        await settle(here)
        assert known(here) == ["woocommerce:atelier:order:6"]
        assert (await here.state("woocommerce:atelier:order:5"))["state"] == "attention"
        asking = [Key.parse(key.decode()).kind for key in await here.redis.zrange("bridge:attention", 0, -1)]
        assert sorted(asking) == ["event", "order"]
        assert not (await Polls(here.redis).state("atelier")).problem


async def test_a_clock_that_runs_ahead_hides_nothing(redis_url: str) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    platforms = Platforms()
    platforms.next = [Response(b"[]", headers={"date": tomorrow.strftime("%a, %d %b %Y %H:%M:%S GMT")})]
    async with looking(platforms, redis_url) as here:
        await poll(here, "atelier")
        cursor = (await Polls(here.redis).state("atelier")).cursor
        assert cursor
        assert cursor <= datetime.now(UTC)
        platforms.woocommerce.append(woocommerce_order(9, placed=datetime.now(UTC)))
        await poll(here, "atelier")
        assert (await here.sync("woocommerce:atelier:order:9"))["state"] == "done"


async def test_two_workers_poll_a_shop_once(redis_url: str) -> None:
    platforms = Platforms(woocommerce=[woocommerce_order(5, placed=NOW)])
    async with looking(platforms, redis_url) as here:
        (shop,) = (each for each in here.services.poller._shops if each.platform.shop == "atelier")
        waits = await asyncio.gather(*(here.services.poller.tend(shop) for _ in range(3)))
        assert len(platforms.asked) == 1
        assert max(waits) <= shop.every
        assert await here.services.poller.tend(shop) > timedelta(minutes=14)


async def test_stripe_is_asked_for_things_where_its_events_are_forgotten(redis_url: str) -> None:
    placed = NOW - timedelta(days=40)
    invoice = stripe.invoice(7, placed=placed)
    platforms = Platforms(things=[invoice, invoice | {"id": "in_draft", "status": "draft"}])
    async with looking(platforms, redis_url) as here:
        await last_polled(here, "abonnements", placed)
        await poll(here, "abonnements")
        await settle(here)
        assert known(here) == ["stripe:abonnements:invoice:in_7"]


async def test_a_shop_without_a_key_or_with_0_minutes_is_not_asked(redis_url: str) -> None:
    async with bridge_here(redis_url) as here:
        assert not here.services.poller._shops
    platforms = Platforms()
    async with platforms.served() as url:
        off = {"platform_api_key": SecretStr("k"), "platform_api_url": url, "poll_minutes": 0}
        often = off | {"poll_minutes": 0.01}
        async with bridge_here(redis_url, boutique=off, atelier=often) as here:
            assert [each.every.total_seconds() for each in here.services.poller._shops] == [0.6]


async def test_an_order_changed_between_two_pages_is_not_stepped_over(redis_url: str) -> None:
    """Pages counted by number would lose the one that moves up when its neighbour is changed."""
    orders = [woocommerce_order(n, placed=NOW - timedelta(seconds=300 - n)) for n in range(1, 151)]
    platforms = Platforms(woocommerce=orders)
    async with looking(platforms, redis_url) as here:
        answer = platforms._woo_orders

        def then_changed(request: Any) -> Response:
            given = answer(request)
            orders[0]["date_modified_gmt"] = gmt(NOW)
            return given

        platforms._woo_orders = then_changed  # type: ignore[method-assign]
        await poll(here, "atelier")
        assert await here.redis.zcard("bridge:orders") == 150
