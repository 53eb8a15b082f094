"""What is an alert and what is not: tables over the pure judgement."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from bridge.alerts.rules import (
    LONG_PAUSE,
    LONG_WAIT,
    NO_WORKER,
    REFUSED,
    Alert,
    evaluate,
)
from bridge.alerts.runbook import letter_forms, runbook
from bridge.alerts.silence import SHORTEST, hour_of, silence_of
from bridge.alerts.situation import Asking, Pulse, Situation, Stuck
from bridge.billing.lessons import Contradiction
from bridge.errors import AccessRefused
from bridge.facturation.answers import decipher
from bridge.facturation.quota import Failure, QuotaState
from bridge.looking.polls import PollState
from bridge.orders import PARIS
from bridge.reasons import NO_REASON, Reason, because, reason_from
from bridge.sources import shopify
from bridge.sources.base import Alarm
from bridge.sources.shopify.privacy import TERMS
from bridge.store.values import Vitals
from bridge.texts import LANGUAGES
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
    last_failure_kind=Failure.UNREACHABLE,
    last_failure_reason=NO_REASON,
)
DURABLE = Durability(appendonly=True, fsync="always", eviction="noeviction")
CALM = Situation(vitals=VITALS, durability=DURABLE, quota=QUOTA)


def names(seen: Situation) -> list[str]:
    return [alert.name for alert in evaluate(seen)]


def the_alert(seen: Situation) -> Alert:
    (alert,) = evaluate(seen)
    return alert


def asking(number: int, reason: Reason, since: datetime = NOW) -> Asking:
    return Asking(key=f"shopify:boutique:order:{number}", created=since, since=since, reason=reason)


def refused(said: str, code: str = "refused_for_a_value", status: int = 422) -> Reason:
    """Facturation.pro's refusal, in its own words."""
    return because(code, call="POST /invoices.json", status=status, said=because("api_said", words=said))


def quota(**changes: object) -> QuotaState:
    return QuotaState(**{**QUOTA, **changes})  # type: ignore[typeddict-item]


def test_when_all_is_well_nobody_is_told() -> None:
    assert evaluate(CALM) == ()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_alert_is_in_the_runbook_in_full(lang: str) -> None:
    for name, entry in runbook(lang).items():
        assert entry.title[0].isupper(), name
        assert not set(entry.title + entry.meaning) & set("<>"), name
        for text in (entry.meaning, entry.check, entry.cure):
            assert text.endswith((".", "?")), name
            assert text.count("`") % 2 == 0, name
    assert str(REFUSED) in runbook(lang)["signatures"].meaning


def test_the_runbook_says_the_same_in_both_languages() -> None:
    english, french = map(runbook, LANGUAGES)
    assert english.keys() == french.keys()
    assert all(entry.severity is french[name].severity for name, entry in english.items())
    places = re.compile(r"{\w+}")
    forms = [
        {
            name: places.findall(form)
            for name, form in letter_forms(lang).items()
            if name not in ("words", "subject")
        }
        for lang in LANGUAGES
    ]
    assert forms[0] == forms[1]
    assert letter_forms("en")["words"].keys() == letter_forms("fr")["words"].keys()


# --- orders that ask for a person ---------------------------------------------------------------------------


def test_a_thousand_orders_with_one_cause_are_one_alert() -> None:
    orders = tuple(
        asking(number, because("currency_unknown", currency="XTS"), since=NOW - number * MINUTE)
        for number in range(1, 1001)
    )
    alert = the_alert(replace(CALM, asking=orders))
    assert (alert.name, alert.key) == ("attention", "attention:currency_unknown")
    assert alert.count == 1000
    assert alert.since == NOW - 1000 * MINUTE
    assert alert.orders == tuple(f"shopify:boutique:order:{number}" for number in (1000, 999, 998, 997, 996))
    assert alert.text() == (
        "1000 orders ask for a person: Facturation.pro does not know the currency 'XTS': nothing was created"
    )
    assert alert.text("fr") == (
        "1000 commandes à traiter : Facturation.pro ne connaît pas la devise « XTS » : rien n’a été créé"
    )


def test_what_differs_from_order_to_order_is_left_out() -> None:
    orders = (
        asking(1, because("key_too_long", length=300, most=255)),
        asking(2, because("key_too_long", length=301, most=255)),
    )
    text = the_alert(replace(CALM, asking=orders)).text()
    assert "has … characters, Facturation.pro takes 255" in text


def test_two_causes_are_two_alerts_and_their_keys_are_stable() -> None:
    orders = (asking(1, because("currency_unknown", currency="XTS")), asking(2, refused("a")))
    first, second = evaluate(replace(CALM, asking=orders))
    assert {first.key, second.key} == {
        "attention:currency_unknown",
        "attention:refused_for_a_value(api_said)",
    }
    assert {a.key for a in evaluate(replace(CALM, asking=orders[::-1]))} == {first.key, second.key}
    assert the_alert(replace(CALM, asking=orders[:1])).key == first.key


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (refused("another word"), True),
        (refused("a", status=400), True),
        (because("refused_for_a_value", call="POST /invoices.json", status=422, said=NO_REASON), False),
        (refused("a", "refused_as_gone", 404), False),
    ],
)
def test_reasons_are_alike_in_their_codes_and_in_those_inside(other: Reason, alike: bool) -> None:
    orders = (asking(1, refused("a")), asking(2, other))
    assert len(evaluate(replace(CALM, asking=orders))) == (1 if alike else 2)


@pytest.mark.parametrize("words", [["jeanne.durand@example.com bought it"], ["Durand", "Durand"]])
def test_nothing_personal_is_in_an_alert(words: list[str]) -> None:
    orders = tuple(asking(number, refused(said)) for number, said in enumerate(words))
    alert = the_alert(replace(CALM, asking=orders))
    assert "durand" not in json.dumps(alert.as_dict()).lower()
    assert alert.text().endswith("Facturation.pro refused POST /invoices.json (422): …")


def test_sentences_of_an_earlier_version_are_one_alert_and_not_repeated() -> None:
    orders = (asking(1, reason_from("order 1: it has no lines")), asking(2, reason_from("Durand: no VAT")))
    alert = the_alert(replace(CALM, asking=orders))
    assert alert.text() == (
        "2 orders ask for a person: the reasons were written down by an earlier version of the bridge"
    )
    assert "Durand" not in json.dumps(alert.as_dict())


def test_an_alert_says_the_same_in_words_and_as_data() -> None:
    said = the_alert(replace(CALM, asking=(asking(7, refused("a")),))).as_dict("fr")
    assert said["text"] == "1 commande à traiter : Facturation.pro a refusé POST /invoices.json (422) : …"
    assert said["code"] == "alert_attention_one"
    assert said["facts"]["why"]["code"] == "refused_for_a_value"
    assert said["facts"]["why"]["facts"]["status"] == "422"
    assert said["cure"] == runbook("fr")["attention"].cure


# --- Shopify's compliance topics ----------------------------------------------------------------------------


def request(topic: str, created: datetime) -> Asking:
    identity = shopify.identify("boutique", {"x-shopify-topic": topic, "x-shopify-webhook-id": "w1"}, b"{}")
    assert isinstance(identity, Alarm)
    key = f"shopify:boutique:event:{identity.event_id}"  # as Store.record makes it
    return Asking(key=key, created=created, since=NOW, reason=identity.reason)


@pytest.mark.parametrize("topic", sorted(TERMS))
def test_a_privacy_request_tells_its_term_and_is_no_cause_of_attention(topic: str) -> None:
    alert = the_alert(replace(CALM, asking=(request(topic, NOW - DAY),)))
    assert (alert.name, alert.key) == ("privacy", f"privacy:boutique:{topic}")
    assert alert.text() == f"shop boutique: 1 request {topic} to be answered by 2026-12-21"
    assert alert.orders == (f"shopify:boutique:event:{topic}:w1",)


@pytest.mark.parametrize(("age", "due"), [(22, False), (23, True), (31, True)])
def test_a_privacy_request_is_told_again_a_week_before_its_end(age: int, due: bool) -> None:
    found = names(replace(CALM, asking=(request("customers/redact", NOW - age * DAY),)))
    assert found == (["privacy", "privacy_due"] if due else ["privacy"])


def test_other_alarming_topics_ask_for_attention() -> None:
    assert names(replace(CALM, asking=(request("app/uninstalled", NOW),))) == ["attention"]


# --- polls ---


@pytest.mark.parametrize(("minutes", "told"), [(19, False), (20, True), (600, True)])
def test_a_shop_that_cannot_be_asked_is_told_after_a_while(minutes: int, told: bool) -> None:
    refused = because("shop_answers", platform="Shopify", status=503)
    failing = PollState(cursor=NOW - DAY, problem=refused, failing_since=NOW - minutes * MINUTE)
    alerts = evaluate(replace(CALM, polls={"boutique": failing, "atelier": PollState(polled=NOW)}))
    assert [alert.key for alert in alerts] == ["polls:boutique"] * told
    assert all("Shopify answers 503" in alert.text() for alert in alerts)


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
        decipher("GET /x", status, {}, b"Durand", NOW)
    failing = quota(
        last_failure=NOW, last_failure_kind=Failure.REFUSED, last_failure_reason=refusal.value.reason
    )
    alert = the_alert(replace(CALM, quota=failing))
    assert alert.name == "credentials"
    assert f"({status} to GET /x" in alert.text()
    assert "Durand" not in json.dumps(alert.as_dict())
    assert evaluate(replace(CALM, quota=QuotaState(**{**failing, "last_success": NOW + SECOND}))) == ()


@pytest.mark.parametrize("kind", [Failure.UNREACHABLE, Failure.THROTTLED])
def test_another_failure_of_facturation_is_no_matter_of_credentials(kind: Failure) -> None:
    reason = because("api_without_answer", call="GET /x", what="ReadTimeout")
    failing = quota(last_failure=NOW, last_failure_kind=kind, last_failure_reason=reason)
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
    reason = because("api_without_answer", call="GET /x", what="ReadTimeout")
    stuck = Stuck(key="shopify:boutique:order:7", since=NOW - wait, reason=reason)
    alerts = evaluate(replace(CALM, stuck=stuck))
    assert [alert.name for alert in alerts] == (["backlog"] if told else [])
    assert all(": Facturation.pro gave no answer to GET /x" in alert.text() for alert in alerts)


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


WRONG = Contradiction("F7", "line2_vat_rate", Decimal("10.00"), Decimal("9.99"), ()).as_json()


@pytest.mark.parametrize(
    ("rounding", "ago", "told"),
    [("?line3_vat_once", 5 * DAY, True), ("line3_vat_once", HOUR, True), ("line3_vat_once", 2 * DAY, False)],
)
def test_a_rule_that_failed_is_told_until_it_is_known_again_and_for_a_day(
    rounding: str, ago: timedelta, told: bool
) -> None:
    vitals = replace(VITALS, rounding=rounding, contradicted=NOW - ago, contradiction=WRONG)
    assert names(replace(CALM, vitals=vitals)) == (["rounding"] if told else [])
    if told:
        alert = the_alert(replace(CALM, vitals=vitals))
        assert (alert.since, alert.reason.fact("document"), alert.reason.fact("total")) == (
            NOW - ago,
            "F7",
            "9.99",
        )


def test_totals_that_follow_no_rule_are_told() -> None:
    alert = the_alert(replace(CALM, vitals=replace(VITALS, unexplained=NOW - DAY)))
    assert (alert.name, alert.since, alert.reason.code) == ("rounding", NOW - DAY, "rounding_unexplained")
