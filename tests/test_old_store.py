"""A store of before reasons were values holds sentences: they are shown as they are, and work goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.alerts.rules import evaluate
from bridge.desk.values import State
from bridge.reasons import reason_from, reason_of
from bridge.texts import text_of
from tests.test_privacy import everything
from tests.worlds.desk import World, open_world, paid_order

WRONG = "its lines come to 64.70 EUR and its total is 99.99"
ASKED = "a buyer disputes a payment"


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(redis, redis_url, tmp_path) as world:
        yield world


async def in_sentences(redis: Any) -> None:
    """Every reason in the store becomes what an earlier version stored in its place."""

    def sentence(stored: bytes) -> str:
        return text_of(reason_from(stored.decode()))

    for kind, field in ((b"order", "reason"), (b"event", "note")):
        async for name in redis.scan_iter(b"bridge:%s:*" % kind):
            if said := await redis.hget(name, field):
                await redis.hset(name, field, sentence(said))
    async for name in redis.scan_iter("bridge:actions:*"):
        for at, action in enumerate(map(json.loads, await redis.lrange(name, 0, -1))):
            action["reason"] = sentence(action["reason"].encode())
            await redis.lset(name, at, json.dumps(action))
    async for name in redis.scan_iter("bridge:calls:*"):
        for at, run in enumerate(map(json.loads, await redis.lrange(name, 0, -1))):
            told = [noted | {"why": text_of(reason_of(noted["why"]))} for noted in run if "why" in noted]
            await redis.lset(name, at, json.dumps([noted for noted in run if "why" not in noted] + told))
    feed = await redis.xrange("bridge:feed")
    await redis.delete("bridge:feed")
    for entry, fields in feed:
        await redis.xadd("bridge:feed", {**fields, b"text": sentence(fields[b"text"])}, id=entry)


async def test_a_store_of_sentences_is_read_and_goes_on(world: World) -> None:
    wrong = await world.order(total_price="99.99")
    aside = await world.receive(paid_order(2))
    await world.desk.ignore(aside, "settled by phone", "marie")
    dispute = await world.receive(b'{"id": 1, "order_id": 7}', "disputes/create")
    await world.receive(b'{"id": 1}', "customers/update")
    await in_sentences(world.redis)
    assert '{"code"' not in await everything(world.redis)

    rows = {row.key: row for row in (await world.desk.orders()).rows}
    assert WRONG in text_of(rows[wrong].reason)
    assert text_of(rows[aside].reason) == "settled by phone"
    assert ASKED in text_of(rows[dispute].reason)
    story = await world.desk.known_story(wrong)
    assert WRONG in text_of(story.runs[-1].reason)
    assert text_of((await world.desk.known_story(aside)).actions[0].reason) == "settled by phone"
    (ignored,) = (await world.desk.events(topic="customers/update")).rows
    assert "who the buyer is" in text_of(ignored.note)
    assert any(WRONG in text_of(happening.text) for happening in await world.desk.feed())
    seen = await world.services.notifier.book.look(world.services.quota, ("boutique",), silence=True)
    assert {key for alert in evaluate(seen) for key in alert.orders} == {wrong, dispute}

    await world.order(2)
    assert (await world.desk.known_story(aside)).order.state is State.IGNORED, "what a person decided stands"
    for key in (wrong, dispute):
        await world.desk.retry(key, "marie")
        await world.settle(key)
    rows = {row.key: row for row in (await world.desk.orders()).rows}
    assert (rows[wrong].state, rows[wrong].reason.code) == (State.ATTENTION, "shopify_lines_differ")
    assert (rows[dispute].state, ASKED in text_of(rows[dispute].reason)) == (State.ATTENTION, True)
