"""Version 0.1 wrote this store and this configuration (tests/stores/0.1): today's code goes on from there."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.alerts.outbox import current
from bridge.alerts.rules import evaluate
from bridge.desk.values import State
from bridge.settings.loading import load_settings
from bridge.texts import text_of
from tests.worlds.desk import World, key_of, open_world, paid_order

OLD = Path(__file__).parent / "stores" / "0.1"
DISPUTE = "shopify:boutique:event:disputes/create:w6"
ASKED = "a buyer disputes a payment: if it is lost, decide on a credit note by hand"
COMPARE = "compare them in Shopify"
SHOWN = {
    key_of(1): (State.DONE, "order #1: invoice F202611-1"),
    key_of(2): (
        State.ATTENTION,
        f"order #2: its lines come to 64.70 EUR and its total is 99.99; {COMPARE}",
    ),
    key_of(3): (State.OPEN, ""),
    key_of(4): (State.IGNORED, ""),
    key_of(5): (State.IGNORED, "settled by phone"),
    key_of(6): (
        State.ATTENTION,
        f"order #6: its lines come to 64.70 EUR and its total is 12.00; {COMPARE}",
    ),
    key_of(7): (State.WAITING, ""),
    key_of(8): (State.IN_HAND, ""),
    DISPUTE: (State.ATTENTION, f"disputes/create: {ASKED}"),
}


def raw(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"])


async def put_back(redis: Any) -> None:
    """The store as it was."""
    for name, held in json.loads((OLD / "store.json").read_text()).items():
        value = held["value"]
        match held["type"]:
            case "hash":
                await redis.hset(name, mapping={field: raw(each) for field, each in value.items()})
            case "list":
                await redis.rpush(name, *map(raw, value))
            case "set":
                await redis.sadd(name, *value)
            case "zset":
                await redis.zadd(name, value)
            case "stream":
                for at, fields in value:
                    await redis.xadd(name, {field: raw(each) for field, each in fields.items()}, id=at)
            case "string":
                await redis.set(name, raw(value))
        if held["ms"] > 0:
            await redis.pexpire(name, held["ms"])


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """The account has order 1's customer and invoice, as the old store knows them."""
    async with open_world(redis, redis_url, tmp_path) as world:
        await world.order(1)
        known = await redis.hgetall("bridge:meta")  # type: ignore[misc]
        await redis.flushall()
        await put_back(redis)
        await redis.hset("bridge:meta", "rounding", known[b"rounding"])  # type: ignore[misc]
        world.sent = 100
        yield world


def invoices(world: World, number: int) -> list[str]:
    """The totals of an order's invoices."""
    mine = [each for each in world.sandbox.invoices if each.values["api_custom"] == key_of(number)]
    return [str(each.totals.total_with_vat) for each in mine]


async def test_orders_and_reasons_are_shown_as_they_were(world: World) -> None:
    rows = {row.key: row for row in (await world.desk.orders()).rows}
    assert rows.keys() == SHOWN.keys()
    for key, (state, reason) in SHOWN.items():
        assert rows[key].state is state, key
        assert reason in text_of(rows[key].reason), key
    assert "503" in text_of(rows[key_of(7)].reason)
    story = await world.desk.known_story(key_of(2))
    assert COMPARE in text_of(story.runs[-1].reason)
    assert text_of((await world.desk.known_story(key_of(5))).actions[0].reason) == "settled by phone"
    (ignored,) = (await world.desk.events(topic="customers/update")).rows
    assert text_of(ignored.note) == "the order itself says who the buyer is"
    assert any(COMPARE in text_of(happening.text) for happening in await world.desk.feed())


async def test_what_waits_is_invoiced_once_and_what_is_invoiced_stays_so(world: World) -> None:
    for number in (7, 8):
        await world.settle(key_of(number))
        assert (await world.desk.known_story(key_of(number))).order.state is State.DONE
        assert invoices(world, number) == ["64.70"]
    for topic in ("orders/paid", "orders/updated"):
        await world.settle(await world.receive(paid_order(1), topic))
    world.sent = 0  # the very delivery that the old version had
    await world.settle(await world.receive(paid_order(1)))
    assert invoices(world, 1) == ["64.70"]
    assert len(world.sandbox.customers) == 1


async def test_a_persons_decision_stands_and_a_retry_says_today_what_is_wrong(world: World) -> None:
    await world.settle(await world.receive(paid_order(5), "orders/updated"))
    assert (await world.desk.known_story(key_of(5))).order.state is State.IGNORED
    for key in (key_of(2), DISPUTE):
        await world.desk.retry(key, "marie")
        await world.settle(key)
    rows = {row.key: row for row in (await world.desk.orders()).rows}
    assert (rows[key_of(2)].state, rows[key_of(2)].reason.code) == (State.ATTENTION, "shopify_lines_differ")
    assert (rows[DISPUTE].state, ASKED in text_of(rows[DISPUTE].reason)) == (State.ATTENTION, True)


async def test_alerts_and_the_quota_go_on(world: World) -> None:
    standing = await current(world.services.store)
    assert sorted(alert.name for alert in standing) == ["attention", "attention", "signatures"]
    assert any("compare them in Shopify" in text_of(alert.reason) for alert in standing)
    assert {delivery.channel for delivery in await world.services.notifier.book.deliveries()} == {"webhook"}
    seen = await world.services.notifier.book.look(world.services.quota, ("boutique",), silence=True)
    asking = {key for alert in evaluate(seen) if alert.name == "attention" for key in alert.orders}
    assert asking == {key_of(2), key_of(6), DISPUTE}
    state = await world.services.quota.state()
    assert state["last_failure"]
    assert "503" in text_of(state["last_failure_reason"])


def test_a_configuration_of_then_is_one_of_today(tmp_path: Path) -> None:
    """The example of then, filled in, with each key that it only shows."""
    text = re.sub(r"^# (?=\w+ = )", "", (OLD / "bridge.example.toml").read_text(), flags=re.MULTILINE)
    text = re.sub(r"^vat_regime = \[.*\n", "", text, flags=re.MULTILINE)  # the second way to write it
    signing = "whsec_" + base64.b64encode(bytes(32)).decode()
    filled_in = text.replace("whsec_…", signing).replace('"…"', '"0123456789abcdef"')
    (tmp_path / "bridge.toml").write_text(filled_in)
    settings = load_settings({}, tmp_path)
    written = tomllib.loads(filled_in)
    assert settings.model_fields_set == written.keys()
    assert settings.shops["boutique"].model_fields_set == written["shops"]["boutique"].keys()
    assert settings.alerts.model_fields_set == written["alerts"].keys()
