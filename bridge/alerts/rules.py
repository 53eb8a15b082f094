"""What somebody must be told, judged from what is seen. Pure.

An alert is one cause, not one order: `key` tells causes apart, `notifier.py` says each once when it is raised
and once when it is resolved. `runbook.ALERTS` says of each what it means. No text here
holds anything personal: reasons come without names and numbers (`causes.py`), orders by their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.alerts.causes import cause_of, digest_of
from bridge.alerts.runbook import ALERTS, PAGE, REFUSED, Meaning
from bridge.alerts.silence import silence_of
from bridge.facturation.quota import SHARES, Lane, QuotaState
from bridge.keys import Key
from bridge.sources.registry import privacy_of
from bridge.store.values import Vitals
from bridge.telemetry.health import ledger_problem
from bridge.valkey.durability import Durability

SAMPLE: Final = 5
"""So many orders are named in an alert."""
NO_WORKER: Final = timedelta(minutes=1)
"""Longer than any restart of a worker."""
LONG_PAUSE: Final = timedelta(minutes=5)
LONG_WAIT: Final = timedelta(hours=1)
"""Longer than four retries of an order that goes on failing."""
SOON: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One cause. `since`: when it began, as far as that is known. `orders`: the keys of the first few of
    `count`."""

    name: str
    key: str
    since: datetime
    text: str
    shop: str = ""
    count: int = 0
    orders: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """Its entry in `ALERTS`."""
        return ALERTS[self.name]

    @property
    def runbook(self) -> str:
        """Where the documentation tells all about it."""
        return f"{PAGE}#{self.name}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "key": self.key,
            "severity": self.meaning.severity.value,
            "since": self.since.astimezone(UTC).isoformat(timespec="seconds"),
            "text": self.text,
            "meaning": self.meaning.meaning,
            "check": self.meaning.check,
            "cure": self.meaning.cure,
            "runbook": self.runbook,
            "shop": self.shop,
            "count": self.count,
            "orders": list(self.orders),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """An order that asks for a person. `created`: its first event; `since`: it asks; `number`: the shop's."""

    key: str
    created: datetime
    since: datetime
    reason: str
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Signs of life of one shop. `refused`: wrong signatures since the last good event, `refused_since` the
    first of them; `hours`: events by hour since 1970."""

    shop: str
    last_event: datetime | None = None
    refused: int = 0
    refused_since: datetime | None = None
    hours: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The longest waiting of the orders that are due, not waiting for the shop's next word."""

    key: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that is judged. `raised`: keys of the alerts that stand already."""

    vitals: Vitals
    durability: Durability
    quota: QuotaState
    asking: tuple[Asking, ...] = ()
    pulses: tuple[Pulse, ...] = ()
    stuck: Stuck | None = None
    raised: frozenset[str] = frozenset()
    silence: bool = True

    @property
    def now(self) -> datetime:
        """Redis' clock."""
        return self.vitals.now


def evaluate(seen: Situation) -> tuple[Alert, ...]:
    """Every alert that holds now."""
    return tuple(alert for rule in RULES for alert in rule(seen))


def _attention(seen: Situation) -> Iterator[Alert]:
    causes: dict[str, list[Asking]] = defaultdict(list)
    for order in seen.asking:
        if privacy_of(order.key) is None:
            causes[cause_of(order.reason, (order.key, order.number))].append(order)
    for cause, orders in causes.items():
        yield _alert_of("attention", digest_of(cause), orders, f"{_orders(len(orders))}: {cause}")


def _privacy(seen: Situation) -> Iterator[Alert]:
    requests: dict[tuple[str, str, timedelta], list[Asking]] = defaultdict(list)
    for order in seen.asking:
        if request := privacy_of(order.key):
            privacy, topic = request
            requests[Key.parse(order.key).shop, topic, privacy.TERMS[topic]].append(order)
    for (shop, topic, term), orders in requests.items():
        due = min(order.created for order in orders) + term
        many = f"{len(orders)} requests" if len(orders) > 1 else "1 request"
        text = f"shop {shop}: {many} {topic} to be answered by {due:%Y-%m-%d}"
        # Near its end it is said again, and the first alert stands: nothing is over.
        for name in ("privacy", "privacy_due") if due - seen.now <= SOON else ("privacy",):
            yield _alert_of(name, f"{shop}:{topic}", orders, text, shop)


def _alert_of(name: str, cause: str, orders: list[Asking], text: str, shop: str = "") -> Alert:
    first = sorted(orders, key=lambda order: (order.since, order.key))
    return Alert(
        name=name,
        key=f"{name}:{cause}",
        since=first[0].since,
        text=text,
        shop=shop,
        count=len(first),
        orders=tuple(order.key for order in first[:SAMPLE]),
    )


def _orders(count: int) -> str:
    return f"{count} orders ask for a person" if count > 1 else "1 order asks for a person"


def _silence(seen: Situation) -> Iterator[Alert]:
    for pulse in seen.pulses if seen.silence else ():
        if pulse.last_event is None:
            continue
        silence = silence_of(pulse.hours, pulse.last_event, seen.now)
        if silence and silence.strange:
            since = _text(pulse.last_event)
            yield Alert(
                name="silence",
                key=f"silence:{pulse.shop}",
                since=pulse.last_event,
                text=f"shop {pulse.shop} has sent nothing since {since}, against its weekly rhythm",
                shop=pulse.shop,
            )


def _signatures(seen: Situation) -> Iterator[Alert]:
    for pulse in seen.pulses:
        if pulse.refused >= REFUSED:
            yield Alert(
                name="signatures",
                key=f"signatures:{pulse.shop}",
                since=pulse.refused_since or seen.now,
                text=f"shop {pulse.shop}: {pulse.refused} deliveries in a row without a valid signature",
                shop=pulse.shop,
                count=pulse.refused,
            )


def _quota(seen: Situation) -> Iterator[Alert]:
    quota, paused = seen.quota, seen.quota["paused_until"]
    # Once raised it holds to the end of the pause.
    least = timedelta(0) if "quota" in seen.raised else LONG_PAUSE
    if paused and paused - seen.now > least:
        text = f"no request goes out to Facturation.pro before {_text(paused)}"
    elif quota["left_day"] <= quota["limit_day"] * (1 - SHARES[Lane.LIVE]):
        text = f"the day's {quota['limit_day']} requests to Facturation.pro are used up"
    else:
        return
    yield Alert(name="quota", key="quota", since=seen.now, text=text)


def _credentials(seen: Situation) -> Iterator[Alert]:
    good, bad = seen.quota["last_success"], seen.quota["last_failure"]
    reason = seen.quota["last_failure_reason"]
    # The words of facturation/answers.py; a test holds the two together.
    if bad and (good is None or bad > good) and reason.startswith("Facturation.pro refuses"):
        yield Alert(name="credentials", key="credentials", since=bad, text=reason)


def _no_worker(seen: Situation) -> Iterator[Alert]:
    vitals = seen.vitals
    last = vitals.last_beat or vitals.born
    if last and vitals.now - last > NO_WORKER:
        waiting = f"; {vitals.waiting} order(s) wait" if vitals.waiting else ""
        yield Alert(
            name="no_worker",
            key="no_worker",
            since=last,
            text=f"no worker is alive since {_text(last)}{waiting}",
            count=vitals.waiting,
        )


def _backlog(seen: Situation) -> Iterator[Alert]:
    stuck = seen.stuck
    if stuck and seen.now - stuck.since > LONG_WAIT:
        cause = cause_of(stuck.reason, (stuck.key,))
        why = f": {cause}" if cause else ""
        since, waiting = _text(stuck.since), seen.vitals.waiting
        yield Alert(
            name="backlog",
            key="backlog",
            since=stuck.since,
            text=f"the oldest due order waits since {since}, of {waiting} waiting{why}",
            count=waiting,
            orders=(stuck.key,),
        )


def _durability(seen: Situation) -> Iterator[Alert]:
    problem = seen.durability.problem()
    # A managed Redis may not show its settings; health warns of that, nobody is called.
    if problem and (seen.durability.fsync is not None or seen.durability.appendonly is False):
        yield Alert(name="durability", key="durability", since=seen.now, text=problem)


def _ledger(seen: Situation) -> Iterator[Alert]:
    problem = ledger_problem(seen.vitals)
    if problem:
        yield Alert(name="ledger", key="ledger", since=seen.vitals.born or seen.now, text=problem)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


RULES: Final[tuple[Callable[[Situation], Iterator[Alert]], ...]] = (
    _no_worker,
    _credentials,
    _signatures,
    _silence,
    _backlog,
    _durability,
    _privacy,
    _attention,
    _quota,
    _ledger,
)
"""In the order in which they are shown: what stops everything comes first."""
