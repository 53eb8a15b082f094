"""What is an alert and what is not: tables over the pure judgement."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alerts.causes import cause_of, digest_of
from bridge.alerts.rules import (
    LONG_PAUSE,
    LONG_WAIT,
    NO_WORKER,
    Alert,
    Asking,
    Pulse,
    Situation,
    Stuck,
    evaluate,
)
from bridge.alerts.runbook import ALERTS, REFUSED
from bridge.alerts.silence import SHORTEST, hour_of, silence_of
from bridge.errors import AccessRefused
from bridge.facturation.answers import decipher
from bridge.facturation.quota import QuotaState
from bridge.orders import PARIS
from bridge.sources import shopify
from bridge.sources.base import Alarm
from bridge.sources.shopify.privacy import TERMS
from bridge.store.values import Vitals
from bridge.texts import text_of
from bridge.valkey.durability import Durability

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))

VITALS = Vitals(
    now=NOW,
    waiting=0,
    oldest=None,
    overdue=0,
    attention=0,
    last_beat=NOW - SECOND,
    workers=1,
    born=NOW - 300 * DAY,
)
QUOTA = QuotaState(
    limit_five=600,
    limit_day=10_000,
    left_five=600,
    left_day=10_000,
    foreign_five=0,
    foreign_day=0,
    paused_until=None,
    refused=0,
    throttled=0,
    last_success=NOW - MINUTE,
    last_failure=None,
    last_failure_reason="",
)
DURABLE = Durability(appendonly=True, fsync="always", eviction="noeviction")
CALM = Situation(vitals=VITALS, durability=DURABLE, quota=QUOTA)


def names(seen: Situation) -> list[str]:
    return [alert.name for alert in evaluate(seen)]


def the_alert(seen: Situation) -> Alert:
    (alert,) = evaluate(seen)
    return alert


def asking(number: int, reason: str, key: str = "", since: datetime = NOW) -> Asking:
    key = key or f"shopify:boutique:order:{number}"
    return Asking(key=key, created=since, since=since, reason=reason, number=f"#{number}")


def quota(**changes: object) -> QuotaState:
    return QuotaState(**{**QUOTA, **changes})  # type: ignore[typeddict-item]


def test_when_all_is_well_nobody_is_told() -> None:
    assert evaluate(CALM) == ()


def test_every_alert_is_in_the_runbook_in_full() -> None:
    for name, entry in ALERTS.items():
        assert entry.meaning.endswith("."), name
        assert entry.check.endswith((".", "?")), name
        assert entry.cure.endswith("."), name


# --- orders that ask for a person ---------------------------------------------------------------------------


def test_a_thousand_orders_with_one_cause_are_one_alert() -> None:
    orders = tuple(
        asking(
            number,
            f"order #{number}: its lines come to {number}.00 EUR but {number + 1}.00 was charged (difference "
            "+1.00): compare it with the shop and make the invoice by hand",
            since=NOW - number * MINUTE,
        )
        for number in range(1, 1001)
    )
    alert = the_alert(replace(CALM, asking=orders))
    assert alert.name == "attention"
    assert alert.count == 1000
    assert alert.since == NOW - 1000 * MINUTE
    assert alert.orders == tuple(f"shopify:boutique:order:{number}" for number in (1000, 999, 998, 997, 996))
    assert alert.text == (
        "1000 orders ask for a person: its lines come to … EUR but … was charged (difference …): compare it "
        "with the shop and make the invoice by hand"
    )


def test_two_causes_are_two_alerts_and_their_keys_are_stable() -> None:
    orders = (asking(1, "it has no lines: make it by hand"), asking(2, "the shop charged VAT: correct it"))
    first, second = evaluate(replace(CALM, asking=orders))
    assert first.key != second.key
    assert {a.key for a in evaluate(replace(CALM, asking=orders[::-1]))} == {first.key, second.key}
    assert the_alert(replace(CALM, asking=orders[:1])).key == first.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order #1001: draft 55 does not become final", "order FR-7-B: draft 7 does not become final"),
        ("line 'T-shirt bleu' carries 5.5 % VAT", 'line "L\'été à Paris" carries 7 % VAT'),
        (
            "order 12: refund re_3Nk of 4.00 EUR needs a credit note on invoice F-2026-07",
            "order 99: refund 8812 of 12.50 EUR needs a credit note on invoice A17",
        ),
        ("see shopify:boutique:order:17 again", "see stripe:autre-shop:checkout:cs_test_a1 again"),
        ("ids 4, 5, 6: keep one", "ids 77, 8: keep one"),
    ],
)
def test_reasons_that_differ_in_what_is_their_own_have_one_cause(one: str, other: str) -> None:
    assert cause_of(one) == cause_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("it has no lines: make the invoice by hand", "its amount is not in cents: make the invoice by hand"),
        ("line 'x' has no VAT for DE", "line 'x' has no VAT for IT"),
        ("the platform's own invoice doesn't come", "the platform's own refund doesn't come"),
    ],
)
def test_reasons_that_differ_in_what_happened_are_two_causes(one: str, other: str) -> None:
    assert cause_of(one) != cause_of(other)


def test_nothing_personal_stays_in_a_cause() -> None:
    reason = "order Durand-3: jeanne.durand@example.com bought 'Bague pour Jeanne' for 20.00 EUR (Durand-3)"
    cause = cause_of(reason, ("Durand-3",))
    assert not re.search("durand|jeanne|bague|20", cause, re.IGNORECASE)
    assert "bought … for … EUR" in cause


@given(st.text(max_size=200), st.text(max_size=10))
def test_any_reason_has_a_cause_and_the_cause_of_a_cause_is_itself(reason: str, number: str) -> None:
    cause = cause_of(reason, (number,))
    assert not re.search(r"\d", cause)
    assert len(digest_of(cause)) == 12


# --- Shopify's compliance topics ----------------------------------------------------------------------------


def request(topic: str, created: datetime) -> Asking:
    identity = shopify.identify("boutique", {"x-shopify-topic": topic, "x-shopify-webhook-id": "w1"}, b"{}")
    assert isinstance(identity, Alarm)
    key = f"shopify:boutique:event:{identity.event_id}"  # as Store.record makes it
    return Asking(key=key, created=created, since=NOW, reason=text_of(identity.reason))


@pytest.mark.parametrize("topic", sorted(TERMS))
def test_a_privacy_request_tells_its_term_and_is_no_cause_of_attention(topic: str) -> None:
    alert = the_alert(replace(CALM, asking=(request(topic, NOW - DAY),)))
    assert (alert.name, alert.key) == ("privacy", f"privacy:boutique:{topic}")
    assert alert.text == f"shop boutique: 1 request {topic} to be answered by 2026-12-21"
    assert alert.orders == (f"shopify:boutique:event:{topic}:w1",)


@pytest.mark.parametrize(("age", "due"), [(22, False), (23, True), (31, True)])
def test_a_privacy_request_is_told_again_a_week_before_its_end(age: int, due: bool) -> None:
    found = names(replace(CALM, asking=(request("customers/redact", NOW - age * DAY),)))
    assert found == (["privacy", "privacy_due"] if due else ["privacy"])


def test_other_alarming_topics_ask_for_attention() -> None:
    assert names(replace(CALM, asking=(request("app/uninstalled", NOW),))) == ["attention"]


# --- silence ------------------------------------------------------------------------------------------------


def arrivals_of(weeks: float, per_hour: float, seed: int) -> list[datetime]:
    """A shop that sells from 8 to 22 in Paris, none on Sundays; Poisson."""
    chance, arrivals = random.Random(seed), []
    moment = NOW - timedelta(weeks=weeks)
    while (moment := moment + chance.expovariate(per_hour) * HOUR) < NOW:
        local = moment.astimezone(PARIS)
        if local.weekday() != 6 and 8 <= local.hour < 22:
            arrivals.append(moment)
    return arrivals


def shop_hours(weeks: float, *, per_hour: float, burst: int = 1, seed: int = 1) -> dict[int, int]:
    """Its events by the hour; each arrival is `burst` of them."""
    arrivals = Counter(map(hour_of, arrivals_of(weeks, per_hour, seed)))
    return {hour: count * burst for hour, count in arrivals.items()}


def last_of(counts: dict[int, int]) -> datetime:
    return datetime.fromtimestamp(max(counts) * 3600 + 1800, UTC)


@pytest.mark.parametrize(
    ("per_hour", "burst", "hours", "strange"),
    [
        # NOW is a Sunday noon: the shop is closed until Monday at 8, so these are hours of Monday.
        (6, 1, 19 + 0, False),
        (6, 1, 19 + 3, True),
        (6, 5, 19 + 3, True),
        (1, 1, 19 + 3, False),
        (1, 4, 19 + 13, True),
        (0.2, 1, 19 + 13, False),
        (0.2, 1, 19 + 4 * 24, True),
    ],
)
def test_silence_is_judged_by_the_shops_own_rhythm(
    per_hour: float, burst: int, hours: int, strange: bool
) -> None:
    counts = shop_hours(4, per_hour=per_hour, burst=burst)
    silence = silence_of(counts, last_of(counts), NOW + hours * HOUR)
    assert silence is not None
    assert silence.strange is strange, silence


def test_without_two_weeks_of_history_silence_is_never_told() -> None:
    counts = shop_hours(1.9, per_hour=20)
    assert silence_of(counts, last_of(counts), NOW + 30 * DAY) is None
    assert silence_of({}, NOW - DAY, NOW) is None


def test_a_short_silence_is_never_told_however_busy_the_shop() -> None:
    hours = range(hour_of(NOW) - 28 * 24, hour_of(NOW))
    counts = dict.fromkeys(hours, 5000)
    assert silence_of(counts, NOW, NOW + SHORTEST - SECOND) is None
    longer = silence_of(counts, NOW, NOW + SHORTEST)
    assert longer
    assert longer.strange


def test_events_in_bursts_count_as_the_arrivals_they_are() -> None:
    single, burst = (shop_hours(4, per_hour=1, burst=size) for size in (1, 6))
    alone = silence_of(single, last_of(single), NOW + 40 * HOUR)
    together = silence_of(burst, last_of(burst), NOW + 40 * HOUR)
    assert alone
    assert together
    assert together.missing == pytest.approx(alone.missing, rel=0.35)


@pytest.mark.parametrize(("per_hour", "burst"), [(0.3, 3), (2, 4)])
def test_half_a_year_of_ordinary_trade_raises_no_false_alarm(per_hour: float, burst: int) -> None:
    counts = shop_hours(26, per_hour=per_hour, burst=burst, seed=7)
    judged = 0
    for last, following in pairwise(arrivals_of(26, per_hour, 7)):
        seen = {hour: count for hour, count in counts.items() if hour <= hour_of(last)}
        silence = silence_of(seen, last, following) if following - last >= SHORTEST else None
        if silence:
            judged += 1
            assert not silence.strange, (last, following, silence)
    assert judged > 100


def test_a_silent_shop_is_an_alert_unless_it_is_not_wanted() -> None:
    counts = shop_hours(4, per_hour=6)
    pulse = Pulse(shop="boutique", last_event=last_of(counts), hours=counts)
    later = replace(CALM, vitals=replace(VITALS, now=NOW + DAY, last_beat=NOW + DAY), pulses=(pulse,))
    alert = the_alert(later)
    assert (alert.name, alert.shop, alert.since) == ("silence", "boutique", pulse.last_event)
    assert evaluate(replace(later, silence=False)) == ()
    assert evaluate(replace(later, pulses=(Pulse(shop="boutique"),))) == ()


# --- everything else ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("refused", "told"), [(REFUSED - 1, False), (REFUSED, True)])
def test_wrong_signatures_in_a_row(refused: int, told: bool) -> None:
    pulse = Pulse(shop="boutique", refused=refused, refused_since=NOW - HOUR)
    assert names(replace(CALM, pulses=(pulse,))) == (["signatures"] if told else [])


@pytest.mark.parametrize(
    ("changes", "raised", "told"),
    [
        ({"paused_until": NOW + LONG_PAUSE}, False, False),
        ({"paused_until": NOW + LONG_PAUSE + SECOND}, False, True),
        ({"paused_until": NOW + SECOND}, True, True),
        ({"paused_until": NOW}, True, False),
        ({"left_day": 301}, False, False),
        ({"left_day": 300}, False, True),
        ({"left_five": 0}, False, False),
    ],
)
def test_the_quota_is_told_when_it_stops_everything_for_long(
    changes: dict[str, object], raised: bool, told: bool
) -> None:
    seen = replace(CALM, quota=quota(**changes), raised=frozenset({"quota"} if raised else ()))
    assert names(seen) == (["quota"] if told else [])


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_at_once_and_until_a_good_answer(status: int) -> None:
    with pytest.raises(AccessRefused) as refusal:
        decipher("GET /x", status, {}, b"", NOW)
    refused = quota(last_failure=NOW, last_failure_reason=refusal.value.reason)
    assert the_alert(replace(CALM, quota=refused)).name == "credentials"
    assert evaluate(replace(CALM, quota=QuotaState(**{**refused, "last_success": NOW + SECOND}))) == ()


def test_another_failure_of_facturation_is_no_matter_of_credentials() -> None:
    failing = quota(last_failure=NOW, last_failure_reason="Facturation.pro gave no answer to GET /x")
    assert evaluate(replace(CALM, quota=failing)) == ()


@pytest.mark.parametrize(
    ("beat", "born", "told"),
    [
        (NO_WORKER, 300 * DAY, False),
        (NO_WORKER + SECOND, 300 * DAY, True),
        (None, NO_WORKER, False),
        (None, NO_WORKER + SECOND, True),
        (None, None, False),
    ],
)
def test_no_worker(beat: timedelta | None, born: timedelta | None, told: bool) -> None:
    vitals = replace(VITALS, last_beat=NOW - beat if beat else None, born=NOW - born if born else None)
    assert names(replace(CALM, vitals=vitals)) == (["no_worker"] if told else [])


@pytest.mark.parametrize(("wait", "told"), [(LONG_WAIT, False), (LONG_WAIT + SECOND, True)])
def test_an_order_that_does_not_get_through(wait: timedelta, told: bool) -> None:
    stuck = Stuck(key="shopify:boutique:order:7", since=NOW - wait, reason="no answer to GET /x for order 7")
    alerts = evaluate(replace(CALM, stuck=stuck))
    assert [alert.name for alert in alerts] == (["backlog"] if told else [])
    assert all(alert.text.endswith("no answer to GET /x for order …") for alert in alerts)


@pytest.mark.parametrize(
    ("durability", "told"),
    [
        (DURABLE, False),
        (replace(DURABLE, fsync="everysec"), True),
        (replace(DURABLE, eviction="allkeys-lru"), True),
        (Durability(appendonly=False), True),
        (Durability(appendonly=True), False),
        (Durability(), False),
    ],
)
def test_a_redis_that_forgets_and_one_that_only_does_not_say(durability: Durability, told: bool) -> None:
    assert names(replace(CALM, durability=durability)) == (["durability"] if told else [])


@pytest.mark.parametrize(
    ("known", "age", "told"),
    [((), DAY, False), (("shopify:boutique:",), DAY, True), (("shopify:boutique:",), 8 * DAY, False)],
)
def test_a_ledger_younger_than_its_documents(known: tuple[str, ...], age: timedelta, told: bool) -> None:
    vitals = replace(VITALS, known=known, born=NOW - age)
    assert names(replace(CALM, vitals=vitals)) == (["ledger"] if told else [])
