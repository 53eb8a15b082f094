"""A document that a person made is counted among an order's, or not any more; nothing is made unasked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bridge.desk.operations import OPERATIONS
from bridge.desk.values import NotDone, State, Story
from bridge.orders import legal_date
from bridge.runtime.wiring import SystemClock
from bridge.store.values import Lease
from bridge.texts import text_of
from tests.builders.shopify import as_body, shopify_refund
from tests.worlds.desk import World, key_of, open_world, paid_order

D = Decimal
KEY = key_of()
LINES = ((2, "16.583", "0.2"), (1, "17.061", "0.055"), (1, "5.75", "0.2"))
"""What the order sells, net: two mugs, a book, shipping; 64.70 with VAT."""


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(redis, redis_url, tmp_path, {"boutique": {"partial_refunds": "final"}}) as world:
        yield world


async def by_hand(world: World, *lines: tuple[int, str, str], paid: bool = True) -> str:
    """A person makes an invoice, or with negative quantities a credit note; its number."""
    client, today = world.services.client, legal_date(SystemClock().now()).isoformat()
    customers = await client.find_customers_by_email("camille.martin@example.com")
    if not customers:
        fields = {"individual": True, "last_name": "Martin", "email": "camille.martin@example.com"}
        customers = [await client.create_customer(fields, before_send=lambda: None)]
    items = [
        {"position": n, "title": f"Ligne {n}", "quantity": str(quantity), "unit_price": price, "vat": vat}
        for n, (quantity, price, vat) in enumerate(lines, start=1)
    ]
    fields = {"customer_id": customers[0].id, "currency": "EUR", "invoiced_on": today, "items": items}
    if paid:
        fields |= {"paid_on": today, "payment_mode": 3, "pay_before": "0"}
    return (await client.create_invoice(fields, before_send=lambda: None)).number


async def story(world: World, key: str = KEY) -> Story:
    return await world.desk.known_story(key)


async def unreadable(world: World) -> str:
    """An order of 64.70 EUR that nobody can invoice: its lines do not come to its total."""
    body = json.loads(paid_order())
    body["line_items"][0]["price"] = "18.00"
    key = await world.receive(as_body(body))
    await world.settle(key)
    assert (await story(world)).order.state is State.ATTENTION
    return key


async def test_an_invoice_made_by_hand_closes_an_order_that_could_not_be_read(world: World) -> None:
    key = await unreadable(world)
    number = await by_hand(world, *LINES)
    would = await world.desk.attach(key, number, dry_run=True)
    assert (would.sale, would.documents, would.left, would.done) == (D("64.70"), D("64.70"), D(0), False)
    assert (await story(world)).documents == (), "nothing has changed"
    assert (await world.desk.attach(key, number, "marie")).done
    await world.settle(key)
    told = await story(world)
    assert (told.order.state, told.order.invoice) == (State.DONE, number)
    assert [(each.number, each.attached) for each in told.documents if each.kind == "invoice"] == [
        (number, True)
    ]
    assert [(action.what, action.who) for action in told.actions] == [("attach", "marie")]
    # A later refund is credited on it.
    refund = shopify_refund(json.loads(paid_order()), 8001, "18.00", {2: 1})
    await world.settle(await world.receive(as_body(refund), "refunds/create"))
    assert [str(each.totals.total_with_vat) for each in world.sandbox.invoices] == ["64.70", "-18.00"]


async def test_what_is_left_is_made_when_a_person_wants_it(world: World) -> None:
    key = await unreadable(world)
    await world.desk.ignore(key, "later", "marie")
    number = await by_hand(world, *LINES[:2])
    then = await world.desk.attach(key, number, "marie")
    assert (then.documents, then.left) == (D("57.80"), D("6.90"))
    asks = (await story(world)).order
    assert (asks.state, asks.reason.code) == (State.ATTENTION, "attached")
    assert "6.90" in text_of(asks.reason)
    rest = await by_hand(world, LINES[2])
    assert (await world.desk.attach(key, rest, "marie")).left == 0
    await world.settle(key)
    assert (await story(world)).order.state is State.DONE
    assert len(world.sandbox.invoices) == 2


async def test_the_rest_of_an_order_is_invoiced_by_a_retry(world: World) -> None:
    key = await world.receive(paid_order(financial_status="pending"), "orders/create")
    with pytest.raises(NotDone, match="nobody knows yet"):
        await world.desk.attach(key, await by_hand(world, *LINES[:2]))
    await world.settle(key)
    (number,) = (str(each.full_invoice_ref) for each in world.sandbox.invoices)
    assert (await world.desk.attach(key, number, "marie")).left == D("6.90")
    await world.settle(await world.receive(paid_order()))
    assert len(world.sandbox.invoices) == 1, "nothing is made unasked"
    await world.desk.retry(key, "marie")
    await world.settle(key)
    assert (await story(world)).order.state is State.DONE
    assert [str(each.totals.total_with_vat) for each in world.sandbox.invoices] == ["57.80", "6.90"]


async def test_a_credit_note_made_by_hand_takes_the_place_of_the_refund_s(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    async with open_world(redis, redis_url, tmp_path, {"boutique": {"partial_refunds": "hold"}}) as world:
        key = await world.order()
        refund = shopify_refund(json.loads(paid_order()), 8001, "18.00", {2: 1})
        await world.settle(await world.receive(as_body(refund), "refunds/create"))
        assert (await story(world)).order.reason.code == "credit_by_hand"
        with pytest.raises(NotDone, match="no refund of the order lacks a credit note"):
            await world.desk.attach(key, await by_hand(world, (-1, "5.75", "0.2")))
        number = await by_hand(world, (-1, "17.061", "0.055"))
        assert (await world.desk.attach(key, number, "marie")).left == 0
        await world.settle(key)
        told = await story(world)
        assert told.order.state is State.DONE
        assert [each.number for each in told.documents if each.kind == "credit_note"] == [number]


async def test_detaching_takes_it_out_and_nothing_is_made_unasked(world: World) -> None:
    key = await unreadable(world)
    number = await by_hand(world, *LINES)
    await world.desk.attach(key, number, "marie")
    await world.settle(key)
    assert (await world.desk.detach(key, number, dry_run=True)).left == D("64.70")
    assert (await story(world)).order.state is State.DONE
    await world.desk.detach(key, number, "marie")
    told = await story(world)
    assert (told.order.state, told.order.reason.code) == (State.ATTENTION, "detached")
    with pytest.raises(NotDone, match="was not attached"):
        await world.desk.detach(key, number, "marie")
    await world.desk.attach(key, number, "marie")
    await world.settle(key)
    assert (await story(world)).order.state is State.DONE
    assert len(world.sandbox.invoices) == 1


async def test_what_is_refused(world: World) -> None:
    key = await unreadable(world)
    number = await by_hand(world, *LINES)
    other = await world.order(2)
    with pytest.raises(NotDone, match="no invoice or credit note of number F1999"):
        await world.desk.attach(key, "F1999-1")
    with pytest.raises(NotDone, match="belongs to another order"):
        await world.desk.attach(key, (await story(world, other)).order.invoice)
    with pytest.raises(NotDone, match="already"):
        await world.desk.attach(other, (await story(world, other)).order.invoice)
    await world.desk.attach(key, number, "marie")
    await world.settle(key)
    with pytest.raises(NotDone, match="already"):
        await world.desk.attach(key, number)
    with pytest.raises(NotDone, match=f"belongs to another order: {key}"):
        await world.desk.attach(other, number)


async def test_what_the_bridge_has_begun_itself_is_not_replaced(world: World) -> None:
    key = await world.receive(paid_order(financial_status="pending"), "orders/create")
    await world.settle(key)
    await world.receive(paid_order())
    number = await by_hand(world, *LINES)
    lease = Lease(order_key=key, token="t")
    assert await world.services.store.take(lease)
    with pytest.raises(NotDone, match="worker"):
        await world.desk.attach(key, number)
    await world.services.store.begin(lease, key, "a", SystemClock().now(), "shopify:boutique:")
    await world.redis.delete(f"bridge:lease:{key}")
    with pytest.raises(NotDone, match="has begun a document of its own"):
        await world.desk.attach(key, number)


async def test_one_of_two_orders_gets_it(world: World) -> None:
    keys = [await world.receive(paid_order(n, financial_status="pending"), "orders/create") for n in (1, 2)]
    await world.settle(*keys)
    number = await by_hand(world, *LINES)
    done = await asyncio.gather(*(world.desk.attach(key, number) for key in keys), return_exceptions=True)
    assert sorted(isinstance(each, NotDone) for each in done) == [False, True]


async def test_a_rate_that_was_not_sold_is_asked_about(world: World) -> None:
    key = await world.receive(paid_order(financial_status="pending"), "orders/create")
    await world.settle(key)
    number = await by_hand(world, (1, "53.917", "0.2"))
    assert (await world.desk.attach(key, number)).left == 0
    await world.settle(await world.receive(paid_order()))
    order = (await story(world)).order
    assert (order.state, order.reason.code) == (State.ATTENTION, "attached_beyond")
    assert len(world.sandbox.invoices) == 1


def test_it_is_an_operation_like_any_other() -> None:
    assert {"attach_document", "detach_document", "accept_earlier"} <= OPERATIONS.keys()
