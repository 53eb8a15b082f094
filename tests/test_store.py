"""The store on a real Valkey: recording, leases, releases, the ledger."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.jobs import Job
from redis.asyncio import BlockingConnectionPool, Redis

from bridge.errors import LeaseLost, StoreUnavailable
from bridge.reasons import because, reason_from
from bridge.runtime.jobs import deserialize, serialize
from bridge.sources.base import Alarm, ForOrder, Identity, Ignored
from bridge.store import store as store_module
from bridge.store.store import PREFIX, Store
from bridge.store.values import HeldOrder, Lease, Outcome
from tests.worlds.waiting import until

KEY = "shopify:boutique:order:1"
SCOPE = "shopify:boutique:"
BODY = b'{"id": 1}'
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=2)
LATER = timedelta(hours=1)
LOOK = because("told", text="look at it")


@pytest.fixture
def store(redis: Any) -> Store:
    return Store(redis, retention=timedelta(days=90))


def event(event_id: str = "e1", order_key: str = KEY) -> Identity:
    return ForOrder(event_id=event_id, topic="orders/paid", order_key=order_key)


def alarm(event_id: str = "e1") -> Identity:
    return Alarm(event_id=event_id, topic="orders/paid", reason=LOOK)


async def record(
    store: Store, identity: Identity, *, shop: str = "boutique", body: bytes = BODY
) -> tuple[str, str]:
    key = identity.order_key if isinstance(identity, ForOrder) else None
    platform = key.split(":")[0] if key else "stripe"
    return await store.record(shop, platform, identity, {"x-topic": "orders/paid"}, body)


async def taken(store: Store, key: str = KEY, token: str = "a") -> tuple[Lease, HeldOrder]:
    lease = Lease(order_key=key, token=token)
    view = await store.take(lease)
    assert view is not None
    return lease, view


async def state_of(redis: Any, key: str = KEY) -> dict[str, str]:
    return {
        name.decode(): value.decode() for name, value in (await redis.hgetall(f"{PREFIX}order:{key}")).items()
    }


async def due_in(redis: Any, key: str = KEY) -> float | None:
    """Seconds until the order is due, by Redis' clock; None when it is not."""
    seconds, micros = await redis.time()
    score = await redis.zscore(f"{PREFIX}due", key)
    return None if score is None else score / 1000 - seconds - micros / 1e6


# --- record


async def test_an_event_is_recorded_whole(store: Store, redis: Any) -> None:
    assert await record(store, event()) == ("accepted", KEY)
    lease, view = await taken(store)
    (stored,) = view.events
    assert (stored.id, stored.topic, stored.body) == ("e1", "orders/paid", BODY)
    assert stored.headers == {"x-topic": "orders/paid"}
    assert abs(stored.received_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert (view.version, view.attempts, view.takes, view.failing_since) == (1, 0, 1, None)
    assert lease.order_key == KEY


async def test_a_repetition_changes_nothing(store: Store, redis: Any) -> None:
    await record(store, event())
    before = await redis.zcard("arq:queue")
    assert await record(store, event(), body=b'{"another": "body"}') == ("duplicate", KEY)
    _, view = await taken(store)
    assert (view.version, [e.body for e in view.events]) == (1, [BODY])
    assert await redis.zcard("arq:queue") == before


async def test_a_hundred_simultaneous_deliveries_are_accepted_once(store: Store) -> None:
    answers = await asyncio.gather(*(record(store, event()) for _ in range(100)))
    assert sorted(status for status, _ in answers) == ["accepted"] + ["duplicate"] * 99


async def test_the_same_event_of_two_shops_is_two_events(store: Store) -> None:
    assert (await record(store, event()))[0] == "accepted"
    other = event(order_key="shopify:galerie:order:1")
    assert await record(store, other, shop="galerie") == ("accepted", "shopify:galerie:order:1")


async def test_an_ignored_event_is_kept_for_a_while_and_wakes_nobody(store: Store, redis: Any) -> None:
    unwanted = Ignored(event_id="e1", topic="orders/paid", reason=LOOK)
    assert await record(store, unwanted) == ("ignored", "")
    assert await redis.zcard(f"{PREFIX}due") == await redis.zcard("arq:queue") == 0
    kept = f"{PREFIX}event:boutique:e1"
    assert await redis.hget(kept, "note") == LOOK.as_json().encode()
    assert 0 < await redis.ttl(kept) <= 90 * 86400


async def test_an_alarm_asks_for_attention_with_its_reason(store: Store, redis: Any) -> None:
    status, key = await record(store, alarm())
    assert (status, key) == ("accepted", "stripe:boutique:event:e1")
    order = await state_of(redis, key)
    assert (order["state"], order["reason"]) == ("attention", LOOK.as_json())
    assert (await store.vitals()).attention == 1
    assert await due_in(redis, key) is None


async def test_nothing_unfinished_expires(store: Store, redis: Any) -> None:
    await record(store, event())
    await record(store, alarm("e2"))
    lease, _ = await taken(store)
    await store.begin(lease, KEY, "a1", NOW + LATER, SCOPE)
    for name in [name async for name in redis.scan_iter(f"{PREFIX}*")]:
        may_expire = name.split(b":")[1] in (b"lease", b"stats")
        assert may_expire or await redis.ttl(name) == -1, name


async def test_the_bell_is_a_job_that_arq_reads(store: Store, redis: Any) -> None:
    await record(store, event())
    arq = ArqRedis(redis.connection_pool, job_serializer=serialize, job_deserializer=deserialize)
    (queued,) = await arq.queued_jobs()
    assert (queued.function, list(queued.args), queued.kwargs) == ("sync_order", [KEY], {})
    assert queued.enqueue_time.tzinfo
    (job_id,) = await redis.zrange("arq:queue", 0, -1)
    info = await Job(job_id.decode(), arq, _deserializer=deserialize).info()
    assert info is not None
    assert info.function == "sync_order"
    assert await redis.zscore("arq:queue", job_id) > 0


async def test_all_of_arq_may_vanish(store: Store, redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "REHINT", timedelta(milliseconds=50))
    await record(store, event())
    for name in [name async for name in redis.scan_iter("arq:*")]:
        await redis.delete(name)
    assert await redis.zcard("arq:queue") == 0

    async def rung() -> bool:
        return await store.sweep("w1") == 1

    await until(rung)
    arq = ArqRedis(redis.connection_pool, job_serializer=serialize, job_deserializer=deserialize)
    assert [list(job.args) for job in await arq.queued_jobs()] == [[KEY]]


async def test_bells_that_nobody_answers_make_room(store: Store, redis: Any) -> None:
    seconds, _ = await redis.time()
    orphans = {f"orphan{n}": seconds * 1000 - 700_000 for n in range(1100)}
    await redis.zadd("arq:queue", orphans)
    await record(store, event())
    # The queue is full: the order is due at once, and the sweep rings for it.
    assert (await due_in(redis) or 0) <= 0
    assert await store.sweep("w1") == 1
    assert await redis.zcard("arq:queue") == 1


async def test_news_is_answered_before_what_the_sweep_brings_back(store: Store, redis: Any) -> None:
    for n in range(3):
        await redis.hset(f"{PREFIX}order:old{n}", "version", 1)
        await redis.zadd(f"{PREFIX}due", {f"old{n}": 1})
    assert await store.sweep("w1") == 3
    await record(store, event())
    arq = ArqRedis(redis.connection_pool, job_serializer=serialize, job_deserializer=deserialize)
    order = [job.args[0] for job in sorted(await arq.queued_jobs(), key=lambda job: job.score or 0)]
    assert order[0] == KEY
    # However much the sweep has rung for, news finds room; that is never taken by the sweep.
    seconds, _ = await redis.time()
    await redis.zadd("arq:queue", {f"wake-up{n}": seconds * 1000 - 600_000 for n in range(500)})
    await redis.zadd(f"{PREFIX}due", {"old0": 1})
    assert await store.sweep("w1") == 0
    await record(store, event("e2"))
    assert await redis.zcard("arq:queue") == 505


async def test_a_free_hand_answers_the_most_wanted_bell_and_leaves_arq_its_own(
    store: Store, redis: Any
) -> None:
    await redis.hset(f"{PREFIX}order:old", "version", 1)
    await redis.zadd(f"{PREFIX}due", {"old": 1})
    assert await store.sweep("w1") == 1
    await record(store, event("e1", f"{KEY}1"))
    await record(store, event("e2", f"{KEY}2"))
    started = (await redis.zrange("arq:queue", 0, 0))[0].decode()
    await redis.set(f"arq:in-progress:{started}", "1")  # as arq does when it starts a job
    assert [await store.claim_next() for _ in range(3)] == [f"{KEY}2", "old", ""]
    assert await redis.zrange("arq:queue", 0, -1) == [started.encode()]


async def test_a_bell_that_was_answered_in_vain_rings_again(
    store: Store, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "REHINT", timedelta(milliseconds=50))
    await record(store, event())
    assert await store.claim_next() == KEY  # and its worker dies

    async def rung() -> bool:
        return await store.sweep("w1") == 1

    await until(rung)
    assert await store.claim_next() == KEY


async def test_what_killed_workers_had_started_hides_no_bell(store: Store, redis: Any) -> None:
    seconds, _ = await redis.time()
    orphans = [f"s:orphan{n}:1" for n in range(320)]
    await redis.zadd("arq:queue", dict.fromkeys(orphans, seconds * 1000 - 650_000))
    await redis.mset({f"arq:in-progress:{name}": "1" for name in orphans})
    await record(store, event())
    assert await store.claim_next() == KEY
    assert await store.claim_next() == ""
    assert await redis.zcard("arq:queue") == 320


async def test_what_is_no_bell_of_ours_is_left_to_arq(store: Store, redis: Any) -> None:
    await redis.zadd("arq:queue", {"somebody-elses": 1})
    await redis.set("arq:job:somebody-elses", b"\x80\x04 a pickle")
    await record(store, event())
    assert [await store.claim_next(), await store.claim_next()] == [KEY, ""]
    assert await redis.zrange("arq:queue", 0, -1) == [b"somebody-elses"]
    assert await redis.ttl("arq:job:somebody-elses") == -1


async def test_a_bell_whose_job_has_expired_is_passed_over(store: Store, redis: Any) -> None:
    await record(store, event("e1", f"{KEY}1"))
    (gone,) = await redis.zrange("arq:queue", 0, -1)
    await redis.delete(f"arq:job:{gone.decode()}")
    await record(store, event("e2", f"{KEY}2"))
    assert await store.claim_next() == f"{KEY}2"
    assert await store.claim_next() == ""


# --- links and adoption


PI, CH = "pi_1", "ch_1"
INVOICE = "stripe:boutique:invoice:in_1"


def payment(event_id: str, *links: str) -> Identity:
    return ForOrder(event_id=event_id, topic="refund.created", order_key=None, links=links)


def invoice(event_id: str, *links: str) -> Identity:
    return ForOrder(event_id=event_id, topic="invoice.paid", order_key=INVOICE, links=links)


async def test_a_payment_event_finds_its_invoice(store: Store) -> None:
    await record(store, invoice("i", PI))
    assert await record(store, payment("r", CH, PI)) == ("accepted", INVOICE)
    assert await record(store, payment("r2", CH)) == ("accepted", INVOICE)
    _, view = await taken(store, INVOICE)
    assert [e.id for e in view.events] == ["i", "r", "r2"]


async def test_an_invoice_adopts_the_payment_events_before_it(store: Store, redis: Any) -> None:
    status, orphan = await record(store, payment("r", PI, CH))
    assert (status, orphan) == ("accepted", "stripe:boutique:payment:pi_1")
    await record(store, invoice("i", PI))
    _, view = await taken(store, INVOICE)
    assert sorted(e.id for e in view.events) == ["i", "r"]
    assert await state_of(redis, orphan) == {}
    assert await due_in(redis, orphan) is None
    assert await redis.hget(f"{PREFIX}event:boutique:r", "order") == INVOICE.encode()
    assert await record(store, payment("r", PI, CH)) == ("duplicate", INVOICE)


async def test_after_an_adoption_further_payment_events_find_the_invoice(store: Store) -> None:
    await record(store, payment("r", PI, CH))
    await record(store, invoice("i", PI))
    assert await record(store, payment("r2", PI)) == ("accepted", INVOICE)
    assert await record(store, payment("r3", CH)) == ("accepted", INVOICE)


async def test_an_invoice_adopts_by_any_of_the_links(store: Store, redis: Any) -> None:
    await record(store, payment("r", PI, CH))
    await record(store, invoice("i", CH))
    _, view = await taken(store, INVOICE)
    assert sorted(e.id for e in view.events) == ["i", "r"]


async def test_payment_events_that_turn_out_to_belong_together_are_joined(store: Store) -> None:
    await record(store, payment("r1", PI))
    await record(store, payment("r2", CH))
    await record(store, payment("r3", CH, PI))
    await record(store, invoice("i", PI))
    _, view = await taken(store, INVOICE)
    assert sorted(e.id for e in view.events) == ["i", "r1", "r2", "r3"]
    assert await record(store, payment("r4", CH)) == ("accepted", INVOICE)


async def test_links_of_one_shop_mean_nothing_to_another(store: Store) -> None:
    await record(store, invoice("i", PI))
    _, key = await record(store, payment("r", PI), shop="galerie")
    assert key == "stripe:galerie:payment:pi_1"


@pytest.mark.parametrize("outcome", [Outcome.WAITING, Outcome.ATTENTION, Outcome.OPEN, Outcome.IGNORED])
async def test_an_orphan_that_is_adopted_in_mid_run_leaves_no_ghost(
    store: Store, redis: Any, outcome: Outcome
) -> None:
    _, orphan = await record(store, payment("r", PI))
    lease, view = await taken(store, orphan)
    await record(store, invoice("i", PI))
    assert await store.release(lease, view, outcome, reason_from("waits for its invoice"), after=3600) is None
    assert await state_of(redis, orphan) == {}
    assert await due_in(redis, orphan) is None
    assert await redis.zscore(f"{PREFIX}attention", orphan) is None


# --- leases


async def test_one_worker_has_the_order(store: Store) -> None:
    await record(store, event())
    leases = [Lease(order_key=KEY, token=str(n)) for n in range(20)]
    views = await asyncio.gather(*(store.take(lease) for lease in leases))
    assert sum(view is not None for view in views) == 1


async def test_a_lease_is_extended_by_its_holder_alone(store: Store, redis: Any) -> None:
    await record(store, event())
    lease, _ = await taken(store)
    await redis.pexpire(f"{PREFIX}lease:{KEY}", 500)
    assert await store.extend(lease)
    assert await redis.pttl(f"{PREFIX}lease:{KEY}") > 4000
    assert 4 < (await due_in(redis) or 0) < 6
    assert not await store.extend(Lease(order_key=KEY, token="thief"))


async def test_a_dead_workers_order_comes_back(store: Store, redis: Any) -> None:
    await record(store, event())
    lease, view = await taken(store, token="dead")
    assert 4 < (await due_in(redis) or 0) < 6
    await redis.delete(f"{PREFIX}lease:{KEY}")  # it ran out
    _, again = await taken(store, token="next")
    assert again.takes == 2
    assert not await store.extend(lease)
    with pytest.raises(LeaseLost):
        await store.release(lease, view, Outcome.DONE, reason_from(""))
    with pytest.raises(LeaseLost):
        await store.begin(lease, KEY, "a1", NOW, SCOPE)
    with pytest.raises(LeaseLost):
        await store.replace_attempt(lease, KEY, "a1", "a2")


async def test_what_is_not_due_is_not_taken(store: Store, redis: Any) -> None:
    assert await store.take(Lease(order_key="shopify:boutique:order:404", token="a")) is None
    await record(store, event())
    lease, view = await taken(store)
    await store.release(lease, view, Outcome.DONE, reason_from(""))
    assert await store.take(lease) is None


# --- release


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.OPEN, Outcome.IGNORED, Outcome.ATTENTION])
async def test_a_release_ends_the_run(store: Store, redis: Any, outcome: Outcome) -> None:
    await record(store, event())
    lease, view = await taken(store)
    assert (
        await store.release(lease, view, outcome, reason_from("because"), keep={"number": "#1"}, calls="[]")
        is None
    )
    order = await state_of(redis)
    assert (order["state"], order["reason"], order["number"], order["takes"]) == (
        outcome.value,
        reason_from("because").as_json(),
        "#1",
        "0",
    )
    assert await due_in(redis) is None
    assert (await store.vitals()).waiting == 0
    asks = outcome is Outcome.ATTENTION
    assert (await store.vitals()).attention == int(asks)
    # What is finished expires in the end; what asks for a person never does.
    assert (await redis.ttl(f"{PREFIX}event:boutique:e1") == -1) is asks
    assert await redis.exists(f"{PREFIX}lease:{KEY}") == 0


async def test_a_waiting_order_waits_until_its_time(store: Store, redis: Any) -> None:
    await record(store, event())
    lease, view = await taken(store)
    await store.release(lease, view, Outcome.WAITING, reason_from("later"), after=60, counted=True)
    assert 58 < (await due_in(redis) or 0) < 62
    vitals = await store.vitals()
    assert (vitals.waiting, vitals.attention, vitals.overdue) == (1, 0, 0)
    _, view = await taken(store)
    assert view.attempts == 1
    assert view.failing_since is not None
    await store.release(lease, view, Outcome.WAITING, reason_from("later"), after=60)
    _, view = await taken(store)
    assert view.attempts == 1


async def test_a_change_during_the_run_sends_it_round_again(store: Store) -> None:
    await record(store, event())
    lease, view = await taken(store)
    await record(store, event("e2"))
    fresh = await store.release(lease, view, Outcome.DONE, reason_from(""))
    assert fresh is not None
    assert [e.id for e in fresh.events] == ["e1", "e2"]
    assert await store.release(lease, fresh, Outcome.DONE, reason_from("")) is None


async def test_a_change_during_a_run_that_waits_is_due_at_once(store: Store, redis: Any) -> None:
    await record(store, event())
    lease, view = await taken(store)
    await record(store, event("e2"))
    assert await store.release(lease, view, Outcome.WAITING, reason_from("later"), after=3600) is None
    assert (await due_in(redis) or 0) <= 0


async def test_a_new_event_brings_a_finished_order_back(store: Store, redis: Any) -> None:
    await record(store, event())
    lease, view = await taken(store)
    await store.release(lease, view, Outcome.ATTENTION, reason_from("look"))
    await record(store, event("e2"))
    assert (await store.vitals()).attention == 0
    assert await redis.ttl(f"{PREFIX}event:boutique:e1") == -1
    lease, view = await taken(store, token="b")
    assert [e.id for e in view.events] == ["e1", "e2"]
    await store.release(lease, view, Outcome.DONE, reason_from(""))
    await record(store, event("e3"))
    assert await redis.ttl(f"{PREFIX}event:boutique:e1") == -1


async def test_what_was_fetched_comes_back_among_the_events(store: Store) -> None:
    await record(store, event())
    await store.keep_fetched(KEY, "/v1/lines", b"[1]")
    await store.keep_fetched(KEY, "/v1/lines", b"[2]")
    _, view = await taken(store)
    assert [(e.topic, e.id, e.body) for e in view.events[1:]] == [("answer", "/v1/lines", b"[2]")]


# --- the ledger


@pytest.fixture
async def held(store: Store) -> Lease:
    """An order in hand, on a ledger that was never asked about."""
    await record(store, event())
    return (await taken(store))[0]


async def test_a_new_sale_is_posted_once(store: Store, held: Lease) -> None:
    placed = datetime.now(UTC) + LATER  # younger than the ledger, with its five minutes
    begun = await store.begin(held, KEY, "a1", placed, SCOPE)
    assert (begun.act, begun.attempt) == ("post", "a1")
    again = await store.begin(held, KEY, "a2", placed, SCOPE)
    assert (again.act, again.attempt, again.unsure) == ("lookup", "a1", False)
    assert again.age < 5
    assert await store.ledger([KEY]) == {}
    await store.done([KEY, "alias"], {"id": 7})
    final = await store.begin(held, KEY, "a3", placed, SCOPE)
    assert (final.act, final.record) == ("done", {"id": 7})
    assert await store.ledger([KEY, "alias", "unknown"]) == {KEY: {"id": 7}, "alias": {"id": 7}}


async def test_an_attempt_proven_unmade_is_cleared(store: Store, held: Lease) -> None:
    placed = datetime.now(UTC) + LATER
    await store.begin(held, KEY, "a1", placed, SCOPE)
    await store.clear(KEY, "another")
    assert (await store.begin(held, KEY, "a2", placed, SCOPE)).act == "lookup"
    await store.clear(KEY, "a1")
    assert (await store.begin(held, KEY, "a2", placed, SCOPE)).act == "post"
    await store.done([KEY], {"id": 7})
    await store.clear(KEY, "a2")
    assert (await store.begin(held, KEY, "a3", placed, SCOPE)).act == "done"


async def test_only_the_settled_attempt_is_replaced(store: Store, held: Lease) -> None:
    placed = datetime.now(UTC) + LATER
    await store.begin(held, KEY, "a1", placed, SCOPE)
    with pytest.raises(LeaseLost):
        await store.replace_attempt(held, KEY, "a0", "a2")
    await store.replace_attempt(held, KEY, "a1", "a2")
    assert (await store.begin(held, KEY, "a3", placed, SCOPE)).attempt == "a2"


async def test_another_order_at_the_same_document_is_waited_for(
    store: Store, redis: Any, held: Lease
) -> None:
    placed, buyer = datetime.now(UTC) + LATER, "buyer:1"
    await store.begin(held, buyer, "a1", placed, SCOPE)
    await record(store, event("e2", "shopify:boutique:order:2"))
    other, _ = await taken(store, "shopify:boutique:order:2", "b")
    assert (await store.begin(other, buyer, "b1", placed, SCOPE)).act == "busy"
    await redis.delete(f"{PREFIX}lease:{KEY}")  # its worker died
    begun = await store.begin(other, buyer, "b1", placed, SCOPE)
    assert (begun.act, begun.attempt) == ("lookup", "a1")


async def test_a_young_ledger_looks_old_orders_up_and_asks_once(store: Store, held: Lease) -> None:
    begun = await store.begin(held, KEY, "a1", LONG_AGO, SCOPE)
    assert (begun.act, begun.attempt, begun.unsure) == ("lookup", "?", True)
    await store.set_shop_verdict(SCOPE, clean=False)
    begun = await store.begin(held, KEY, "a1", LONG_AGO, SCOPE)
    assert (begun.act, begun.unsure) == ("lookup", False)
    await store.set_shop_verdict(SCOPE, clean=True)  # the first finding stands
    assert (await store.begin(held, KEY, "a1", LONG_AGO, SCOPE)).act == "lookup"


async def test_a_shop_that_never_was_bridged_has_nothing_forgotten(store: Store, held: Lease) -> None:
    assert (await store.begin(held, KEY, "a1", LONG_AGO, SCOPE)).unsure
    await store.set_shop_verdict(SCOPE, clean=True)
    assert (await store.begin(held, KEY, "a1", LONG_AGO, SCOPE)).act == "post"
    # An attempt that was really made is still looked up.
    assert (await store.begin(held, KEY, "a2", LONG_AGO, SCOPE)).act == "lookup"
    # Another shop's verdict is its own.
    assert (await store.begin(held, "other", "a1", LONG_AGO, "shopify:galerie:")).act == "lookup"


async def test_a_wiped_ledger_is_new_again(store: Store, redis: Any, held: Lease) -> None:
    await store.set_shop_verdict(SCOPE, clean=True)
    await store.done([KEY], {"id": 7})
    await redis.flushall()
    await record(store, event())
    lease, _ = await taken(store)
    begun = await store.begin(lease, KEY, "a1", LONG_AGO, SCOPE)
    assert (begun.act, begun.unsure) == ("lookup", True)


@pytest.mark.parametrize(("fsync", "moved"), [("always", False), ("everysec", True)])
async def test_the_floor_moves_when_a_restart_may_have_lost_something(
    store: Store, redis: Any, fsync: str, moved: bool
) -> None:
    """Another run id is what a restart leaves; the floor stays only where every write was on disk."""
    await store.open()
    await redis.hset(f"{PREFIX}meta", mapping={"run": "another", "floor": 1000, "born": 1000})
    try:
        await redis.config_set("appendfsync", fsync)
        await store.open()
    finally:
        await redis.config_set("appendfsync", "always")
    floor = int(await redis.hget(f"{PREFIX}meta", "floor") or 0)
    assert (floor > 1000) is moved
    assert await redis.hget(f"{PREFIX}meta", "born") == b"1000"


async def test_the_archived_customers_are_a_list_that_ages(store: Store, redis: Any) -> None:
    assert await store.archived_customer("f1") is None
    await store.keep_archived_customers({})
    assert await store.archived_customer("f1") == 0
    await store.keep_archived_customers({"f1": 12})
    assert (await store.archived_customer("f1"), await store.archived_customer("f2")) == (12, 0)
    assert 0 < await redis.ttl(f"{PREFIX}archived") <= 6 * 3600


# --- the whole


async def test_vitals_tell_what_is_there(store: Store) -> None:
    await store.open()
    empty = await store.vitals()
    assert (empty.waiting, empty.oldest, empty.overdue, empty.attention) == (0, None, 0, 0)
    assert (empty.workers, empty.last_beat) == (0, None)
    assert empty.born is not None
    await record(store, event())
    await store.sweep("w1")
    await store.sweep("w2")
    full = await store.vitals()
    assert (full.waiting, full.workers) == (1, 2)
    assert full.oldest is not None
    assert full.last_beat is not None
    assert abs(full.now - datetime.now(UTC)) < timedelta(seconds=30)


async def test_a_store_that_is_away_says_so() -> None:
    pool = BlockingConnectionPool.from_url("unix:///nowhere/valkey.sock", timeout=1)
    store = Store(Redis(connection_pool=pool), retention=timedelta(days=1))
    for call in (store.open(), store.vitals(), store.check_writable(), record(store, event())):
        with pytest.raises(StoreUnavailable):
            await call
    await store.redis.aclose()


async def test_the_calls_of_the_last_runs_are_kept(store: Store, redis: Any) -> None:
    await record(store, event())
    for n in range(25):
        lease, view = await taken(store)
        await store.release(lease, view, Outcome.WAITING, reason_from(""), calls=json.dumps([n]))
    kept = await redis.lrange(f"{PREFIX}calls:{KEY}", 0, -1)
    assert [json.loads(each) for each in kept] == [[n] for n in range(5, 25)]


OTHER = "stripe:abo:checkout:cs_1"


async def rivals(store: Store) -> tuple[Lease, Lease]:
    """Two orders in hand, each of a shop of its own."""
    await record(store, event())
    await record(store, event("e2", OTHER), shop="abo")
    return (await taken(store))[0], (await taken(store, OTHER, "b"))[0]


async def test_one_payment_pays_one_order(store: Store) -> None:
    mine, theirs = await rivals(store)
    placed = datetime.now(UTC) + LATER
    assert (await store.begin(mine, KEY, "a1", placed, SCOPE, ["pi_1", "ch_1"])).act == "post"
    claimed = await store.begin(theirs, OTHER, "b1", placed, "stripe:abo:", ["ch_9", "ch_1"])
    assert (claimed.act, claimed.other) == ("claimed", KEY)
    # All or none: what the loser had besides is still free.
    assert (await store.begin(mine, "another", "a2", placed, SCOPE, ["ch_9"])).act == "post"
    await store.done([KEY], {"id": 7})
    assert (await store.begin(mine, KEY, "a3", placed, SCOPE, ["pi_1", "ch_1"])).act == "done"


async def test_an_order_set_aside_before_it_had_a_document_gives_its_payment_back(store: Store) -> None:
    await record(store, event())
    mine, view = await taken(store)
    placed = datetime.now(UTC) + LATER
    await store.begin(mine, KEY, "a1", placed, SCOPE, ["pi_1"])
    await store.clear(KEY, "a1")
    await store.release(mine, view, Outcome.IGNORED, reason_from("it was a copy"))
    await record(store, event("e2", OTHER), shop="abo")
    theirs, _ = await taken(store, OTHER, "b")
    assert (await store.begin(theirs, OTHER, "b1", placed, "stripe:abo:", ["pi_1"])).act == "post"


async def test_documents_that_an_order_does_not_name_itself_are_remembered_before_they_are_made(
    store: Store,
) -> None:
    await record(store, event())
    mine, view = await taken(store)
    placed = datetime.now(UTC) + LATER
    assert view.further == ()
    for key in (KEY, f"{KEY}:2", f"{KEY}:2", f"{KEY}0:1", f"{KEY}:1:credit"):
        await store.begin(mine, key, "a1", placed, SCOPE)
    await store.release(mine, view, Outcome.WAITING, reason_from("later"))
    _, view = await taken(store)
    assert view.further == (f"{KEY}:2", f"{KEY}:1:credit")


async def test_a_document_is_remembered_with_the_other_sales_that_it_concerns(
    store: Store, redis: Any
) -> None:
    await record(store, event())
    await record(store, event("e2", OTHER), shop="abo")
    theirs, _ = await taken(store, OTHER, "b")
    placed = datetime.now(UTC) + LATER
    await store.begin(theirs, OTHER, "b1", placed, "stripe:abo:", concerned=[KEY, "stripe:abo:order:gone"])
    _, view = await taken(store)
    assert view.further == (OTHER,)
    assert not await redis.keys("*order:gone*")
