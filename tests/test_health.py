"""Health: verdicts as a pure function, and the four pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.errors import QuotaReached
from bridge.facturation.answers import decipher
from bridge.facturation.quota import Failure, QuotaState
from bridge.reasons import NO_REASON, because
from bridge.store.values import Vitals
from bridge.telemetry.health import Check, Status, assess, overall
from bridge.valkey.durability import Durability, look_at_durability
from tests.builders.shopify import shopify_order
from tests.worlds.in_process import Here, bridge_here

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = Vitals(
    now=NOW,
    waiting=0,
    oldest=None,
    overdue=0,
    attention=0,
    last_beat=NOW - timedelta(seconds=1),
    workers=2,
    born=NOW - timedelta(days=30),
)
DURABLE = Durability(appendonly=True, fsync="always", eviction="noeviction")
QUOTA = QuotaState(
    limit_five=600,
    limit_day=10_000,
    left_five=500,
    left_day=9_000,
    foreign_five=0,
    foreign_day=0,
    paused_until=None,
    refused=0,
    throttled=0,
    last_success=NOW - timedelta(minutes=1),
    last_failure=None,
    last_failure_kind=Failure.UNREACHABLE,
    last_failure_reason=NO_REASON,
)
NO_ANSWER = because("api_without_answer", call="GET /x", what="ReadTimeout")
CHECKS = {"redis", "durability", "workers", "backlog", "attention", "facturation", "quota"}


def quota(**changed: Any) -> QuotaState:
    state: QuotaState = QUOTA.copy()
    state.update(changed)  # type: ignore[typeddict-item]
    return state


def vitals(**changed: Any) -> Vitals:
    return replace(GOOD, **changed)


def test_all_is_well() -> None:
    checks = assess(GOOD, DURABLE, QUOTA)
    assert checks.keys() >= CHECKS
    assert {check.status for check in checks.values()} == {Status.PASS}
    assert not any(check.reason for check in checks.values())
    assert overall(checks) is Status.PASS


LATE = {"waiting": 3, "oldest": NOW - timedelta(minutes=6)}
VERY_LATE = {"waiting": 3, "oldest": NOW - 7 * HOUR}


@pytest.mark.parametrize(
    ("changed", "name", "status"),
    [
        ({"last_beat": None, "workers": 0}, "workers", "fail"),
        ({"last_beat": NOW - timedelta(seconds=16)}, "workers", "fail"),
        ({"last_beat": NOW - timedelta(seconds=15)}, "workers", "pass"),
        ({"waiting": 3, "oldest": NOW - timedelta(minutes=4)}, "backlog", "pass"),
        (LATE, "backlog", "warn"),
        (VERY_LATE, "backlog", "warn"),  # all of them wait for a time of their own
        (VERY_LATE | {"overdue": 1}, "backlog", "fail"),
        ({"attention": 1}, "attention", "warn"),
    ],
)
def test_what_the_vitals_say(changed: dict[str, Any], name: str, status: str) -> None:
    assert_verdict(assess(vitals(**changed), DURABLE, QUOTA), name, status)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"fsync": "everysec"}, "warn"),
        ({"appendonly": False}, "warn"),
        ({"eviction": "allkeys-lru"}, "warn"),
        ({"appendonly": None, "fsync": None, "eviction": None}, "warn"),
        ({}, "pass"),
    ],
)
def test_what_durability_says(changed: dict[str, Any], status: str) -> None:
    assert_verdict(assess(GOOD, replace(DURABLE, **changed), QUOTA), "durability", status)


@pytest.mark.parametrize(
    ("changed", "name", "status"),
    [
        ({"last_failure": NOW, "last_failure_reason": NO_ANSWER}, "facturation", "fail"),
        ({"last_failure": NOW - HOUR, "last_failure_reason": NO_ANSWER}, "facturation", "pass"),
        (
            {"last_failure": NOW, "last_success": None, "last_failure_reason": NO_ANSWER},
            "facturation",
            "fail",
        ),
        ({"last_success": None}, "facturation", "pass"),
        ({"paused_until": NOW + HOUR}, "quota", "warn"),
        ({"paused_until": NOW - HOUR}, "quota", "pass"),
        ({"left_day": 500}, "quota", "warn"),
        ({"left_day": 501}, "quota", "pass"),
    ],
)
def test_what_the_quota_says(changed: dict[str, Any], name: str, status: str) -> None:
    assert_verdict(assess(GOOD, DURABLE, quota(**changed)), name, status)


def test_a_429_is_no_failure_of_facturation_pro() -> None:
    with pytest.raises(QuotaReached) as told:
        decipher("GET /x", 429, {"retry-after": "60"}, b"Retry later", NOW)
    asked_to_wait = quota(
        last_failure=NOW, last_failure_kind=Failure.THROTTLED, last_failure_reason=told.value.reason
    )
    assert_verdict(assess(GOOD, DURABLE, asked_to_wait), "facturation", "warn")


@pytest.mark.parametrize(
    ("waiting", "changed", "after"),
    [
        (10, {}, timedelta(0)),
        (10, {"left_five": 37}, timedelta(minutes=5)),  # 18 of them are kept back, 20 are needed
        (10, {"left_five": 38}, timedelta(0)),
        (1_000, {"left_five": 600}, timedelta(minutes=15)),  # 582 at once, then three times up to 582
        (10, {"left_day": 0}, timedelta(days=1)),
        (10, {"left_day": 300}, timedelta(days=1)),
        (10_000, {"left_day": 10_000}, timedelta(days=2)),
        (10, {"left_day": 0, "limit_day": 5}, timedelta(days=5)),
        (10, {"paused_until": NOW + HOUR}, HOUR),
        (10, {"paused_until": NOW - HOUR}, timedelta(0)),
    ],
)
def test_when_the_backlog_will_be_drained(waiting: int, changed: dict[str, Any], after: timedelta) -> None:
    checks = assess(vitals(waiting=waiting, oldest=NOW), DURABLE, quota(**changed))
    assert checks["backlog"].observed["drained_at"] == (NOW + after).isoformat(timespec="seconds")


def assert_verdict(checks: dict[str, Check], name: str, status: str) -> None:
    """This check says so, with a reason unless it passes; no other one minds."""
    assert checks[name].status == status
    assert bool(checks[name].reason) is (status != "pass")
    assert {other: c.status for other, c in checks.items() if other != name and c.status != "pass"} == {}
    assert overall(checks) == status


# --- the pages


@pytest.fixture
async def here(redis: Any, redis_url: str) -> AsyncIterator[Here]:
    async with bridge_here(redis_url) as here:
        yield here


async def test_it_lives_and_is_ready(here: Here) -> None:
    for page in ("/livez", "/readyz"):
        answer = await here.shops.get(page)
        assert (answer.status_code, answer.json()) == (200, {"status": "pass"})


async def test_health_without_and_with_a_worker(here: Here) -> None:
    alone = await here.shops.get("/health")
    assert (alone.status_code, alone.json()["status"]) == (503, "fail")
    assert alone.json()["checks"]["workers"]["reason"]
    await here.services.store.sweep("w1")
    answer = await here.shops.get("/health")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "pass")
    assert body["checks"].keys() >= CHECKS
    for check in body["checks"].values():
        assert check.keys() >= {"status", "observed", "since"}
        assert datetime.fromisoformat(check["since"]).tzinfo
    assert body["checks"]["durability"]["observed"]["appendfsync"] == "always"


async def test_a_warning_is_still_200(here: Here) -> None:
    await here.services.store.sweep("w1")
    await here.accept({"id": 1}, "disputes/create")
    answer = await here.shops.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "warn")
    assert answer.json()["checks"]["attention"]["observed"] == 1


async def test_since_stays_until_the_verdict_changes(here: Here) -> None:
    async def since() -> str:
        return str((await here.shops.get("/health")).json()["checks"]["workers"]["since"])

    moments = iter(NOW + n * HOUR for n in range(10))
    here.services.health.now = lambda: next(moments)
    first = await since()
    assert await since() == first
    await here.services.store.sweep("w1")
    assert await since() > first


async def test_a_redis_that_only_loses_a_second_is_reported(here: Here, redis: Any) -> None:
    await redis.config_set("appendfsync", "everysec")
    try:
        durability = await look_at_durability(redis)
        assert not durability.durable
        body = (await here.shops.get("/health")).json()
        assert "appendfsync always" in body["checks"]["durability"]["reason"]
    finally:
        await redis.config_set("appendfsync", "always")
    assert (await look_at_durability(redis)).durable


async def test_a_full_redis_is_not_healthy_and_not_ready(here: Here, redis: Any) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        ready, health = await here.shops.get("/readyz"), await here.shops.get("/health")
    finally:
        await redis.config_set("maxmemory", 0)
    assert (ready.status_code, ready.json()["reason"]) == (503, "Redis: it is full")
    checks = health.json()["checks"]
    assert (health.status_code, checks["redis"]["status"]) == (503, "fail")
    assert "maxmemory" in checks["redis"]["reason"]
    assert checks["durability"]["status"] == "pass", "the others are known all the same"


async def test_what_web_refuses_for_want_of_memory_is_not_ready_either(here: Here) -> None:
    here.services.store.memory_used = 0.99
    assert (await here.shops.get("/readyz")).json()["reason"] == "Redis: it is full"


async def test_metrics_are_prometheus_text(here: Here) -> None:
    key = await here.accept(shopify_order(1))
    await here.accept({"id": 1}, "disputes/create")
    await here.sync(key)
    answer = await here.shops.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in found.values()
        for sample in family.samples
    }
    assert values["bridge_events_total", "accepted", "orders/paid", "shopify"] == 1
    assert values["bridge_sync_total", "done"] == 1
    assert values["bridge_ack_to_invoice_seconds_count",] == 1
    assert values["bridge_api_calls_total", "/invoices.json", "201", "POST"] == 1
    assert values["bridge_attention",] == 1
    assert values["bridge_backlog",] == 0
    counts = {state: values["bridge_orders", state] for state in ("waiting", "attention", "open", "ignored")}
    assert counts == {"waiting": 0, "attention": 1, "open": 0, "ignored": 0}
    assert values["bridge_orders", "done"] == 1
    assert "example.com" not in answer.text


@pytest.mark.parametrize("page", ["/livez", "/readyz", "/health", "/metrics"])
async def test_the_pages_are_only_read(here: Here, page: str) -> None:
    assert (await here.shops.post(page)).status_code == 405
