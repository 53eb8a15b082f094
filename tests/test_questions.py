"""A question that many orders of a shop raise is asked once, and one answer serves them all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.desk.offers import offers
from bridge.desk.values import State
from tests.worlds.desk import World, open_world, paid_order

SWISS = {"country_code": "CH", "city": "Genève", "zip": "1204", "address1": "1 rue du Rhône"}
ABROAD: dict[str, Any] = {"billing_address": SWISS, "shipping_address": SWISS}


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(redis, redis_url, tmp_path) as opened:
        yield opened


async def states(world: World, *keys: str) -> list[str]:
    return [(await world.desk.known_story(key)).order.state for key in keys]


async def test_one_order_asks_for_all_and_its_answer_serves_them_all(world: World) -> None:
    first, second, third = [await world.order(number, **ABROAD) for number in (1, 2, 3)]
    assert await states(world, first, second, third) == [State.ATTENTION, State.OPEN, State.OPEN]
    asking = (await world.desk.known_story(first)).order.reason
    assert asking.code == "vat_on_goods_leaving"
    assert (asking.fact("orders"), asking.fact("amount")) == ("3", "194.10")
    waiting = (await world.desk.known_story(second)).order.reason
    assert (waiting.code, waiting.fact("kind")) == ("asked_elsewhere", asking.code)
    assert not world.sandbox.invoices
    story = await world.desk.known_story(first)
    assert offers(story)[0].action == "accept"
    assert await world.desk.accept(first, "marie")
    await world.settle(first)
    assert await states(world, first, second, third) == [State.DONE, State.IN_HAND, State.IN_HAND]
    await world.settle(second, third)
    # The answer is remembered, with who gave it, and asked no more.
    fourth = await world.order(4, **ABROAD)
    assert await states(world, second, third, fourth) == [State.DONE] * 3
    assert len(world.sandbox.invoices) == 4
    answer = await world.redis.hget("bridge:answers:boutique", asking.code)
    assert b"marie" in answer


async def test_an_order_that_was_mended_lets_another_ask(world: World) -> None:
    first, second = [await world.order(number, **ABROAD) for number in (1, 2)]
    at_home = {name: SWISS | {"country_code": "FR", "zip": "75002"} for name in ABROAD}
    await world.receive(paid_order(1, updated_at="2099-01-01T00:00:00Z", **at_home), "orders/updated")
    await world.settle(first, second)
    assert await states(world, first, second) == [State.DONE, State.ATTENTION]
    assert (await world.desk.known_story(second)).order.reason.fact("orders") == "1"


async def test_a_question_left_alone_is_asked_by_the_next_order(world: World) -> None:
    first, second = [await world.order(number, **ABROAD) for number in (1, 2)]
    await world.desk.ignore(first, "made by hand", "marie")
    third = await world.order(3, **ABROAD)
    assert await states(world, first, second, third) == [State.IGNORED, State.OPEN, State.ATTENTION]
