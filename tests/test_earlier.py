"""Orders placed before the bridge heard from their shop: set aside, asked about once a shop, or taken in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bridge.alerts.rules import Alert, evaluate
from bridge.desk.offers import offers
from bridge.desk.values import NotDone, State
from bridge.orders import legal_date
from bridge.texts import text_of
from tests.builders.shopify import as_body, shopify_refund
from tests.worlds.desk import World, key_of, open_world, paid_order

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=700)


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(redis, redis_url, tmp_path) as world:
        yield world


def old_order(number: int, *, paid: datetime = LONG_AGO) -> bytes:
    return paid_order(
        number,
        created_at=LONG_AGO.isoformat(),
        processed_at=LONG_AGO.isoformat(),
        updated_at=paid.isoformat(),
    )


async def old(world: World, number: int, *, paid: datetime = LONG_AGO) -> str:
    key = await world.receive(old_order(number, paid=paid))
    await world.settle(key)
    return key


async def said(world: World, key: str) -> tuple[State, str]:
    order = (await world.desk.known_story(key)).order
    return order.state, order.reason.code


async def alerts(world: World) -> list[Alert]:
    services = world.services
    seen = await services.notifier.book.look(services.quota, ("boutique", "atelier"), silence=True)
    return [alert for alert in evaluate(seen) if alert.name in ("earlier", "attention")]


async def test_an_old_order_that_is_touched_gets_no_invoice(world: World) -> None:
    key = await old(world, 1)
    assert await said(world, key) == (State.IGNORED, "earlier")
    await world.desk.retry(key, "marie")
    await world.settle(key)
    assert await said(world, key) == (State.IGNORED, "earlier")
    assert (world.sandbox.invoices, await alerts(world)) == ([], [])
    heard = await world.services.store.first_heard("boutique")
    assert heard is not None
    assert legal_date(heard) == legal_date(datetime.now(UTC))
    assert await world.services.store.first_heard("atelier") is None


async def test_those_paid_since_ask_once_a_shop_and_are_taken_in_together(world: World) -> None:
    keys = [await old(world, number, paid=NOW) for number in (1, 2, 3)]
    wrong = await world.order(4, total_price="99.99")
    assert [await said(world, key) for key in keys] == [(State.ATTENTION, "earlier_paid_since")] * 3
    earlier, other = await alerts(world)
    assert (earlier.key, earlier.count, earlier.shop) == ("earlier:boutique", 3, "boutique")
    assert "3 orders of boutique (194.10 EUR)" in text_of(earlier.reason)
    assert other.orders == (wrong,)
    done = await world.desk.accept_earlier("boutique", "marie")
    assert sorted(done.resumed) == sorted(keys)
    await world.settle(*keys)
    assert [await said(world, key) for key in keys] == [(State.DONE, "invoiced")] * 3
    assert [str(each.totals.total_with_vat) for each in world.sandbox.invoices] == ["64.70"] * 3
    assert [alert.name for alert in await alerts(world)] == ["attention"]
    assert (await world.desk.accept_earlier("boutique", "marie")).resumed == ()


async def test_one_is_taken_in_also_when_it_was_set_aside_quietly(world: World) -> None:
    key = await old(world, 1)
    assert "take-in" in [offer.action for offer in offers(await world.desk.known_story(key))]
    assert await world.desk.accept(key, "marie")
    await world.settle(key)
    assert await said(world, key) == (State.DONE, "invoiced")
    assert not await world.desk.accept(key, "marie"), "it was taken in already"
    # What comes later goes on from there.
    refund = shopify_refund(json.loads(old_order(1)), 8001, "64.70", {1: 2, 2: 1})
    await world.settle(await world.receive(as_body(refund), "refunds/create"))
    assert (await said(world, key))[1] != "earlier_refunded"
    with pytest.raises(NotDone):
        await world.desk.accept(await world.order(2), "marie")


async def test_a_refund_of_one_says_that_its_invoice_is_not_ours(world: World) -> None:
    key = await old(world, 1)
    refund = shopify_refund(json.loads(old_order(1)), 8001, "19.90", {1: 1})
    await world.settle(await world.receive(as_body(refund), "refunds/create"))
    assert await said(world, key) == (State.ATTENTION, "earlier_refunded")
    assert world.sandbox.invoices == []


async def test_what_was_begun_goes_on_whenever_it_was_placed(world: World) -> None:
    key = await world.receive(old_order(1))
    begun = {"state": "intent", "at": int(NOW.timestamp() * 1000) - 600_000, "attempt": "a", "owner": key}
    await world.redis.hset(f"bridge:ledger:{key}", mapping=begun)
    await world.settle(key)
    assert await said(world, key) == (State.DONE, "invoiced")


async def test_a_shop_that_says_from_when_on(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    shops = {"boutique": {"invoice_from": (LONG_AGO - timedelta(days=2)).date().isoformat()}}
    async with open_world(redis, redis_url, tmp_path, shops) as world:
        assert await said(world, await old(world, 1)) == (State.DONE, "invoiced")


async def test_a_shop_that_an_earlier_version_heard_was_heard_from_then(world: World) -> None:
    """It did not note the day; its oldest order tells."""
    key = await world.receive(paid_order(1))
    then = int((LONG_AGO - timedelta(days=1)).timestamp() * 1000)
    await world.redis.hset(f"bridge:order:{key}", "created", then)
    await world.redis.hdel("bridge:shop:boutique", "first_event")
    assert await said(world, await old(world, 2)) == (State.DONE, "invoiced")
    heard = await world.services.store.first_heard("boutique")
    assert heard is not None
    assert int(heard.timestamp() * 1000) == then
    assert key_of(1) == key
