"""What the store tells: how a run ended, an order as its holder sees it, the system at a glance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import zstandard

from bridge.keys import EVENT, Key
from bridge.orders import Event
from bridge.reasons import NO_REASON, Reason, reason_from
from bridge.sources.base import Alarm, ForOrder, Identity, Ignored

Fate = Literal["accepted", "duplicate", "ignored"]
"""What became of an event."""


class Outcome(StrEnum):
    """How a run over an order ended, and its state until the next event."""

    DONE = "done"
    OPEN = "open"  # nothing to do before the shop says more
    IGNORED = "ignored"
    WAITING = "waiting"  # until a time
    ATTENTION = "attention"  # for a person


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """An order as its holder sees it. `failing_since`: of the present run of failures, or None.
    `rounding`: what is known of the firm's rule, see `FirmRounding.text`. What people said: `lane`: of the
    quota, or ""; `issue_credit_notes`: final, whatever the shop's rule; `set_aside`: the state in which a
    person left it. `reason`: why it rested last. `further`: keys of documents that were begun for it and that
    its own facts do not name. `first_heard`: when the bridge first heard from its shop. `ours`: whenever it
    was placed, it is invoiced here: its invoice was begun, or a person took it in. `number`, `placed_at` and
    `documents` (their keys, and the customer's): as its last run saw them."""

    version: int
    attempts: int
    takes: int
    failing_since: datetime | None
    rounding: str
    events: tuple[Event, ...]
    first_heard: datetime | None = None
    lane: str = ""
    issue_credit_notes: bool = False
    set_aside: Outcome | None = None
    reason: Reason = NO_REASON
    further: tuple[str, ...] = ()
    ours: bool = False
    number: str = ""
    placed_at: datetime | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of several orders. `asker`: the one that asks it; `orders`: how many raise it, `amount`:
    what they come to."""

    asker: str
    orders: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationPermit:
    """The answer to "may this be created now?".

    `act`: "done" (see `record`), "busy" (another order is at it), "claimed" (its payment pays `other`),
    "post" (the intent is written) or "lookup" (an attempt exists or may be forgotten; `age` in seconds since
    it). `unsure`: only the ledger's youth is the reason, and nobody has asked yet whether this shop was ever
    bridged before.
    """

    act: Literal["done", "busy", "claimed", "post", "lookup"]
    attempt: str = ""
    age: float = 0.0
    unsure: bool = False
    record: dict[str, Any] | None = None
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The system at a glance. `oldest`: since when the longest waiting order waits; `workers`: alive now.
    `born`: the ledger; `known`: the shops that had documents in Facturation.pro before it could know them;
    `all`: every order there is. `rounding`: see `FirmRounding.text`; `contradicted`: when the last
    `Contradiction` was seen; `unexplained`: since when no rule fits."""

    now: datetime
    waiting: int
    oldest: datetime | None
    overdue: int
    attention: int
    last_beat: datetime | None
    workers: int
    born: datetime | None
    known: tuple[str, ...] = ()
    open: int = 0
    ignored: int = 0
    all: int = 0
    rounding: str = ""
    contradicted: datetime | None = None
    contradiction: str = ""
    unexplained: datetime | None = None

    @property
    def orders(self) -> dict[str, int]:
        """How many are in each state; those in hand count as waiting."""
        resting = {"attention": self.attention, "open": self.open, "ignored": self.ignored}
        others = self.waiting + sum(resting.values())
        return {"waiting": self.waiting, **resting, "done": max(0, self.all - others)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who holds which order."""

    order_key: str
    token: str


def moment(ms: int | bytes | str | None) -> datetime | None:
    """Redis' milliseconds as a time; None for nothing or 0."""
    return datetime.fromtimestamp(int(ms) / 1000, UTC) if ms and int(ms) else None


def view_of(answer: list[Any], *, takes: int) -> HeldOrder:
    """What the scripts `take` and `release` tell of an order."""
    version, attempts, failing_since, first_heard, rounding, events, said = answer
    lane, credit, set_aside, reason, further, ours, number, placed, documents = (
        each.decode() for each in said
    )
    return HeldOrder(
        version=version,
        attempts=attempts,
        takes=takes,
        failing_since=moment(failing_since),
        first_heard=moment(first_heard),
        rounding=rounding.decode(),
        events=tuple(_event_of(*event) for event in events),
        lane=lane,
        issue_credit_notes=credit == "final",
        set_aside=Outcome(set_aside) if set_aside else None,
        reason=reason_from(reason),
        further=tuple(filter(None, further.split("\n"))),
        ours=bool(ours),
        number=number,
        placed_at=datetime.fromisoformat(placed) if placed else None,
        documents=tuple(key for _, key, _ in json.loads(documents or "[]")),
    )


def vitals_of(answer: list[Any]) -> Vitals:
    """What the script `vitals` tells."""
    now, waiting, oldest, overdue, attention, beat, workers, born, known, *counts = answer
    left_open, ignored, everything, (rounding, contradicted, contradiction, unexplained) = counts
    return Vitals(
        now=moment(now) or datetime.now(UTC),
        waiting=waiting,
        oldest=moment(oldest),
        overdue=overdue,
        attention=attention,
        last_beat=moment(beat),
        workers=workers,
        born=moment(born),
        known=tuple(scope.decode() for scope in known),
        open=left_open,
        ignored=ignored,
        all=everything,
        rounding=rounding.decode(),
        contradicted=moment(contradicted),
        contradiction=contradiction.decode(),
        unexplained=moment(unexplained),
    )


def _event_of(event_id: bytes, topic: bytes, at: bytes, headers: bytes, body: bytes) -> Event:
    return Event(
        id=event_id.decode(),
        topic=topic.decode(),
        body=zstandard.decompress(body),
        received_at=datetime.fromtimestamp(int(at) / 1000, UTC),
        headers=json.loads(headers),
    )


def fate_of(shop: str, platform: str, identity: Identity) -> tuple[str, str, str, tuple[str, ...]]:
    """As record.lua wants it: the order's key, why it is ignored, why it alarms, and links; "" for none."""
    match identity:
        case ForOrder():
            return identity.order_key or "", "", "", identity.links
        case Ignored():
            return "", identity.reason.as_json(), "", ()
        case Alarm():
            return str(Key(platform, shop, EVENT, identity.event_id)), "", identity.reason.as_json(), ()
