"""Told once and at last: judging on a real Valkey."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from bridge.alerts import channels
from bridge.alerts.channels import (
    Channel,
    Undelivered,
)
from bridge.alerts.letter import letter_of
from bridge.alerts.notifier import RETRY_AFTER, Notifier
from bridge.alerts.outbox import AlertOutbox, Message, current
from bridge.alerts.rules import REFUSED, Alert
from bridge.errors import StoreUnavailable
from bridge.facturation.quota import Quota
from bridge.reasons import Reason, because
from bridge.receive import ShopEndpoint, Webhooks, create_app
from bridge.sources.base import ForOrder
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store
from bridge.store.values import Lease, Outcome

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NO_CURRENCY = because("currency_unknown", currency="XTS")
ALERT = Alert(
    key="attention:abc",
    since=NOW - timedelta(hours=1),
    reason=because("alert_attention", count=2, why=NO_CURRENCY),
    count=2,
    orders=("shopify:boutique:order:1", "shopify:boutique:order:2"),
)


def now() -> datetime:
    return datetime.now(UTC)


# --- judging together ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Ear:
    """A channel that keeps what it is told. `deaf`: so often it does not hear."""

    deaf: int = 0
    heard: list[Message] = field(default_factory=list)
    name: str = "ear"

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        if self.deaf:
            self.deaf -= 1
            raise Undelivered("deaf")
        self.heard.append(message)

    def kinds(self) -> list[tuple[str, str]]:
        return [(message.alert.name, message.kind) for message in self.heard]


@pytest.fixture
async def store(redis: Redis) -> Store:
    store = Store(redis, retention=timedelta(days=90))
    await store.open()
    await store.sweep("worker:1")
    return store


def herald_of(store: Store, *channels: Channel, shops: tuple[str, ...] = ("boutique",)) -> Notifier:
    quota = Quota(store.redis, firm_id=1)
    return Notifier(AlertOutbox(store), quota, Counter(), channels, shops, now)


async def ask_for_a_person(store: Store, number: int, reason: Reason = NO_CURRENCY) -> str:
    """An order that was taken and came to ask for attention. Returns its key."""
    key = f"shopify:boutique:order:{number}"
    identity = ForOrder(event_id=f"orders/paid:{number}", topic="orders/paid", order_key=key)
    await store.record("boutique", "shopify", identity, {}, b"{}")
    lease = Lease(order_key=key, token=uuid.uuid4().hex)
    view = await store.take(lease)
    assert view
    assert await store.release(lease, view, Outcome.ATTENTION, reason) is None
    return key


async def settle(store: Store, key: str) -> None:
    """A person ignored the order."""
    await store.redis.zrem("bridge:attention", key)


async def judge_anew(notifier: Notifier, store: Store) -> None:
    await store.redis.delete("bridge:alerts:judge")
    await notifier.step()


async def expire_absences(store: Store) -> None:
    """As though what is missing had been so for a minute."""
    redis: Any = store.redis
    for key, value in (await redis.hgetall("bridge:alerts")).items():
        token, since, gone, said = value.split(b" ", 3)
        if gone != b"0":
            earlier = str(int(gone) - 60_000).encode()
            await redis.hset("bridge:alerts", key, b" ".join([token, since, earlier, said]))


async def test_a_cause_is_told_once_and_its_end_once(store: Store) -> None:
    ear = Ear()
    notifier = herald_of(store, ear)
    keys = [
        await ask_for_a_person(store, n, because("currency_unknown", currency=currency))
        for n, currency in ((1, "XTS"), (2, "XXX"))
    ]
    await judge_anew(notifier, store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")]
    (alert,) = await current(store)
    assert alert == ear.heard[0].alert
    assert alert.count == 2
    assert set(alert.orders) == set(keys)

    await ask_for_a_person(store, 3, NO_CURRENCY)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")]
    (grown,) = await current(store)
    assert (grown.count, grown.since, grown.key) == (3, alert.since, alert.key)

    for key in (*keys, "shopify:boutique:order:3"):
        await settle(store, key)
    for _ in range(2):
        await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")], "missing for a moment may be chance"
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised"), ("attention", "resolved")]
    assert ear.heard[1].alert.key == alert.key
    assert await current(store) == ()
    await judge_anew(notifier, store)
    assert len(ear.heard) == 2


async def test_what_was_missing_only_once_is_not_over(store: Store) -> None:
    ear = Ear()
    notifier = herald_of(store, ear)
    key = await ask_for_a_person(store, 1)
    await judge_anew(notifier, store)
    await settle(store, key)
    await judge_anew(notifier, store)
    await store.redis.zadd("bridge:attention", {key: 1})
    await judge_anew(notifier, store)
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised")]


async def test_many_judges_at_the_same_time_say_it_once(store: Store) -> None:
    ear = Ear()
    heralds = [replace(herald_of(store, ear)) for _ in range(12)]
    keys = [
        await ask_for_a_person(store, n, because(code))
        for n, code in enumerate(("currency_unknown", "key_too_long", "mentions_too_long"))
    ]

    async def all_at_once() -> None:
        for _ in range(5):  # each turn another one becomes the judge
            await store.redis.delete("bridge:alerts:judge")
            await asyncio.gather(*(notifier.step() for notifier in heralds))

    await all_at_once()
    assert ear.kinds() == [("attention", "raised")] * 3
    assert len({message.id for message in ear.heard}) == 3
    for key in keys:
        await settle(store, key)
    await all_at_once()
    await expire_absences(store)
    await all_at_once()
    assert sorted(ear.kinds()) == [("attention", "raised")] * 3 + [("attention", "resolved")] * 3


async def test_one_judge_in_each_half_minute(store: Store) -> None:
    book = AlertOutbox(store)
    turns = [await book.acquire_leadership(str(n), timedelta(seconds=30)) for n in range(5)]
    assert turns == [True, False, False, False, False]
    assert await book.publish("1", [ALERT], ["ear"]) is None, "a judge whose term is over says nothing"
    assert await current(store) == ()
    assert await book.publish("0", [ALERT], ["ear"]) == ((ALERT.key,), ())
    assert await current(store) == (ALERT,)


async def test_what_a_dead_process_did_not_say_is_said_by_another(store: Store, redis: Redis) -> None:
    book, ear = AlertOutbox(store), Ear()
    await book.acquire_leadership("dead", timedelta(seconds=30))
    await book.publish("dead", [ALERT], ["ear"])
    (delivery,) = await book.deliveries()  # and here it dies
    await herald_of(store, ear).step()
    assert ear.heard == []
    await make_due(redis)
    await herald_of(store, ear).step()
    assert [message.id for message in ear.heard] == [delivery.message.id]
    assert ear.heard[0].alert == ALERT


async def make_due(redis: Any) -> None:
    """As though the time of every delivery had come."""
    for key, value in (await redis.hgetall("bridge:alerts:errands")).items():
        await redis.hset("bridge:alerts:errands", key, b"0 " + value.split(b" ", 1)[1])


async def test_what_is_not_delivered_is_tried_again_and_given_up_at_last(store: Store, redis: Redis) -> None:
    stubborn, deaf = Ear(deaf=2, name="stubborn"), Ear(deaf=99, name="deaf")
    notifier = herald_of(store, stubborn, deaf)
    await ask_for_a_person(store, 1)
    await judge_anew(notifier, store)
    for _ in range(20):
        assert not stubborn.heard or len(stubborn.heard) == 1
        await make_due(redis)
        await notifier.step()
    assert stubborn.kinds() == [("attention", "raised")]
    assert 99 - deaf.deaf == len(RETRY_AFTER) + 1
    assert await redis.hlen("bridge:alerts:errands") == 0  # type: ignore[misc]


async def test_a_failure_waits_before_it_is_tried_again(store: Store) -> None:
    ear = Ear(deaf=1)
    notifier = herald_of(store, ear)
    await ask_for_a_person(store, 1)
    for _ in range(3):
        await judge_anew(notifier, store)
    assert ear.deaf == 0
    assert ear.heard == []


LEGACY = (
    b'{"name":"attention","key":"attention:0123456789ab","text":"2 orders ask for a person: it has no lines",'
    b'"shop":"","count":2,"orders":["shopify:boutique:order:1"]}'
)
"""An alert as it was stored before reasons were values."""


async def test_an_alert_that_was_raised_before_the_upgrade_is_told_and_ends(store: Store, redis: Any) -> None:
    ear = Ear()
    await redis.hset("bridge:alerts", "attention:0123456789ab", b"0f 1700000000000 0 " + LEGACY)
    await redis.hset("bridge:alerts:errands", "0f_raised:ear", b"0 0 1700000000000 1700000000000 " + LEGACY)
    (alert,) = await current(store)
    assert (alert.text(), alert.text("fr")) == ("2 orders ask for a person: it has no lines",) * 2
    assert (alert.since.year, alert.count, alert.orders) == (2023, 2, ("shopify:boutique:order:1",))
    assert "What it means" in letter_of(Message(id="1", kind="raised", at=NOW, alert=alert), "en").body
    notifier = herald_of(store, ear)
    await judge_anew(notifier, store)
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds() == [("attention", "raised"), ("attention", "resolved")]
    assert [message.alert for message in ear.heard] == [alert, alert]
    assert await current(store) == ()


# --- what is seen -------------------------------------------------------------------------------------------


async def test_the_webs_doors_count_wrong_signatures_until_a_good_event(store: Store, redis: Redis) -> None:
    ear = Ear()
    notifier = herald_of(store, ear)
    shop = ShopEndpoint("boutique", REGISTRY["shopify"], ("the-right-secret",))
    webhooks = Webhooks(
        {"boutique": shop},
        store,
        max_body_bytes=1000,
        now=now,
        observe=lambda *_: None,
        rejected=notifier.rejected,
    )
    app = create_app(webhooks)
    transport = httpx.ASGITransport(app=app)

    async def deliver(secret: str, topic: str = "orders/paid", body: bytes = b'{"id": 7}') -> int:
        signature = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
        headers = {
            "x-shopify-hmac-sha256": signature,
            "x-shopify-topic": topic,
            "x-shopify-webhook-id": topic,
        }
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            return (await client.post("/webhooks/boutique", content=body, headers=headers)).status_code

    for _ in range(REFUSED - 1):
        assert await deliver("wrong") == 401
    await judge_anew(notifier, store)
    assert ear.heard == []
    assert await deliver("wrong") == 401
    await judge_anew(notifier, store)
    assert ear.kinds() == [("signatures", "raised")]
    (alert,) = await current(store)
    assert (alert.shop, alert.count) == ("boutique", REFUSED)

    assert await deliver("the-right-secret") == 200
    await judge_anew(notifier, store)
    await expire_absences(store)
    await judge_anew(notifier, store)
    assert ear.kinds()[-1] == ("signatures", "resolved")
    assert await deliver("wrong") == 401
    await notifier.step()
    assert await redis.hget("bridge:shop:boutique", "bad_signatures") == b"1"  # type: ignore[misc]


async def test_what_could_not_be_handed_in_is_counted_on(store: Store) -> None:
    notifier = herald_of(store)
    notifier.rejected.update({"boutique": 3, "atelier": 4})

    async def away(shop: str, count: int) -> None:
        raise StoreUnavailable("away")

    notifier.book.note_refused = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await notifier.step()
    assert notifier.rejected == {"boutique": 3, "atelier": 4}


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
async def test_shopifys_compliance_topics_are_verified_kept_and_told(store: Store, topic: str) -> None:
    ear = Ear()
    door = ShopEndpoint("boutique", REGISTRY["shopify"], ("the-right-secret",))
    webhooks = Webhooks({"boutique": door}, store, max_body_bytes=9999, now=now, observe=lambda *_: None)
    body = json.dumps(
        {"shop_domain": "b.myshopify.com", "customer": {"email": "jeanne@example.com"}}
    ).encode()
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": "w-1", "content-type": "application/json"}
    transport = httpx.ASGITransport(app=create_app(webhooks))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        headers["x-shopify-hmac-sha256"] = base64.b64encode(b"x" * 32).decode()
        assert (await client.post("/webhooks/boutique", content=body, headers=headers)).status_code == 401
        good = base64.b64encode(hmac.digest(b"the-right-secret", body, "sha256")).decode()
        headers["x-shopify-hmac-sha256"] = good
        assert (await client.post("/webhooks/boutique", content=body, headers=headers)).status_code == 200
    await judge_anew(herald_of(store, ear), store)
    assert ear.kinds() == [("privacy", "raised")]
    due = (now() + timedelta(days=30)).strftime("%Y-%m-%d")
    assert ear.heard[0].alert.text() == f"shop boutique: 1 request {topic} to be answered by {due}"
    assert "jeanne" not in json.dumps(channels.body_of(ear.heard[0]))


async def test_the_hours_of_a_shop_are_kept_for_weeks(store: Store, redis: Any) -> None:
    seconds, _ = await redis.time()
    hour = seconds // 3600
    for ago, count in ((0, 9), (1, 4), (3, 2), (190, 1)):
        await redis.hset(f"bridge:stats:{hour - ago}", "events:boutique", count)
    await redis.hset("bridge:shop:boutique", "last_event", seconds * 1000)
    await redis.hset("bridge:rhythm:boutique", mapping={str(hour - 700): 5, str(hour - 1009): 5})
    book, quota = AlertOutbox(store), Quota(redis, firm_id=1)
    wanted = {hour - 1: 4, hour - 3: 2, hour - 190: 1, hour - 700: 5}
    for _ in range(2):
        (pulse,) = (await book.look(quota, ("boutique",), silence=True)).pulses
        assert pulse.hours == wanted
        await redis.delete(f"bridge:stats:{hour - 1}", f"bridge:stats:{hour - 3}")


async def test_an_order_that_waits_for_its_shop_is_not_stuck(store: Store, redis: Redis) -> None:
    quota, book = Quota(redis, firm_id=1), AlertOutbox(store)

    async def leave(number: int, reason: Reason, after: float) -> str:
        key = f"shopify:boutique:order:{number}"
        identity = ForOrder(event_id=f"e{number}", topic="orders/paid", order_key=key)
        await store.record("boutique", "shopify", identity, {}, b"{}")
        lease = Lease(order_key=key, token="t")
        view = await store.take(lease)
        assert view
        await store.release(lease, view, Outcome.WAITING, reason, after=after, counted=True)
        return key

    await leave(1, because("alert_test"), 6 * 3600.0)
    assert (await book.look(quota, (), silence=True)).stuck is None
    failing = await leave(2, NO_CURRENCY, 900.0)
    stuck = (await book.look(quota, (), silence=True)).stuck
    assert stuck
    assert (stuck.key, stuck.reason) == (failing, NO_CURRENCY)


async def test_more_orders_than_a_page_are_all_seen(store: Store, redis: Redis) -> None:
    many = 1203
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(many):
            key = f"shopify:boutique:order:{number}"
            pipe.zadd("bridge:attention", {key: number})
            pipe.hset(
                f"bridge:order:{key}", mapping={"created": number, "reason": f"order {number}: no lines"}
            )
        await pipe.execute()
    ear = Ear()
    await judge_anew(herald_of(store, ear), store)
    (told,) = ear.heard
    assert told.alert.count == many


# --- the process --------------------------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def test_at_work_it_tells_by_itself_and_survives_anything(store: Store) -> None:
    ear = Ear()
    broken = replace(herald_of(store, ear), tick=0.01, every=timedelta(milliseconds=500))
    judged = 0
    look = broken.book.look

    async def fail_first(*args: Any, **kwargs: Any) -> Any:
        nonlocal judged
        judged += 1
        if judged == 1:
            raise RuntimeError("a bug")
        return await look(*args, **kwargs)

    broken.book.look = fail_first  # type: ignore[method-assign]
    await ask_for_a_person(store, 1)
    async with broken.at_work(), broken.at_work():
        await until(lambda: bool(ear.heard))
    assert ear.kinds() == [("attention", "raised")]


async def test_without_redis_each_process_tells_from_memory(store: Store) -> None:
    ear = Ear(deaf=1)
    notifier = replace(herald_of(store, ear), tick=0.01, redis_away=timedelta(milliseconds=50))
    deliveries, gone = notifier.book.deliveries, True

    async def away() -> Any:
        if gone:
            raise StoreUnavailable("away")
        return await deliveries()

    notifier.book.deliveries = away  # type: ignore[method-assign]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(notifier.at_work())
        await until(lambda: bool(ear.heard))
        gone = False
        await until(lambda: len(ear.heard) == 2)
    assert ear.kinds() == [("redis", "raised"), ("redis", "resolved")]
