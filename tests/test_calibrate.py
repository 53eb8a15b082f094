"""Calibration finds each rule in few drafts, keeps it, leaves nothing behind, and happens by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from bridge.alerts.outbox import AlertOutbox
from bridge.alerts.rules import evaluate
from bridge.billing.rounding import CANDIDATES, FirmRounding
from bridge.errors import BridgeError
from bridge.facturation.client import FacturationClient
from bridge.runtime.wiring import SystemClock
from bridge.sandbox import ROUNDINGS, FaultKind, Moment, SandboxConfig
from bridge.sync.calibration import Calibrator
from bridge.texts import text_of
from tests.builders.shopify import item, shopify_order
from tests.worlds.in_process import Here, bridge_here
from tests.worlds.waiting import until

META = "bridge:meta"
KEY = "shopify:boutique:order:1"


def config(rule: str) -> SandboxConfig:
    return SandboxConfig(rounding=ROUNDINGS[rule])


def seeded(here: Here, seed: int = 1) -> Calibrator:
    return here.services.calibrator.with_seed(seed)


async def known(here: Here) -> FirmRounding:
    return FirmRounding.read(await here.services.store.rounding())


def leftovers(here: Here) -> int:
    return len(here.sandbox.customers) + len(here.sandbox.invoices)


@pytest.mark.parametrize("rule", CANDIDATES)
async def test_the_rule_is_found_in_few_calls_and_kept(redis: Any, redis_url: str, rule: str) -> None:
    async with bridge_here(redis_url, config(rule), calibrated=False) as here:
        found = await seeded(here).ask()
        assert found.rule == CANDIDATES[rule]
        assert await known(here) == FirmRounding.of(CANDIDATES[rule])
        assert len(here.calls()) == 2 + 2 * len(found.seen) <= 14
        assert leftovers(here) == 0


OUTLANDISH = """
    line2_vat_line_floor line2_vat_line_ceiling exact_vat_once_floor line3_vat_rate_down
    exact_gross_line_ceiling five_cents
"""


@pytest.mark.parametrize("rule", OUTLANDISH.split())
@pytest.mark.parametrize("seed", [1, 2])
async def test_an_outlandish_rule_is_taken_for_none_and_nothing_is_kept(
    redis: Any, redis_url: str, rule: str, seed: int
) -> None:
    async with bridge_here(redis_url, config(rule), calibrated=False) as here:
        found = await seeded(here, seed).ask()
        assert found.rule is None
        assert await here.services.store.rounding() == ""
        assert leftovers(here) == 0


async def test_a_rule_of_two_names_is_found_by_its_first(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, config("line2_gross_rate"), calibrated=False) as here:
        assert (await seeded(here).ask()).rule == CANDIDATES["line2_vat_rate"]


async def test_the_same_seed_gives_the_same_drafts(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, calibrated=False) as here:
        one, again, other = [(await seeded(here, seed).ask()).seen for seed in (7, 7, 8)]
        assert one == again != other


# --- by itself


async def test_a_worker_calibrates_once_and_not_again(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, calibrated=False) as here:
        calibrator = seeded(here)
        first, *others = await asyncio.gather(*(calibrator.tend() for _ in range(4)))
        assert first
        assert others == [None] * 3
        assert (await known(here)).held
        here.forget_calls()
        assert await calibrator.tend() is None
        assert here.calls() == []


async def test_a_known_rule_is_not_asked_for(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url) as here:
        assert await seeded(here).tend() is None
        assert here.calls() == []


async def test_it_is_put_off_quietly_while_facturation_pro_is_away(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, calibrated=False) as here:
        here.fault(FaultKind.DROP, count=2)
        with pytest.raises(BridgeError):
            await seeded(here).tend()
        assert await seeded(here).tend() is None  # somebody tried just now
        await here.redis.hdel(META, "calibrate_after")
        assert await seeded(here).tend()
        assert (await known(here)).held


async def test_where_no_rule_fits_a_day_passes_before_it_is_tried_again(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, config("five_cents"), calibrated=False) as here:
        assert await seeded(here).tend()
        here.forget_calls()
        assert await seeded(here).tend() is None
        assert here.calls() == []
        after = int(await here.redis.hget(META, "calibrate_after")) / 1000 - datetime.now(UTC).timestamp()
        assert timedelta(hours=23).total_seconds() < after <= timedelta(days=1).total_seconds()
        (alert,) = [each for each in await alerts(here) if each.name == "rounding"]
        assert alert.reason.code == "rounding_unexplained"


@pytest.mark.parametrize("path", ["/customers.json", "/invoices.json"])
@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
async def test_what_a_failed_attempt_left_behind_is_deleted(
    redis: Any, redis_url: str, path: str, moment: Moment
) -> None:
    async with bridge_here(redis_url, calibrated=False) as here:
        here.fault(FaultKind.STATUS, status=502, method="POST", path=path, moment=moment)
        with pytest.raises(BridgeError):
            await seeded(here).tend()
        await here.redis.hdel(META, "calibrate_after")
        assert await seeded(here).tend()
        assert leftovers(here) == 0
        assert await here.redis.hget(META, "calibrating") is None


async def test_what_a_dead_process_left_behind_is_deleted_even_when_the_rule_is_known_by_then(
    redis: Any, redis_url: str
) -> None:
    async with bridge_here(redis_url, calibrated=False) as here:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FacturationClient, "delete_draft", lambda *_: asyncio.Event().wait())
            killed = asyncio.create_task(seeded(here).tend())
            await until(lambda: len(here.sandbox.invoices) == 1, "a draft is made")
            killed.cancel()
            await asyncio.gather(killed, return_exceptions=True)
        assert leftovers(here) == 2
        await here.redis.delete("bridge:calibration")  # its term of two minutes is over
        await here.services.store.learn_rounding("", "line2_vat_rate", "")
        assert await seeded(here).tend() is None
        assert leftovers(here) == 0
        here.forget_calls()
        assert await seeded(here).tend() is None
        assert here.calls() == []


async def test_a_person_waits_for_a_worker_and_asks_again(
    redis: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.sync.calibration.TURN", 0.02)
    async with bridge_here(redis_url, calibrated=False) as here:
        worker, person = await asyncio.gather(seeded(here).tend(), seeded(here, 2).ask())
        assert worker
        assert worker.rule == person.rule == CANDIDATES["line2_vat_rate"]
        assert leftovers(here) == 0


# --- contradiction


async def alerts(here: Here) -> tuple[Any, ...]:
    outbox = AlertOutbox(here.services.store)
    return evaluate(await outbox.look(here.services.quota, ["boutique"], silence=False))


async def test_a_wrong_final_stops_finals_raises_one_alert_and_calibrates_again(
    redis: Any, redis_url: str
) -> None:
    async with bridge_here(redis_url, config("line3_vat_once"), calibrated=False) as here:
        await here.services.store.learn_rounding("", "line2_vat_rate", "")
        order = shopify_order(1, [item("9.99", "0.2", 1)])
        asked = await here.sync(await here.accept(order))
        (final,) = here.invoices(KEY)
        assert (final.draft, final.totals.total_with_vat) == (False, Decimal("10.00"))
        assert asked["state"] == "attention"
        assert "is final and comes to 10.00 EUR but the order to 9.99" in asked["reason"]
        state = await known(here)
        assert not state.held
        assert CANDIDATES["line3_vat_once"] in state.candidates
        assert CANDIDATES["line2_vat_rate"] not in state.candidates

        here.forget_calls()
        assert (await here.sync(await here.accept(shopify_order(2, buyer=1))))["state"] == "done"
        assert here.calls("POST", "/invoices") == ["POST /invoices.json?type_doc=draft"]

        (alert,) = [each for each in await alerts(here) if each.name == "rounding"]
        assert str(final.invoice_ref) in text_of(alert.reason)
        found = await seeded(here).tend()
        assert found
        assert found.rule == CANDIDATES["line3_vat_once"]
        (same,) = [each for each in await alerts(here) if each.name == "rounding"]
        assert same == alert  # one, however fast the rule was found again
        await here.redis.hincrby(META, "contradicted", -2 * 86_400_000)
        assert [each for each in await alerts(here) if each.name == "rounding"] == []


async def test_a_rule_that_the_wrong_document_refutes_is_not_taken_again(redis: Any, redis_url: str) -> None:
    """What contradicted it counts beside the drafts: else it was found, and failed, for ever."""
    async with bridge_here(redis_url, calibrated=False) as here:
        store = here.services.store
        evidence = '["F1", "line2_vat_rate", "10.00", "9.50", [["1", "8.325", "0.2"]]]'
        await store.learn_rounding("", "line2_vat_rate", "")
        await store.learn_rounding("line2_vat_rate", "?", evidence)
        found = await seeded(here).tend()
        assert found
        assert found.rule is None
        assert not (await known(here)).held


async def test_a_final_in_hand_is_planned_anew_when_the_rule_has_just_failed(
    redis: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bridge_here(redis_url) as here:
        await here.sync(await here.accept(shopify_order(999, buyer=1)))
        here.forget_calls()
        key = await here.accept(shopify_order(1, buyer=1))
        store, began = here.services.store, here.services.store.begin

        async def begin(*how: Any) -> Any:
            await store.learn_rounding("line2_vat_rate", "?line2_vat_rate,line3_vat_rate", "")
            return await began(*how)

        monkeypatch.setattr(store, "begin", begin)
        assert (await here.sync(key))["state"] == "waiting"
        assert here.calls("POST") == []
        assert (await here.sync(key))["state"] == "done"
        assert here.calls("POST") == ["POST /invoices.json?type_doc=draft"]


async def test_the_first_orders_teach_those_that_follow(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, config("line2_vat_line"), calibrated=False) as here:
        await here.sync(await here.accept(shopify_order(1, [item("9.99", "0.2", 1)], buyer=1)))
        state = await known(here)
        assert not state.held
        assert CANDIDATES["line2_vat_line"] in state.candidates < set(CANDIDATES.values())
        here.forget_calls()
        again = shopify_order(2, [item("9.99", "0.2", 1)], buyer=1)
        assert (await here.sync(await here.accept(again)))["state"] == "done"
        assert [call.split("?")[-1] for call in here.calls()] == ["type_doc=draft", "type_doc=final"]


async def test_a_process_of_its_own_clock_looks_again_and_again(
    redis: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.sync.calibration.TICK", 0.02)
    async with bridge_here(redis_url, calibrated=False) as here:
        here.fault(FaultKind.DROP, count=1)
        calibrator = Calibrator(here.services.client, here.services.store, SystemClock(), Random(1).randint)
        async with calibrator.at_work():
            while not (await known(here)).held:
                await here.redis.hdel(META, "calibrate_after")
                await asyncio.sleep(0.02)
        assert leftovers(here) == 0


def test_what_is_known_survives_its_writing() -> None:
    assert replace(FirmRounding(frozenset()), held=False).text == "?"
