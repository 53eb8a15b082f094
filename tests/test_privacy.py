"""Requests about personal data that Shopify passes on, from their webhook to their end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from redis.asyncio import Redis

from bridge.desk.erasure import Erased, erase
from bridge.desk.requests import answered, carry_out, find_request, open_requests, what_is_kept
from bridge.desk.values import Kept, NotDone, State
from bridge.reasons import because
from bridge.sources.privacy import Wanted
from bridge.texts import text_of
from tests.builders.shopify import as_body
from tests.builders.woocommerce import woocommerce_order
from tests.worlds.desk import CUSTOMER, World, key_of, open_world

EMAIL = str(CUSTOMER["email"])
BUYER: dict[str, Any] = {"id": CUSTOMER["id"], "email": EMAIL, "phone": "555-625-1199"}
OTHER: dict[str, Any] = {"id": 8002, "email": "dominique@example.com", "first_name": "Dominique"}
NOWHERE = {"billing_address": None, "shipping_address": None, "source_name": "pos"}
WRONG: dict[str, Any] = {"total_price": "99.99"}
SHOP: dict[str, Any] = {"shop_id": 954889, "shop_domain": "b.myshopify.com"}


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(redis, redis_url, tmp_path) as opened:
        yield opened


async def asks(world: World, topic: str, buyer: dict[str, Any] | None = None, *numbers: int) -> str:
    """Shopify passes on such a request; returns its key."""
    orders = [5_000_000 + number for number in numbers]
    at = "orders_requested" if topic == "customers/data_request" else "orders_to_redact"
    body = SHOP if topic == "shop/redact" else SHOP | {"customer": buyer or BUYER, at: orders}
    return await world.receive(json.dumps(body).encode(), topic)


async def order_elsewhere(world: World) -> str:
    """The same buyer buys in another shop."""
    key = await world.receive(as_body(woocommerce_order(email=EMAIL)), "order.updated", shop="atelier")
    await world.settle(key)
    return key


async def carry(world: World, key: str) -> Erased:
    return await carry_out(world.desk, await find_request(world.desk, key), "marie")


async def everything(redis: Any) -> str:
    """All that Redis holds, payloads unpacked, as one text."""
    found = []
    async for name in redis.scan_iter("bridge:*"):
        kind = (await redis.type(name)).decode()
        match kind:
            case "hash":
                fields = await redis.hgetall(name)
                content = [
                    zstandard.decompress(value) if key == b"body" else value for key, value in fields.items()
                ]
            case "list":
                content = await redis.lrange(name, 0, -1)
            case "zset":
                content = await redis.zrange(name, 0, -1)
            case "set":
                content = list(await redis.smembers(name))
            case "stream":
                content = [value for _, fields in await redis.xrange(name) for value in fields.values()]
            case _:
                content = [await redis.get(name) or b""]
        found.append(b" ".join([name, *content]).decode())
    return "\n".join(found).lower()


async def test_open_requests_are_listed_the_most_urgent_first(world: World) -> None:
    await world.order(1, **WRONG)  # asks for a person, but is no such request
    await world.receive(b'{"id": 1}', "app/uninstalled")
    keys = []
    for topic in ("customers/redact", "customers/data_request"):
        keys.append(await asks(world, topic))
        await asyncio.sleep(0.002)  # Redis' clock counts milliseconds: two in one are equally urgent
    keys.append(await world.receive(b"{}", "shop/redact"))
    rows = await open_requests(world.desk)
    assert [row.key for row in rows] == keys
    first = rows[0]
    assert (first.shop, first.topic, first.state) == ("boutique", "customers/redact", State.ATTENTION)
    assert first.due_at - first.received_at == timedelta(days=30)
    assert first.asked is not None
    assert (first.asked.wanted, first.asked.customer) == (
        Wanted.ERASE_BUYER,
        "shopify:boutique:customer:7001",
    )
    assert rows[2].asked is None
    assert text_of(rows[2].problem) == "its body has not the shape that Shopify describes"


async def test_a_buyer_is_erased_and_the_request_ends(world: World) -> None:
    named = await world.order(1, customer=None, email="", contact_email="")  # only its number tells
    known = await world.order(2, customer=BUYER, email=EMAIL)
    guest = await world.order(3, customer=None, email=EMAIL)
    other = await world.order(4, customer=OTHER, email=OTHER["email"], **NOWHERE)
    await world.receive(json.dumps({"id": BUYER["id"], "first_name": "Camille"}).encode(), "customers/update")
    await world.receive(json.dumps({"note": f"call {EMAIL}"}).encode(), "carts/update")
    elsewhere = await order_elsewhere(world)
    key = await asks(world, "customers/redact", None, 1, 777)  # order 777 never came
    erased = await carry(world, key)
    assert (erased.orders, erased.payloads, erased.unattached) == ((named, known, guest), 3, 2)
    assert not erased.refused
    story = await world.desk.story(key)
    assert story is not None
    assert (story.order.state, [event.kept for event in story.events]) == (State.IGNORED, [Kept.ERASED])
    assert [action.what for action in story.actions] == ["ignore", "erase"]
    assert "5 payloads of 3 orders are gone" in text_of(story.actions[0].reason)
    assert not await open_requests(world.desk)
    assert len(world.sandbox.invoices) == 5
    assert (await world.desk.orders(query=other)).rows[0].key == other
    # Another shop was not asked; without its order nothing here names the buyer.
    assert (await erase(world.desk, EMAIL, "marie")).orders == (elsewhere,)
    kept = await everything(world.redis)
    assert "dominique" in kept
    assert "camille" not in kept
    assert "555-625" not in kept


async def test_what_is_not_finished_is_refused_and_the_request_stays_open(world: World) -> None:
    done, stuck = await world.order(1, customer=BUYER), await world.order(2, customer=BUYER, **WRONG)
    key = await asks(world, "customers/redact", None, 1, 2)
    erased = await carry(world, key)
    assert erased.orders == (done,)
    assert erased.refused == {stuck: because("not_finished", state="attention")}
    assert [row.key for row in await open_requests(world.desk)] == [key]
    await world.desk.ignore(stuck, "by hand", "marie")
    erased = await carry(world, key)
    assert (erased.orders, erased.payloads) == ((done, stuck), 1)
    assert not await open_requests(world.desk)
    with pytest.raises(NotDone, match="it was carried out"):
        await carry(world, key)


async def test_two_requests_about_one_buyer_do_not_stand_in_each_others_way(world: World) -> None:
    await world.order(1, customer=BUYER)
    first, second = await asks(world, "customers/redact"), await asks(world, "customers/redact")
    for key in (first, second):
        assert not (await carry(world, key)).refused
    assert "camille" not in await everything(world.redis)


@pytest.mark.parametrize("topic", ["customers/redact", "shop/redact"])
async def test_nothing_is_erased_that_an_open_request_asks_to_see(world: World, topic: str) -> None:
    await world.order(1, customer=BUYER)
    another = await asks(world, "customers/data_request", OTHER)
    wanted = await asks(world, "customers/data_request")
    key = await asks(world, topic)
    with pytest.raises(NotDone, match=f"{wanted if topic == 'customers/redact' else another} asks for what"):
        await carry(world, key)
    for each in (another, wanted):
        await answered(world.desk, await find_request(world.desk, each), "marie")
    assert (await carry(world, key)).orders == (key_of(1),)


async def test_what_is_kept_of_a_buyer_is_theirs_and_nobody_elses(world: World) -> None:
    mine = await world.order(1, customer=BUYER)
    await world.order(2, customer=OTHER, email=OTHER["email"], note=f"a gift of {EMAIL}")
    await world.receive(json.dumps({"id": 7001, "first_name": "Camille"}).encode(), "customers/update")
    await world.receive(json.dumps({"note": f"for {EMAIL}", "id": 4}).encode(), "carts/update")
    key = await asks(world, "customers/data_request", None, 1, 777)
    row = await find_request(world.desk, key)
    kept = await what_is_kept(world.desk, row)
    (order,) = kept.orders
    assert order.order.key == mine
    assert [document.kind for document in order.documents] == ["customer", "invoice"]
    assert json.loads(order.payloads[0].body)["id"] == 5_000_001
    assert [other.row.topic for other in kept.others] == ["customers/update"]
    with pytest.raises(NotDone, match="not to erase"):
        await carry_out(world.desk, row, "marie")
    await answered(world.desk, row, "marie")
    assert not await open_requests(world.desk)
    again = await find_request(world.desk, key)
    assert (again.state, (await what_is_kept(world.desk, again)).orders) == (State.IGNORED, kept.orders)


async def test_a_shop_is_erased_and_other_shops_are_not(world: World) -> None:
    done = await world.order(1, customer=BUYER)
    guest = await world.order(2, customer=None, email="dominique@example.com")
    stuck = await world.order(3, customer=BUYER, **WRONG)
    gone = await world.receive(json.dumps({"email": EMAIL}).encode(), "app/uninstalled")
    await world.receive(json.dumps({"id": 7001}).encode(), "customers/update")
    await world.receive(json.dumps({"name": "atelier"}).encode(), "x.y", shop="atelier")
    key = await asks(world, "shop/redact")
    with pytest.raises(NotDone, match="not what is kept"):
        await what_is_kept(world.desk, await find_request(world.desk, key))
    erased = await carry(world, key)
    assert (set(erased.orders), erased.payloads, erased.unattached) == ({done, guest}, 2, 1)
    assert erased.refused.keys() == {stuck, gone}
    assert "dominique@example.com" in await everything(world.redis)  # the ledger's, until nothing is refused
    for each in (stuck, gone):
        await world.desk.ignore(each, "by hand", "marie")
    assert not (await carry(world, key)).refused
    kept = await everything(world.redis)
    assert "atelier" in kept
    assert not [name for name in ("camille", "dominique", "b.myshopify") if name in kept]
    # Should the shop come back, its orders are invoiced as ever, and its buyer is not made twice.
    await world.order(4, customer=None, email="dominique@example.com")
    assert len(world.sandbox.customers) == 2


async def test_an_old_request_sent_again_as_another_erases_nothing(world: World) -> None:
    """The signature covers the body only, so whoever has one could name another topic."""
    await world.order(1, customer=BUYER)
    body = json.dumps(SHOP | {"customer": OTHER, "orders_requested": []}).encode()
    key = await world.receive(body, "shop/redact")
    with pytest.raises(NotDone, match=r"not the shape .* by hand"):
        await carry(world, key)
    story = await world.desk.story(key_of(1))
    assert story is not None
    assert story.events[0].kept is Kept.KEPT


@pytest.mark.parametrize(
    "key", ["shopify:boutique:event:customers/redact:w9", key_of(1), "x", "a:b:event:c:d"]
)
async def test_what_is_no_request_is_not_carried_out(world: World, key: str) -> None:
    await world.order(1)
    with pytest.raises(NotDone, match="there is no request"):
        await find_request(world.desk, key)
