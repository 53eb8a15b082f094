"""How a run over an order ends, against the sandbox and a real Valkey."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.desk.actions import Desk
from bridge.sandbox import FaultKind, SandboxConfig
from bridge.store.store import LEASE
from bridge.store.values import Lease
from bridge.sync import lease as lease_module
from bridge.sync import loop as sync
from bridge.sync.ending import POISON
from tests.builders.shopify import item, shopify_order, shopify_refund
from tests.worlds.in_process import Here, bridge_here
from tests.worlds.waiting import until

KEY = "shopify:boutique:order:1"


@pytest.fixture
async def here(redis: Any, redis_url: str) -> AsyncIterator[Here]:
    async with bridge_here(redis_url, settle=0.3) as here:
        yield here


async def due_in(here: Here, key: str = KEY) -> float:
    """Seconds until the order is due."""
    seconds, _ = await here.redis.time()
    score: float | None = await here.redis.zscore("bridge:due", key)
    assert score is not None
    return score / 1000 - float(seconds)


# --- waiting


async def test_a_429_makes_everyone_wait_and_counts_for_nobody(here: Here) -> None:
    await here.sync(await here.accept(shopify_order(9)))
    here.fault(FaultKind.TOO_MANY_REQUESTS, path="/invoices.json", retry_after=50)
    here.forget_calls()
    state = await here.sync(await here.accept(shopify_order(1)))
    assert (state["state"], state.get("attempts")) == ("waiting", None)
    assert 45 < await due_in(here) < 56
    # Another order is not even tried.
    before = len(here.calls())
    other = await here.sync(await here.accept(shopify_order(2, buyer=9)))
    assert other["state"] == "waiting"
    assert len(here.calls()) == before
    await here.redis.delete("bridge:quota:1:pause")  # the pause is over
    here.forget_calls()
    assert (await here.sync(KEY))["state"] == "done"
    assert here.calls() == ["POST /invoices.json"]  # nothing was sent before, so nothing is looked up


async def test_after_the_daily_limit_orders_wait_until_it_reopens_and_health_says_until_when(
    redis: Any, redis_url: str
) -> None:
    async with bridge_here(redis_url, facturation={"requests_per_day": 10}) as here:
        keys = [await here.accept(shopify_order(n)) for n in range(1, 6)]
        for key in keys:
            await here.sync(key)
        assert (len(here.calls()), len(here.invoices())) == (9, 3)  # three each; the tenth is kept back
        for key in keys[3:]:
            state = await here.state(key)
            assert (state["state"], state.get("attempts")) == ("waiting", None)
            assert "quota is used up" in state["reason"]
            assert 86_000 < await due_in(here, key) < 86_500
        await here.services.store.sweep("w1")
        health = (await here.shops.get("/health")).json()
        assert health["checks"]["backlog"]["observed"]["orders"] == 2
        drained = datetime.fromisoformat(health["checks"]["backlog"]["observed"]["drained_at"])
        assert timedelta(hours=23) < drained - datetime.now(UTC) < timedelta(hours=25)
        # Nothing is tried before.
        here.forget_calls()
        assert await here.services.store.sweep("w1") == 0
        assert here.calls() == []
        # The minutes of the day before yesterday's first requests are over.
        minute = int(datetime.now(UTC).timestamp() // 60)
        day = await redis.hgetall("bridge:quota:1:day")
        moved = {int(name) - 1441: count for name, count in day.items() if name.isdigit()}
        await redis.delete("bridge:quota:1:day")
        await redis.hset(
            "bridge:quota:1:day", mapping=moved | {"first": minute - 1443, "total": day[b"total"]}
        )
        for key in keys[3:]:
            assert (await here.sync(key))["state"] == "done"
        assert len(here.invoices()) == 5


async def test_refused_credentials_let_everything_wait_until_they_are_mended(here: Here) -> None:
    here.fault(FaultKind.STATUS, status=401, count=None)
    key = await here.accept(shopify_order(1))
    state = await here.sync(key)
    assert (state["state"], state.get("attempts")) == ("waiting", None)
    assert "refuses our credentials" in state["reason"]
    assert 5 < await due_in(here) < 70
    # Nobody knocks at a closed door: the next order is not even tried.
    state = await here.sync(await here.accept(shopify_order(2)))
    assert (state["state"], state.get("attempts")) == ("waiting", None)
    assert len(here.calls()) == 1
    health = await here.shops.get("/health")
    assert (health.status_code, health.json()["checks"]["facturation"]["status"]) == (503, "fail")
    here.sandbox.faults.clear()
    await here.redis.delete("bridge:quota:1:pause")  # its time is over
    assert (await here.sync(key))["state"] == "done"
    assert len(here.invoices(key)) == 1


async def test_a_403_to_one_order_is_that_orders_own_failure(here: Here) -> None:
    here.fault(FaultKind.STATUS, status=403, method="POST", path="/customers.json", count=None)
    key = await here.accept(shopify_order(1))
    waits = []
    for n in range(1, 4):
        state = await here.sync(key)
        assert (state["state"], state["attempts"]) == ("waiting", str(n))
        assert "403 to POST" in state["reason"]
        waits.append(int(state["next"]) - int(state["since"]))
    assert waits == sorted(waits)
    assert waits[0] < 2_500
    # Nobody is alarmed, and the others go on.
    health = await here.shops.get("/health")
    assert health.json()["checks"]["facturation"]["status"] == "pass"
    here.sandbox.faults.clear()
    assert (await here.sync(await here.accept(shopify_order(2))))["state"] == "done"
    here.fault(FaultKind.STATUS, status=403, method="POST", path="/customers.json")
    long_ago = (datetime.now(UTC) - timedelta(hours=73)).timestamp() * 1000
    await here.redis.hset(f"bridge:order:{key}", "failing_since", int(long_ago))
    state = await here.sync(key)
    assert (state["state"], "403 to POST" in state["reason"]) == ("attention", True)
    # Nothing was sent that could still arrive: once it is let through, it is done at once.
    await here.accept(shopify_order(1), "orders/updated")
    assert (await here.sync(key))["state"] == "done"
    assert len(here.invoices(key)) == 1


async def test_a_403_to_everyone_lets_everyone_wait(here: Here) -> None:
    here.fault(FaultKind.STATUS, status=403, count=None)
    state = await here.sync(await here.accept(shopify_order(1)))
    assert (state["state"], state.get("attempts")) == ("waiting", None)
    assert 5 < await due_in(here) < 70
    made = len(here.calls())
    assert (await here.sync(await here.accept(shopify_order(2))))["state"] == "waiting"
    assert len(here.calls()) == made


async def test_a_403_to_an_e_mail_fails_no_order(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, boutique={"send_email": True}) as here:
        here.fault(FaultKind.STATUS, status=403, path="/emails.json", count=None)
        assert (await here.sync(await here.accept(shopify_order(1))))["state"] == "done"
        assert len(here.calls("POST", "/emails.json")) == 1


async def test_a_service_in_trouble_is_asked_less_and_less_often(here: Here) -> None:
    here.fault(FaultKind.STATUS, status=500, method="GET", count=None)
    key = await here.accept(shopify_order(1))
    waits = []
    for n in range(1, 5):
        state = await here.sync(key)
        assert (state["state"], state["attempts"]) == ("waiting", str(n))
        waits.append(int(state["next"]) - int(state["since"]))
    assert waits == sorted(waits)
    assert 1_500 < waits[0] < 2_500
    here.sandbox.faults.clear()
    state = await here.sync(key)
    assert (state["state"], state.get("attempts")) == ("done", None)


async def test_after_three_days_of_failing_a_person_is_asked(here: Here) -> None:
    here.fault(FaultKind.STATUS, status=500, method="GET", count=None)
    key = await here.accept(shopify_order(1))
    await here.sync(key)
    long_ago = (datetime.now(UTC) - timedelta(hours=73)).timestamp() * 1000
    await here.redis.hset(f"bridge:order:{key}", "failing_since", int(long_ago))
    state = await here.sync(key)
    assert state["state"] == "attention"
    assert "3 days" in state["reason"]


async def test_a_facturation_that_is_not_there_costs_nothing_but_time(here: Here) -> None:
    dead: dict[str, Any] = {"facturation": {"base_url": "http://127.0.0.1:9"}}
    async with bridge_here(here.services.redis_url, **dead) as nowhere:
        state = await nowhere.sync(await nowhere.accept(shopify_order(1)))
        assert (state["state"], state["attempts"]) == ("waiting", "1")
        assert "nothing was sent" in state["reason"]


# --- attention


async def test_a_422_is_shown_with_the_words_of_the_api(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, SandboxConfig(require_siret=True)) as here:
        order = shopify_order(1)
        order["billing_address"] = order["billing_address"] | {"company": "Atelier Moreau SARL"}
        state = await here.sync(await here.accept(order))
        assert state["state"] == "attention"
        assert "422" in state["reason"]
        assert "siret" in state["reason"].lower()
        assert (await here.services.store.vitals()).attention == 1
        assert here.invoices() == []
        # The shop adds what was missing: nothing of the refusal stands in the way.
        order["note_attributes"] = [{"name": "siret", "value": "73282932000074"}]
        order["updated_at"] = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        state = await here.sync(await here.accept(order, "orders/updated"))
        assert state["state"] == "done", state["reason"]
        assert (await here.services.store.vitals()).attention == 0


async def test_what_is_added_after_the_invoice_has_an_invoice_of_its_own_once(here: Here) -> None:
    await here.sync(await here.accept(shopify_order(1)))
    later = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    edited = shopify_order(1, [item("12.00"), item("5.00", id_=2)], updated_at=later)
    for n in range(2):
        changed = edited | {"note": str(n)}
        state = await here.sync(await here.accept(changed, "orders/updated"))
        assert state["state"] == "done"
    (first,), (further,) = here.invoices(KEY), here.invoices(f"{KEY}:2")
    assert [each.totals.total_with_vat for each in (first, further)] == [Decimal("12.00"), Decimal("5.00")]
    assert str(first.as_json()["full_invoice_ref"]) in str(further.as_json()["title"])
    assert not further.draft


async def test_a_shop_that_is_gone_from_the_configuration_is_named(here: Here, redis_url: str) -> None:
    key = "shopify:galerie:order:1"
    await here.accept(shopify_order(1))
    await here.redis.rename(f"bridge:order:{KEY}", f"bridge:order:{key}")
    await here.redis.rename(f"bridge:events:{KEY}", f"bridge:events:{key}")
    await here.redis.zadd("bridge:due", {key: 1})
    state = await here.sync(key)
    assert state["state"] == "attention"
    assert "galerie" in state["reason"]


async def test_an_order_that_kills_its_workers_is_set_apart(here: Here) -> None:
    key = await here.accept(shopify_order(1))
    for n in range(POISON):
        assert await here.services.store.take(Lease(order_key=key, token=str(n)))
        await here.redis.delete(f"bridge:lease:{key}")  # the worker died
    state = await here.sync(key)
    assert state["state"] == "attention"
    assert "died 5 times" in state["reason"]
    assert here.calls() == []


async def test_a_bug_of_ours_is_tried_again_and_then_shown(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    key = await here.accept(shopify_order(1))
    with monkeypatch.context() as patch:
        patch.setattr(sync, "documents_for", broken)
        state = await here.sync(key)
        assert (state["state"], state["attempts"]) == ("waiting", "1")
        assert "boom" not in state["reason"]
        for _ in range(POISON):
            state = await here.sync(key)
        assert state["state"] == "attention"
        assert "RuntimeError" in state["reason"]


# --- rest


async def test_an_unpaid_order_is_open_until_it_is_paid(here: Here) -> None:
    unpaid: dict[str, Any] = {"financial_status": "pending", "total_outstanding": "12.00"}
    key = await here.accept(shopify_order(1, **unpaid), "orders/create")
    state = await here.sync(key)
    assert state["state"] == "open"
    assert here.calls() == []
    assert (await here.sync(await here.accept(shopify_order(1))))["state"] == "done"


async def test_a_test_order_is_ignored_with_its_reason(here: Here) -> None:
    state = await here.sync(await here.accept(shopify_order(1, test=True)))
    assert (state["state"], "test" in state["reason"]) == ("ignored", True)
    assert here.calls() == []


@pytest.mark.parametrize("full", [True, False])
async def test_a_refund_that_comes_before_its_order(here: Here, full: bool) -> None:
    order = shopify_order(1, [item("12.00", quantity=1 if full else 2)])
    key = await here.accept(shopify_refund(order, 9, "12.00", {1: 1}), "refunds/create")
    state = await here.sync(key)
    assert state["state"] == "waiting"
    assert here.calls() == []
    await here.accept(order)
    state = await here.sync(key)
    assert state["state"] == "done", state["reason"]
    totals = [each.totals.total_with_vat for each in here.invoices()]
    assert totals == [Decimal(order["total_price"]), Decimal("-12.00")]


async def test_what_never_came_is_asked_of_a_person(here: Here) -> None:
    key = await here.accept(shopify_refund(shopify_order(1), 9, "12.00", {1: 1}), "refunds/create")
    long_ago = int((datetime.now(UTC) - timedelta(hours=73)).timestamp() * 1000)
    async for name in here.redis.scan_iter("bridge:event:*"):
        await here.redis.hset(name, "at", long_ago)
    state = await here.sync(key)
    assert (state["state"], "never came" in state["reason"]) == ("attention", True)


# --- while it runs


async def test_an_event_during_the_run_is_seen_before_it_ends(here: Here) -> None:
    order = shopify_order(1)
    key = await here.accept(order)
    here.fault(FaultKind.DELAY, method="POST", path="/invoices", seconds=0.3)
    running = asyncio.create_task(here.services.syncer.sync_order(key))
    await until(lambda: bool(here.calls("POST", "/invoices")), "the invoice is on its way")
    await here.accept(shopify_refund(order, 9, "12.00", {1: 1}), "refunds/create")
    await running
    assert (await here.state(key))["state"] == "done"
    assert len(here.invoices()) == 2


async def test_the_lease_is_kept_for_as_long_as_the_work_takes(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.store.LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr(lease_module, "LEASE", timedelta(seconds=0.6))
    key = await here.accept(shopify_order(1))
    here.fault(FaultKind.DELAY, method="POST", path="/invoices", seconds=1.5)
    running = asyncio.create_task(here.services.syncer.sync_order(key))
    await until(lambda: bool(here.calls("POST", "/invoices")), "the invoice is on its way")
    while not running.done():
        assert await here.services.store.take(Lease(order_key=key, token="rival")) is None
        await asyncio.sleep(0.05)
    assert (await here.state(key))["state"] == "done"
    assert timedelta(seconds=1) < LEASE


async def test_a_lost_lease_ends_the_run_quietly_and_the_next_one_finishes(here: Here) -> None:
    key = await here.accept(shopify_order(1))
    here.fault(FaultKind.DELAY, method="POST", path="/customers", seconds=0.3)
    running = asyncio.create_task(here.services.syncer.sync_order(key))
    await until(lambda: bool(here.calls("POST", "/customers")), "the customer is on its way")
    await here.redis.set(f"bridge:lease:{key}", "rival")
    await running
    assert here.invoices() == []
    await here.redis.delete(f"bridge:lease:{key}")
    assert (await here.sync(key))["state"] == "done"
    assert (len(here.sandbox.customers), len(here.invoices())) == (1, 1)


async def test_the_story_of_an_order_has_its_calls_and_nothing_personal(here: Here) -> None:
    key = await here.accept(shopify_order(1))
    await here.sync(key)
    (story,) = await here.redis.lrange(f"bridge:calls:{key}", 0, -1)
    calls = json.loads(story)
    assert [call["call"] for call in calls] == [
        "GET /customers.json",
        "POST /customers.json",
        "POST /invoices.json",
    ]
    assert [call["outcome"] for call in calls] == ["200", "201", "201"]
    assert "example.com" not in story.decode()


@pytest.mark.parametrize("policy", ["draft", "external"])
async def test_the_document_policy_of_a_shop(redis: Any, redis_url: str, policy: str) -> None:
    async with bridge_here(redis_url, boutique={"document": policy}) as here:
        state = await here.sync(await here.accept(shopify_order(1)))
        if policy == "external" and state["state"] == "attention":
            return  # Shopify issues no invoice of its own that could be imported
        assert state["state"] == "done", state["reason"]
        (document,) = here.invoices(KEY)
        assert (document.draft, document.external) == (policy == "draft", policy == "external")


async def test_an_event_that_belongs_to_no_order_keeps_saying_what_it_asked(here: Here) -> None:
    answer = await here.send({"id": 1}, "app/uninstalled")
    key = answer.json()["order"]
    asked = (await here.state(key))["reason"]
    assert "app/uninstalled" in asked
    desk = Desk(here.services.store, here.services.settings, here.services.quota, here.services.client)
    for _ in range(2):
        await desk.retry(key, "marie")
        state = await here.sync(key)
        assert (state["state"], state["reason"]) == ("attention", asked)
