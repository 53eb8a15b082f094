"""The desk: what people see, and what they decide, against a real Valkey and the sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.desk.actions import Desk
from bridge.desk.erasure import erase
from bridge.desk.plain import plain
from bridge.desk.values import EventRow, Kept, NotDone, OrderRow, State, Story, UnknownOrder
from bridge.reasons import NO_REASON, because, reason_from
from bridge.sandbox import Fault, FaultKind
from bridge.store.values import Lease, Outcome
from bridge.texts import text_of
from tests.builders.shopify import as_body, shopify_refund
from tests.worlds.desk import World, key_of, open_world, paid_order

EMAIL = "camille.martin@example.com"
WRONG: dict[str, Any] = {"total_price": "99.99"}
"""An order that does not add up: the bridge asks a person."""


@pytest.fixture
async def world(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """All defaults."""
    async with open_world(redis, redis_url, tmp_path) as world:
        yield world


async def row_of(desk: Desk, key: str) -> OrderRow:
    story = await desk.story(key)
    assert story is not None
    return story.order


async def all_keys(desk: Desk, **which: Any) -> list[list[str]]:
    """Every page of a list."""
    pages, cursor = [], ""
    while True:
        page = await desk.orders(cursor=cursor, **which)
        pages.append([row.key for row in page.rows])
        cursor = page.cursor
        if not cursor:
            return pages


def refund(number: int = 1042) -> bytes:
    """One mug of the order goes back: 19.90 EUR."""
    return as_body(shopify_refund(json.loads(paid_order(number)), 8001, "19.90", {1: 1}))


# ------------------------------------------------------------------------------------------------ reading


async def test_pages_show_each_order_once_newest_first(world: World) -> None:
    keys = [await world.receive(paid_order(n)) for n in range(23)]
    # The hard case: several of the same millisecond, across the edge of a page.
    same = dict.fromkeys(keys[3:14], 1_795_000_000_000)
    await world.redis.zadd("bridge:orders", same)
    pages = await all_keys(world.desk, limit=5)
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]
    shown = [key for page in pages for key in page]
    assert sorted(shown) == sorted(keys)
    assert shown[:12] == keys[:13:-1] + keys[2::-1]


async def test_lists_by_state_and_shop(world: World) -> None:
    done = await world.order(1)
    attention = await world.order(2, **WRONG)
    await world.settle(open_ := await world.receive(paid_order(3, financial_status="pending")))
    ignored = await world.order(4, test=True)
    in_hand = await world.receive(paid_order(5))
    expected = {
        State.DONE: [done],
        State.ATTENTION: [attention],
        State.OPEN: [open_],
        State.IGNORED: [ignored],
        State.IN_HAND: [in_hand],
        State.WAITING: [],
    }
    for state, keys in expected.items():
        rows = (await world.desk.orders(state=state, shop="boutique")).rows
        assert ([row.key for row in rows], {row.state for row in rows}) == (keys, {state} if keys else set())
        assert (await world.desk.orders(state=state, shop="atelier")).rows == ()
    counts = (await world.desk.stats()).orders
    assert counts == {State.DONE: 1, State.ATTENTION: 1, State.OPEN: 1, State.IGNORED: 1, State.WAITING: 1}


async def test_an_order_leaves_its_list_when_it_lives_again(world: World) -> None:
    key = await world.receive(paid_order(financial_status="pending"))
    await world.settle(key)
    assert await all_keys(world.desk, state="open") == [[key]]
    await world.order()
    assert await all_keys(world.desk, state="open") == [[]]
    assert await all_keys(world.desk, state="done") == [[key]]


async def test_an_order_is_found_by_what_people_know(world: World) -> None:
    key, other = await world.order(), await world.order(1043, email="else@example.com", customer=None)
    invoice = (await row_of(world.desk, key)).invoice
    for query in ("#1042", "1042", f" {EMAIL.upper()} ", key, invoice, "shopify:boutique:customer:7001"):
        assert [row.key for row in (await world.desk.orders(query=query)).rows] == [key], query
    assert [row.key for row in (await world.desk.orders(query="else@example.com")).rows] == [other]
    assert (await world.desk.orders(query="104")).rows == ()
    assert (await world.desk.orders(query="1042", state="attention")).rows == ()
    assert (await world.desk.orders(query="1042", shop="atelier")).rows == ()


async def test_the_index_holds_no_address(world: World) -> None:
    await world.order(customer=None, email=EMAIL)
    async for name in world.redis.scan_iter("bridge:*"):
        kind = name.split(b":")[1]
        if kind in (b"event", b"ledger"):
            continue  # the payload, and the key of a guest: see erase
        dumped = name + repr(await _content(world.redis, name)).encode()
        assert b"camille" not in dumped.lower(), name


async def _content(redis: Any, name: bytes) -> Any:
    match (await redis.type(name)).decode():
        case "hash":
            return await redis.hgetall(name)
        case "list":
            return await redis.lrange(name, 0, -1)
        case "set":
            return await redis.smembers(name)
        case "zset":
            return await redis.zrange(name, 0, -1)
        case "stream":
            return await redis.xrange(name)
        case _:
            return await redis.get(name)


async def test_a_story_tells_everything(world: World) -> None:
    key = await world.order()
    await world.receive(paid_order(), "orders/updated")
    await world.settle(key)
    story = await world.desk.story(key)
    assert story is not None
    assert [event.topic for event in story.events] == ["orders/paid", "orders/updated"]
    assert all(event.kept is Kept.KEPT and event.size == len(paid_order()) for event in story.events)
    customer, invoice = story.documents
    assert (customer.kind, invoice.kind, invoice.number) == ("customer", "invoice", story.order.invoice)
    assert str(invoice.total) == "64.70"
    assert str(invoice.wanted) == "64.70"
    assert invoice.url.endswith(f"/firms/1/invoices/{invoice.id}")
    assert customer.url.endswith(f"/firms/1/customers/{customer.id}")
    assert any("TVA française" in line for line in story.why)
    assert [(call.call, call.outcome) for call in story.calls[-2:]] == [
        ("POST /customers.json", "201"),
        ("POST /invoices.json", "201"),
    ]
    assert (story.working, story.due_at, story.actions) == (False, None, ())
    assert json.loads(json.dumps(plain(Story, story)))["documents"][1]["total"] == "64.70"
    assert await world.desk.story("shopify:boutique:order:0") is None


async def test_a_waiting_order_says_until_when(world: World) -> None:
    key = await world.receive(paid_order())
    lease = Lease(order_key=key, token="t")
    view = await world.services.store.take(lease)
    assert view is not None
    story = await world.desk.story(key)
    assert story is not None
    assert (story.working, story.order.state, story.due_at is not None) == (True, State.IN_HAND, True)
    await world.services.store.release(
        lease, view, Outcome.WAITING, reason_from("no answer"), after=3600, counted=True
    )
    row = await row_of(world.desk, key)
    assert (row.state, text_of(row.reason), row.attempts) == (State.WAITING, "no answer", 1)
    assert row.next_at is not None
    assert timedelta(minutes=59) < row.next_at - datetime.now(UTC) < timedelta(minutes=61)


async def test_events_newest_first_with_the_ignored_ones(world: World) -> None:
    key = await world.receive(paid_order())
    await asyncio.sleep(0.002)  # Redis' clock counts milliseconds: two in one are equally new
    await world.receive(b'{"shop_id": 1, "customer": {"email": "a@example.com"}}', "customers/update")
    page = await world.desk.events()
    assert [row.topic for row in page.rows] == ["customers/update", "orders/paid"]
    assert page.rows[0].note.code
    assert (page.rows[0].order_key, page.rows[1].order_key) == ("", key)
    assert [row.topic for row in (await world.desk.events(topic="orders/paid")).rows] == ["orders/paid"]
    assert (await world.desk.events(shop="atelier")).rows == ()
    raw = await world.desk.event(page.rows[1].id)
    assert raw is not None
    assert json.loads(raw.body)["name"] == "#1042"
    assert raw.row.size == len(raw.body)
    assert await world.desk.event("boutique:nothing") is None


async def test_event_pages_show_each_event_once(world: World) -> None:
    for n in range(11):
        await world.receive(paid_order(n))
    seen, cursor = [], ""
    while True:
        page = await world.desk.events(cursor=cursor, limit=4)
        seen += [row.id for row in page.rows]
        cursor = page.cursor
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 11


async def test_an_expired_event_is_still_in_the_story(world: World) -> None:
    key = await world.order()
    story = await world.desk.story(key)
    assert story is not None
    await world.redis.delete(f"bridge:event:{story.events[0].id}")
    story = await world.desk.story(key)
    assert story is not None
    assert [(event.kept, event.size) for event in story.events] == [(Kept.EXPIRED, 0)]
    with pytest.raises(NotDone, match="its webhooks are gone"):
        await world.desk.retry(key, "marie")


async def test_the_feed_tells_what_happens(world: World) -> None:
    key = await world.order()
    seen = await world.desk.feed()
    assert [(entry.order_key, entry.what) for entry in seen] == [(key, "event"), (key, "done")]
    waiting = asyncio.create_task(world.desk.feed(seen[-1].id, wait_ms=1500))
    await world.desk.retry(key, "marie")
    assert [entry.what for entry in await waiting] == ["retry"]


async def test_what_happened_between_two_moments(world: World) -> None:
    for number in (1, 2, 3):
        await world.order(number)
    first = await world.desk.activity(limit=4)
    rest = await world.desk.activity(limit=4, cursor=first.cursor)
    assert [row.order_key for row in (*first.rows, *rest.rows)] == [key_of(n) for n in (3, 3, 2, 2, 1, 1)]
    assert rest.cursor == ""
    since, until = first.rows[-1].at, first.rows[2].at
    between = await world.desk.activity(since=since, until=until)
    assert [(row.order_key, row.what) for row in between.rows] == [(key_of(2), "done"), (key_of(2), "event")]
    assert (await world.desk.activity(cursor="1 x")).rows[:4] == first.rows


async def test_orders_by_their_age(world: World) -> None:
    keys = [await world.order(number) for number in (1, 2)]
    await world.redis.zincrby("bridge:orders", -7_200_000, keys[0])
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    windows: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"since": hour_ago}, [keys[1]]),
        ({"until": hour_ago}, [keys[0]]),
    )
    for query in ("", EMAIL):
        for window, expected in windows:
            page = await world.desk.orders(query=query, **window)
            assert [row.key for row in page.rows] == expected, (query, window)
    page = await world.desk.orders(until=hour_ago + timedelta(hours=2), limit=1)
    assert [row.key for row in page.rows] == [keys[1]]
    page = await world.desk.orders(since=hour_ago - timedelta(hours=2), limit=1, cursor=page.cursor)
    assert [row.key for row in page.rows] == [keys[0]]


async def test_an_order_is_found_by_the_digest_of_an_address(world: World) -> None:
    key = await world.order()
    digest = hashlib.sha256(EMAIL.encode()).hexdigest()
    for query in (digest, digest.upper(), digest[:16]):
        assert [row.key for row in (await world.desk.orders(query=query)).rows] == [key]
    assert (await world.desk.orders(query=digest[:15])).rows == ()


async def test_a_story_tells_why_a_run_did_not_finish(world: World) -> None:
    world.sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=503, method="POST", path="/invoices"))
    key = await world.order()
    story = await world.desk.story(key)
    assert story is not None
    (run,) = story.runs
    assert (run.outcome, "is in trouble (503" in text_of(run.reason)) == ("waiting", True)
    assert isinstance(story.timeline[0], EventRow)
    assert story.timeline[-1] == run
    assert sum(hour.api_calls for hour in (await world.desk.stats()).hours) == len(story.calls)


async def test_statistics_count_by_the_hour(world: World) -> None:
    await world.order(1)
    await world.order(2)
    await world.order(3, **WRONG)
    await world.receive(paid_order(4))
    stats = await world.desk.stats()
    assert len(stats.hours) == 192
    day = stats.hours[-2:]  # the hour may have turned
    assert [
        sum(getattr(hour, name) for hour in day) for name in ("events", "done", "invoices", "attention")
    ] == [*(4, 2, 2, 1)]
    assert sum(hour.api_calls for hour in day) == world.sandbox.requests_received
    shop = stats.shops["boutique"]
    assert (shop.events_week, shop.invoices_week, stats.shops["atelier"].events_week) == (4, 2, 0)
    assert set(stats.latency) == {50, 95, 99}
    assert stats.oldest is not None
    assert stats.oldest.key == key_of(4)
    assert stats.quota["left_five"] < stats.quota["limit_five"]
    async for name in world.redis.scan_iter("bridge:stats:*"):
        assert await world.redis.ttl(name) > 7 * 86400


# ----------------------------------------------------------------------------------------------- deciding


async def test_retry_is_once_and_written_down(world: World) -> None:
    key = await world.order(**WRONG)
    assert (await row_of(world.desk, key)).state is State.ATTENTION
    assert await world.desk.retry(key, "marie")
    assert not await world.desk.retry(key, "paul")
    assert await world.redis.zcard("arq:queue") == 2  # one for the event, one for the retry
    row = await row_of(world.desk, key)
    assert (row.state, row.reason) == (State.IN_HAND, NO_REASON)
    assert await all_keys(world.desk, state="attention") == [[]]
    await world.settle(key)
    assert (await row_of(world.desk, key)).state is State.ATTENTION
    story = await world.desk.story(key)
    assert story is not None
    assert [(action.what, action.who) for action in story.actions] == [("retry", "marie")]


async def test_retrying_what_is_done_makes_nothing_twice(world: World) -> None:
    key = await world.order()
    event = f"bridge:event:{(await world.desk.events()).rows[0].id}"
    assert await world.redis.ttl(event) > 0
    assert await world.desk.retry(key, "marie")
    assert await world.redis.ttl(event) == -1  # what is in hand does not expire
    await world.settle(key)
    assert len(world.sandbox.invoices) == 1
    assert (await row_of(world.desk, key)).state is State.DONE
    assert await world.redis.ttl(event) > 0


async def test_a_retry_under_the_workers_hands_is_not_lost(world: World) -> None:
    key = await world.receive(paid_order())
    store, lease = world.services.store, Lease(order_key=key, token="t")
    view = await store.take(lease)
    assert view is not None
    await world.redis.hset(f"bridge:order:{key}", "state", "waiting")
    assert await world.desk.retry(key, "marie")
    assert await store.release(lease, view, Outcome.DONE, reason_from("done")) is not None  # go round again


async def test_an_unknown_order_is_named(world: World) -> None:
    for act in (
        world.desk.retry("shopify:boutique:order:0", "marie"),
        world.desk.ignore("shopify:boutique:order:0", "why", "marie"),
        world.desk.accept("shopify:boutique:order:0", "marie"),
        world.desk.issue_credit_note("shopify:boutique:order:0", "1", "marie"),
    ):
        with pytest.raises(UnknownOrder, match="no order shopify:boutique:order:0"):
            await act


async def test_what_a_person_ignores_stays_ignored(world: World) -> None:
    key = await world.order(**WRONG)
    with pytest.raises(NotDone, match="say why"):
        await world.desk.ignore(key, " ", "marie")
    assert await world.desk.ignore(key, "invoiced by hand", "marie")
    assert not await world.desk.ignore(key, "invoiced by hand", "marie")
    # The shop says more, and now it would add up.
    await world.order()
    row = await row_of(world.desk, key)
    assert (row.state, text_of(row.reason), row.set_aside) == (State.IGNORED, "invoiced by hand", True)
    assert not await world.desk.ignore(key, "invoiced by hand", "marie")
    assert world.sandbox.invoices == []
    assert await all_keys(world.desk, state="ignored") == [[key]]
    # Until somebody says otherwise.
    await world.desk.retry(key, "paul")
    await world.settle(key)
    row = await row_of(world.desk, key)
    assert (row.state, row.set_aside, len(world.sandbox.invoices)) == (State.DONE, False, 1)


async def test_what_is_sent_to_a_person_waits_for_one(world: World) -> None:
    key = await world.receive(paid_order())
    assert await world.desk.send_to_person(key, "call the buyer first", "marie")
    await world.settle(key)
    await world.order()
    row = await row_of(world.desk, key)
    assert (row.state, text_of(row.reason)) == (State.ATTENTION, "call the buyer first")
    assert world.sandbox.invoices == []
    assert await world.redis.zscore("bridge:due", key) is None
    await world.desk.retry(key, "marie")
    await world.settle(key)
    assert len(world.sandbox.invoices) == 1


async def test_nobody_pulls_an_order_from_under_a_worker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.desk.actions.LET_GO_SECONDS", 0.05)
    key = await world.receive(paid_order())
    await world.services.store.take(Lease(order_key=key, token="t"))
    with pytest.raises(NotDone, match="a worker is at it now"):
        await world.desk.ignore(key, "by hand", "marie")
    assert (await row_of(world.desk, key)).state is State.IN_HAND


async def _other_total(world: World, key: str, total: str) -> None:
    """Facturation.pro came to another total, and the bridge has seen it."""
    record = (await world.services.store.ledger([key]))[key]
    await world.services.store.done([key], record | {"total": total})
    await world.desk.retry(key, "test")
    await world.settle(key)


async def test_accepting_another_total(world: World) -> None:
    key = await world.order()
    with pytest.raises(NotDone, match="no document with another total"):
        await world.desk.accept(key, "marie")
    await _other_total(world, key, "64.71")
    story = await world.desk.story(key)
    assert story is not None
    assert story.order.state is State.ATTENTION
    assert [document.kind for document in story.documents if document.differs] == ["invoice"]
    assert await world.desk.accept(key, "marie")
    await world.settle(key)
    story = await world.desk.story(key)
    assert story is not None
    assert story.order.state is State.DONE
    assert str(story.documents[1].accepted) == "64.71"
    assert (story.actions[-1].what, text_of(story.actions[-1].reason)) == (
        "accept",
        "64.71 in place of 64.70",
    )
    assert not await world.desk.accept(key, "marie"), "it was accepted already"
    # It was that total that was accepted, no other.
    await _other_total(world, key, "64.72")
    assert (await row_of(world.desk, key)).state is State.ATTENTION


@pytest.mark.parametrize("rule", ["hold", "draft"])
async def test_issuing_the_credit_note_that_waits(
    redis: Redis, redis_url: str, tmp_path: Path, rule: str
) -> None:
    async with open_world(redis, redis_url, tmp_path, {"boutique": {"partial_refunds": rule}}) as world:
        key = await world.order()
        await world.receive(refund(), "refunds/create")
        await world.settle(key)
        finals = [invoice for invoice in world.sandbox.invoices if invoice.invoice_ref]
        assert len(finals) == 1
        with pytest.raises(NotDone, match=r"no refund 1 to credit \(its refunds: 8001"):
            await world.desk.issue_credit_note(key, "1", "marie")
        assert await world.desk.issue_credit_note(key, "8001", "marie")
        assert not await world.desk.issue_credit_note(key, "8001", "marie"), "asked for already"
        await world.settle(key)
        row = await row_of(world.desk, key)
        assert row.state is State.DONE, row.reason
        finals = [invoice for invoice in world.sandbox.invoices if invoice.invoice_ref]
        assert sorted(str(invoice.totals.total_with_vat) for invoice in finals) == ["-19.90", "64.70"]
        story = await world.desk.story(key)
        assert story is not None
        note = story.documents[-1]
        assert (note.kind, note.refund_id, note.draft) == ("credit_note", "8001", False)
        assert note.number
        assert not await world.desk.issue_credit_note(key, "8001", "paul")
        # The word was about this refund: the shop's rule holds again.
        assert await world.redis.hget(f"bridge:order:{key}", "credit") is None


async def test_replaying_what_failed(world: World) -> None:
    done = await world.order(1)
    failed = [await world.order(n, **WRONG) for n in range(2, 5)]
    await world.desk.ignore(failed[0], "by hand", "marie")
    await world.desk.send_to_person(failed[1], "mine", "marie")
    seen: list[tuple[int, int]] = []
    result = await world.desk.replay("paul", failed_only=True, progress=lambda *at: seen.append(at))
    assert (result.resumed, result.already, dict(result.refused), seen) == ((failed[2],), (), {}, [(1, 1)])
    assert (await world.desk.replay("paul", failed_only=True)).resumed == ()
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert await world.desk.replayable(since=later) == []
    earlier = datetime.now(UTC) - timedelta(minutes=1)
    assert await world.desk.replayable(since=earlier) == [done]
    assert await world.desk.replayable(since=earlier, shop="atelier") == []


async def test_replaying_events(world: World) -> None:
    key = await world.order()
    ignored = await world.receive(b"{}", "customers/update")
    assert ignored == ""
    stranger, event = [row.id for row in (await world.desk.events()).rows]
    assert (await world.desk.replay("paul", events=[event, event])).resumed == (key,)
    assert (await world.desk.replay("paul", events=[event])).already == (key,)
    with pytest.raises(NotDone, match="belongs to no order"):
        await world.desk.replay("paul", events=[stranger])
    with pytest.raises(NotDone, match="unknown or expired"):
        await world.desk.replay("paul", events=["boutique:x"])


async def test_a_big_replay_gives_way_to_new_orders(world: World) -> None:
    keys = [await world.order(n, **WRONG) for n in range(25)]
    await world.redis.delete("arq:queue")
    result = await world.desk.replay("paul", failed_only=True)
    assert sorted(result.resumed) == sorted(keys)
    assert await world.redis.zcard("arq:queue") == 0  # the sweep brings them, one after the other
    due = sorted(score for _, score in await world.redis.zrange("bridge:due", 0, -1, withscores=True))
    assert due[-1] - due[0] >= 24 * 20
    assert (await row_of(world.desk, keys[0])).backfill
    lease = Lease(order_key=keys[0], token="t")
    view = await world.services.store.take(lease)
    assert view is not None
    assert view.lane == "backfill"
    # An order of which the shop says more is no history.
    await world.receive(paid_order(1), "orders/updated")
    assert not (await row_of(world.desk, keys[1])).backfill


# ------------------------------------------------------------------------------------------------ privacy


async def test_a_buyer_is_forgotten(world: World) -> None:
    done = await world.order(1, customer=None, email=EMAIL)
    other = await world.order(2, customer=None, email="else@example.com")
    stuck = await world.order(3, customer=None, email=EMAIL, **WRONG)
    await world.receive(json.dumps({"customer": {"email": EMAIL.upper()}}).encode(), "customers/update")
    result = await erase(world.desk, f" {EMAIL} ", "marie")
    assert (result.orders, result.payloads, result.unattached) == ((done,), 1, 1)
    assert result.refused[stuck] == because("not_finished", state="attention")
    story = await world.desk.story(done)
    assert story is not None
    assert [event.kept for event in story.events] == [Kept.ERASED]
    assert story.order.invoice
    assert story.actions[-1].what == "erase"
    assert [row.key for row in (await world.desk.orders(query=EMAIL)).rows] == [stuck]
    assert (await world.desk.orders(query=other)).rows[0].key == other
    raw = await world.desk.event(story.events[0].id)
    assert raw is not None
    assert (raw.body, raw.headers) == (b"", {})
    with pytest.raises(NotDone, match="nothing to start from"):
        await world.desk.retry(done, "marie")
    # Settled, the last one goes as well, and then nothing here names the buyer.
    await world.desk.ignore(stuck, "by hand", "marie")
    result = await erase(world.desk, EMAIL, "marie")
    assert (result.orders, dict(result.refused)) == ((stuck,), {})
    async for name in world.redis.scan_iter("bridge:*"):
        assert b"camille" not in name
        content = await _content(world.redis, name)
        if isinstance(content, dict) and content.get(b"body"):
            assert content[b"order"] == other.encode()
        assert "camille" not in repr(content)


async def test_a_forgotten_delivery_that_comes_again_is_still_a_duplicate(world: World) -> None:
    await world.order()
    await erase(world.desk, "shopify:boutique:customer:7001", "marie")
    world.sent -= 1
    await world.receive(paid_order())
    assert len((await world.desk.events()).rows) == 1
    assert len(world.sandbox.invoices) == 1


async def test_the_same_buyer_buys_again_after_being_forgotten(world: World) -> None:
    await world.order(1, customer=None, email=EMAIL)
    await erase(world.desk, EMAIL, "marie")
    await world.order(2, customer=None, email=EMAIL)
    assert len(world.sandbox.invoices) == 2
    assert len(world.sandbox.customers) == 1
