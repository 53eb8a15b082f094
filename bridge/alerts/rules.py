"""What somebody must be told, judged from what is seen. Pure.

An alert is one cause, not one order: `key` tells causes apart, `notifier.py` says each once when it is raised
and once when it is resolved. `runbook.py` says of each what it means. Nothing here is personal: of the
reasons of its orders an alert holds what they have in common (`texts.common`), of the orders their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from bridge.alerts.runbook import PAGE, Meaning, Severity, runbook
from bridge.alerts.silence import silence_of
from bridge.alerts.situation import Asking, Situation
from bridge.billing.earlier import PAID_SINCE
from bridge.billing.lessons import Contradiction
from bridge.billing.rounding import FirmRounding
from bridge.facturation.quota import SHARES, Failure, Lane, standing_failure
from bridge.keys import Key
from bridge.reasons import LEGACY, NO_REASON, Reason, because
from bridge.sources.registry import privacy_of
from bridge.store.values import Vitals
from bridge.telemetry.health import ledger_problem
from bridge.texts import common, text_of

SAMPLE: Final = 5
"""So many orders are named in an alert."""
REFUSED: Final = 10
"""So many wrong signatures in a row are no accident."""
NO_WORKER: Final = timedelta(minutes=1)
"""Longer than any restart of a worker."""
LONG_PAUSE: Final = timedelta(minutes=5)
LONG_WAIT: Final = timedelta(hours=1)
"""Longer than four retries of an order that goes on failing."""
SOON: Final = timedelta(days=7)
TOLD_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One cause. `key`: its name in the runbook, and what tells it from others of this name, between colons.
    `since`: when it began, as far as that is known. `reason`: what is the case, with nothing personal in it.
    `orders`: the keys of the first few of `count`."""

    key: str
    since: datetime
    reason: Reason
    shop: str = ""
    count: int = 0
    orders: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What kind of thing is the case."""
        return self.key.partition(":")[0]

    @property
    def severity(self) -> Severity:
        """Whether it is bad already."""
        return self.entry().severity

    def entry(self, lang: str = "en") -> Meaning:
        """What the runbook says of it."""
        return runbook(lang)[self.name]

    @property
    def runbook(self) -> str:
        """Where the documentation tells all about it."""
        return f"{PAGE}#{self.name}"

    def text(self, lang: str = "en") -> str:
        """What is the case."""
        return text_of(self.reason, lang)

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        """For JSON. `text` is `code` and `facts` in words."""
        entry = self.entry(lang)
        return {
            "name": self.name,
            "key": self.key,
            "severity": entry.severity.value,
            "title": entry.title,
            "since": self.since.astimezone(UTC).isoformat(timespec="seconds"),
            "text": self.text(lang),
            **self.reason.as_dict(),
            "meaning": entry.meaning,
            "check": entry.check,
            "cure": entry.cure,
            "runbook": self.runbook,
            "shop": self.shop,
            "count": self.count,
            "orders": list(self.orders),
        }


def evaluate(seen: Situation) -> tuple[Alert, ...]:
    """Every alert that holds now."""
    return tuple(alert for rule in RULES for alert in rule(seen))


def _attention(seen: Situation) -> Iterator[Alert]:
    causes: dict[str, list[Asking]] = defaultdict(list)
    for order in seen.asking:
        if privacy_of(order.key) is None and order.reason.code != PAID_SINCE:
            causes[_codes(order.reason)].append(order)
    for cause, orders in causes.items():
        why = _why(order.reason for order in orders)
        yield _alert_of(f"attention:{cause}", orders, _many("alert_attention", len(orders), why=why))


def _why(reasons: Iterable[Reason]) -> Reason:
    """What they have in common; of sentences of an earlier version nothing is known."""
    why = common(reasons)
    return because("alert_why_earlier") if why.code == LEGACY else why


def _codes(reason: Reason) -> str:
    """`outer(inner,inner)`: what two reasons have in common that say the same of two orders."""
    facts = ((fact,) if isinstance(fact, Reason) else fact for _, fact in reason.facts)
    inner = [_codes(each) for fact in facts if isinstance(fact, tuple) for each in fact]
    return f"{reason.code}({','.join(inner)})" if inner else reason.code


def _many(code: str, count: int, **facts: str | date | Reason | Iterable[Reason]) -> Reason:
    """The catalogue has one of each such reason for one, and one for many."""
    return because(f"{code}_one", **facts) if count == 1 else because(code, count=count, **facts)


def _privacy(seen: Situation) -> Iterator[Alert]:
    requests: dict[tuple[str, str, timedelta], list[Asking]] = defaultdict(list)
    for order in seen.asking:
        if request := privacy_of(order.key):
            privacy, topic = request
            requests[Key.parse(order.key).shop, topic, privacy.TERMS[topic]].append(order)
    for (shop, topic, term), orders in requests.items():
        due = min(order.created for order in orders) + term
        reason = _many("alert_privacy", len(orders), shop=shop, topic=topic, due=due.date())
        # Near its end it is said again, and the first alert stands: nothing is over.
        for name in ("privacy", "privacy_due") if due - seen.now <= SOON else ("privacy",):
            yield _alert_of(f"{name}:{shop}:{topic}", orders, reason, shop)


def _earlier(seen: Situation) -> Iterator[Alert]:
    shops: dict[str, list[Asking]] = defaultdict(list)
    for order in seen.asking:
        if order.reason.code == PAID_SINCE:
            shops[Key.parse(order.key).shop].append(order)
    for shop, orders in shops.items():
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for order in orders:
            sums[order.currency] += order.total
        told = [because("alert_sum", amount=amount, currency=name) for name, amount in sorted(sums.items())]
        since = common(order.reason for order in orders).fact("since")
        reason = _many("alert_earlier", len(orders), shop=shop, sums=told, since=since)
        yield _alert_of(f"earlier:{shop}", orders, reason, shop)


def _alert_of(key: str, orders: list[Asking], reason: Reason, shop: str = "") -> Alert:
    first = sorted(orders, key=lambda order: (order.since, order.key))
    return Alert(
        key=key,
        since=first[0].since,
        reason=reason,
        shop=shop,
        count=len(first),
        orders=tuple(order.key for order in first[:SAMPLE]),
    )


def _silence(seen: Situation) -> Iterator[Alert]:
    for pulse in seen.pulses if seen.silence else ():
        if pulse.last_event is None:
            continue
        silence = silence_of(pulse.hours, pulse.last_event, seen.now)
        if silence and silence.strange:
            yield Alert(
                key=f"silence:{pulse.shop}",
                since=pulse.last_event,
                reason=because("alert_silence", shop=pulse.shop, since=pulse.last_event),
                shop=pulse.shop,
            )


def _signatures(seen: Situation) -> Iterator[Alert]:
    for pulse in seen.pulses:
        if pulse.refused >= REFUSED:
            yield Alert(
                key=f"signatures:{pulse.shop}",
                since=pulse.refused_since or seen.now,
                reason=because("alert_signatures", shop=pulse.shop, count=pulse.refused),
                shop=pulse.shop,
                count=pulse.refused,
            )


def _quota(seen: Situation) -> Iterator[Alert]:
    quota, paused = seen.quota, seen.quota["paused_until"]
    # Once raised it holds to the end of the pause.
    least = timedelta(0) if "quota" in seen.raised else LONG_PAUSE
    if paused and paused - seen.now > least:
        reason = because("alert_paused", until=paused)
    elif quota["left_day"] <= quota["limit_day"] * (1 - SHARES[Lane.LIVE]):
        reason = because("alert_day_used_up", limit=quota["limit_day"])
    else:
        return
    yield Alert(key="quota", since=seen.now, reason=reason)


def _credentials(seen: Situation) -> Iterator[Alert]:
    if standing_failure(seen.quota) is Failure.REFUSED:
        yield Alert(
            key="credentials",
            since=seen.quota["last_failure"] or seen.now,
            reason=common([seen.quota["last_failure_reason"]]),
        )


def _no_worker(seen: Situation) -> Iterator[Alert]:
    vitals = seen.vitals
    last = vitals.last_beat or vitals.born
    if last and vitals.now - last > NO_WORKER:
        waiting = because("alert_waiting", count=vitals.waiting) if vitals.waiting else NO_REASON
        yield Alert(
            key="no_worker",
            since=last,
            reason=because("alert_no_worker", since=last, waiting=waiting),
            count=vitals.waiting,
        )


def _backlog(seen: Situation) -> Iterator[Alert]:
    stuck = seen.stuck
    if stuck and seen.now - stuck.since > LONG_WAIT:
        why = because("alert_why", why=_why([stuck.reason])) if stuck.reason else NO_REASON
        waiting = seen.vitals.waiting
        yield Alert(
            key="backlog",
            since=stuck.since,
            reason=because("alert_backlog", since=stuck.since, count=waiting, why=why),
            count=waiting,
            orders=(stuck.key,),
        )


def _durability(seen: Situation) -> Iterator[Alert]:
    problem = seen.durability.problem()
    # A managed Redis may not show its settings; health warns of that, nobody is called.
    if problem and (seen.durability.fsync is not None or seen.durability.appendonly is False):
        yield Alert(key="durability", since=seen.now, reason=problem)


def _ledger(seen: Situation) -> Iterator[Alert]:
    problem = ledger_problem(seen.vitals)
    if problem:
        yield Alert(key="ledger", since=seen.vitals.born or seen.now, reason=problem)


def _rounding(seen: Situation) -> Iterator[Alert]:
    since, problem = seen.vitals.contradicted or seen.vitals.unexplained, rounding_problem(seen.vitals)
    if since and problem:
        yield Alert(key="rounding", since=since, reason=problem)


def rounding_problem(vitals: Vitals) -> Reason | None:
    """What keeps documents from being final at once, or did so lately: that a rule is found anew in seconds
    shall not hide that a document is wrong."""
    held = FirmRounding.read(vitals.rounding).held
    if vitals.contradicted and not (held and vitals.now - vitals.contradicted > TOLD_FOR):
        wrong = Contradiction.read(vitals.contradiction)
        return because(
            "rounding_failed",
            document=wrong.document,
            total=wrong.total,
            expected=wrong.expected,
            rule=wrong.rule,
        )
    return because("rounding_unexplained") if vitals.unexplained else None


RULES: Final[tuple[Callable[[Situation], Iterator[Alert]], ...]] = (
    _no_worker,
    _credentials,
    _signatures,
    _silence,
    _backlog,
    _durability,
    _privacy,
    _earlier,
    _attention,
    _quota,
    _ledger,
    _rounding,
)
"""In the order in which they are shown: what stops everything comes first."""
