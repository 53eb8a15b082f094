"""Refunds and disputes that come when the order's own events are gone: `retention_days` are over."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.desk.values import State
from bridge.store.store import PREFIX
from bridge.texts import text_of
from tests.builders import stripe
from tests.builders.shopify import as_body, shopify_refund
from tests.worlds.desk import World, key_of, open_world, paid_order

D = Decimal


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    shops = {name: {"partial_refunds": "final"} for name in ("boutique", "abonnements")}
    async with open_world(redis, redis_url, tmp_path, shops) as world:
        yield world


async def days_pass(world: World, key: str) -> None:
    """All that Redis gives up by itself is gone by then."""
    for name in [
        f"{PREFIX}fetched:{key}",
        *(f"{PREFIX}event:{e.id}" for e in (await story(world, key)).events),
    ]:
        ttl = await world.redis.pttl(name)
        assert ttl == -2 or 0 < ttl <= 90 * 86_400_000
        await world.redis.delete(name)


async def story(world: World, key: str) -> Any:
    return await world.desk.known_story(key)


async def refunded(world: World, id_: int, amount: str, lines: dict[int, int], number: int = 1042) -> str:
    told = shopify_refund(json.loads(paid_order(number)), id_, amount, lines)
    key = await world.receive(as_body(told), "refunds/create")
    await world.settle(key)
    return key


def totals(world: World) -> list[tuple[str, bool]]:
    """Of every document, and whether it is final."""
    return [(str(each.totals.total_with_vat), bool(each.invoice_ref)) for each in world.sandbox.invoices]


def net_by_rate(world: World, at: int) -> dict[Decimal, Decimal]:
    found: dict[Decimal, Decimal] = {}
    for item in world.sandbox.invoices[at].items:
        found[item.values["vat"]] = found.get(item.values["vat"], D(0)) + item.total
    return found


async def test_lines_that_come_back_are_credited_at_the_rates_of_the_invoice(world: World) -> None:
    key = await world.order()
    await days_pass(world, key)
    assert await refunded(world, 8001, "18.00", {2: 1}) == key
    assert (await story(world, key)).order.state is State.DONE
    assert totals(world) == [("64.70", True), ("-18.00", True)]
    assert {rate for rate, net in net_by_rate(world, 1).items() if net} == {D("0.055")}
    row = (await story(world, key)).order
    assert (row.number, str(row.total)) == ("#1042", "64.70")


async def test_each_of_several_counts_those_before(world: World) -> None:
    key = await world.order()
    await refunded(world, 8001, "19.90", {1: 1})
    for id_, amount, lines in ((8002, "18.00", {2: 1}), (8003, "19.90", {1: 1})):
        await days_pass(world, key)
        await refunded(world, id_, amount, lines)
        assert (await story(world, key)).order.state is State.DONE
    await days_pass(world, key)
    await refunded(world, 8004, "50.00", {})
    order = (await story(world, key)).order
    assert (order.state, "refund_exceeds" in order.reason.as_json()) == (State.ATTENTION, True)
    assert totals(world) == [("64.70", True), ("-19.90", True), ("-18.00", True), ("-19.90", True)]


async def test_all_of_it_is_reversed(world: World) -> None:
    key = await world.order()
    await days_pass(world, key)
    await refunded(world, 8001, "64.70", {})
    assert totals(world) == [("64.70", True), ("-64.70", True)]
    assert world.sandbox.invoices[1].refund_id == world.sandbox.invoices[0].id
    assert (await story(world, key)).order.state is State.DONE


async def test_an_invoice_of_an_older_version_is_read_line_by_line(world: World) -> None:
    key = await world.order()
    record = (await world.services.store.ledger([key]))[key]
    older = {name: value for name, value in record.items() if name not in ("parts", "nets")}
    await world.services.store.done([key], older)
    await days_pass(world, key)
    await refunded(world, 8001, "18.00", {2: 1})
    assert totals(world) == [("64.70", True), ("-18.00", True)]
    assert {rate for rate, net in net_by_rate(world, 1).items() if net} == {D("0.055")}


async def test_a_dispute_names_the_invoice(world: World) -> None:
    key = await world.order()
    await days_pass(world, key)
    dispute = {
        "id": 9001,
        "order_id": 5_001_042,
        "amount": "64.70",
        "currency": "EUR",
        "reason": "fraudulent",
    }
    body = as_body(dispute | {"status": "needs_response", "type": "chargeback"})
    assert await world.receive(body, "disputes/create") == key
    await world.settle(key)
    order = (await story(world, key)).order
    assert (order.state, order.reason.code) == (State.ATTENTION, "disputed")
    assert str(world.sandbox.invoices[0].full_invoice_ref) in text_of(order.reason)


async def test_a_yearly_subscription_of_stripe_s(world: World) -> None:
    """Money alone went back: it is spread over the rates; the second time it is all that is left."""
    book = stripe.line(1000, stripe.tax(55, {"id": "txr_2", "percentage": 5.5}), id_="il_2", title="Livre")
    lines = [stripe.line(2900, stripe.tax(580)), book]
    sale = stripe.invoice(1, lines)
    events = [stripe.event("invoice.paid", sale, 1)]
    events.append(stripe.event("invoice_payment.paid", stripe.payment(sale, 1), 1))
    for body in events:
        key = await world.receive(as_body(body), body["type"], shop="abonnements")
    await world.settle(key)
    for part, amount in ((1, 1000), (2, 3535)):
        await days_pass(world, key)
        told = stripe.refund(amount, 1) | {"id": f"re_{part}"}
        body = stripe.event("refund.created", told, f"r{part}")
        assert await world.receive(as_body(body), "refund.created", shop="abonnements") == key
        await world.settle(key)
    assert totals(world) == [("45.35", True), ("-10.00", True), ("-35.35", True)]
    left = [net_by_rate(world, at) for at in range(3)]
    assert {rate: sum(each.get(rate, D(0)) for each in left) for rate in left[0]} == dict.fromkeys(
        left[0], D(0)
    )


async def test_without_an_invoice_it_waits_for_the_order_as_before(world: World) -> None:
    key = await refunded(world, 8001, "18.00", {2: 1})
    assert key == key_of()
    order = (await story(world, key)).order
    assert (order.state, order.reason.code) == (State.WAITING, "shopify_order_awaited")
    assert world.sandbox.invoices == []
