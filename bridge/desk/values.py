"""What the desk shows of orders. Times are aware UTC; amounts are as the shop states them, VAT included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import Field, PlainSerializer, SerializationInfo
from typing_extensions import TypedDict

from bridge.alerts.rules import Alert
from bridge.desk.plain import Body, Reasoned, Why
from bridge.errors import BridgeError
from bridge.reasons import NO_REASON, Reason
from bridge.texts import text_of

Row = TypeVar("Row")


class NotDone(BridgeError):
    """The desk did not do what a person asked; `reason` says why, and what to do."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(text_of(reason))
        self.reason = reason


class Unknown(NotDone):
    """There is no such thing."""


class UnknownOrder(Unknown):
    """There is no such order."""


class State(StrEnum):
    """Of an order, for people. `in_hand`: its turn comes now."""

    IN_HAND = "in_hand"
    WAITING = "waiting"
    ATTENTION = "attention"
    OPEN = "open"
    IGNORED = "ignored"
    DONE = "done"


class Kept(StrEnum):
    """What became of an event's payload."""

    KEPT = "kept"
    EXPIRED = "expired"  # after retention_days
    ERASED = "erased"  # at somebody's request


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """Part of a list. `cursor` leads to the next one; "" at the end."""

    rows: tuple[Row, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow(Reasoned):
    """An order in a list.

    `number`, `total`, `currency`, `placed_at`: empty until it could be read. `active_at`: of its last event.
    `since`: in this state. `next_at`: of the next try, when it waits. `invoice`: its number, "" for a draft;
    `invoice_id` 0 and `invoice_url` "" while there is none. `set_aside`: a person left it in this state, and
    events do not change that. `backfill`: it gives way to newer orders.
    """

    key: str
    shop: str
    platform: str
    state: State
    reason: Why
    number: str
    total: Decimal | None
    currency: str
    placed_at: datetime | None
    created_at: datetime | None
    active_at: datetime | None
    since: datetime | None
    next_at: datetime | None
    attempts: int
    invoice: str
    invoice_id: int
    invoice_url: str
    set_aside: bool
    backfill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow(Reasoned):
    """An event in a list. `id` begins with the shop; `size` in bytes, 0 when the payload is gone; `order_key`
    and `note` (why nothing is done): one of them is empty."""

    SAYS: ClassVar = "note"
    id: str
    shop: str
    topic: str
    received_at: datetime | None
    order_key: str
    note: Why
    size: int
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEvent:
    """An event as it came. `body` is b"" when it was erased. It holds personal data."""

    row: Annotated[EventRow, Field(serialization_alias="event")]
    headers: Mapping[str, str] = field(repr=False)
    body: Body = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A document that the order has or should have.

    `kind`: customer, invoice or credit_note. `id` 0: it does not exist (yet). `wanted`: the total it should
    come to, `total`: the one it has. `accepted`: the total a person accepted. `attached`: a
    person made it and counts it in. `why`: in French.
    """

    kind: str
    key: str
    id: int = 0
    number: str = ""
    url: str = ""
    draft: bool = False
    paid: bool = False
    wanted: Decimal | None = None
    total: Decimal | None = None
    accepted: Decimal | None = None
    refund_id: str = ""
    attached: bool = False
    why: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """It exists with another total than it should have, and nobody accepted that."""
        wanted = self.wanted if self.accepted is None else self.accepted
        return bool(self.id) and self.total is not None and wanted is not None and self.total != wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A request to Facturation.pro. `outcome`: the status, or what happened instead."""

    at: datetime
    call: str
    outcome: str
    milliseconds: int

    @property
    def failed(self) -> bool:
        """It was not done, as far as its answer tells."""
        return not self.outcome.startswith("2")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow(Reasoned):
    """How a run over the order ended that did not finish it. `outcome`: waiting or attention."""

    at: datetime
    outcome: str
    reason: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow(Reasoned):
    """What a person did to the order."""

    at: datetime
    what: str
    who: str
    reason: Why = NO_REASON


Entry = EventRow | CallRow | RunRow | ActionRow
"""One line of an order's story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything known of one order. `events` in order of arrival; `calls` and `runs` of its last 20 runs;
    `working`: a worker is at it now; `due_at`: when it is looked at next."""

    order: OrderRow
    events: tuple[EventRow, ...]
    documents: tuple[DocumentRow, ...]
    calls: tuple[CallRow, ...]
    runs: tuple[RunRow, ...]
    actions: tuple[ActionRow, ...]
    working: bool
    due_at: datetime | None

    @property
    def why(self) -> tuple[str, ...]:
        """The explanation for the accountant, in French."""
        return tuple(line for document in self.documents for line in document.why)

    @property
    def timeline(self) -> tuple[Entry, ...]:
        """What happened, in the order in which it happened."""
        entries: list[Entry] = [*self.events, *self.calls, *self.runs, *self.actions]
        return tuple(sorted(entries, key=_moment))


def _moment(entry: Entry) -> float:
    at = entry.received_at if isinstance(entry, EventRow) else entry.at
    return at.timestamp() if at else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay did. `refused`: order → why not."""

    resumed: tuple[str, ...]
    already: tuple[str, ...]
    refused: Mapping[str, Why]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an order's books come to with a document more, or less. `document`: its number; `sale`: what the
    documents should come to; `documents`: what they do then; `left`: the difference. `done`: it is so now."""

    order: str
    document: str
    sale: Decimal
    documents: Decimal
    left: Decimal
    currency: str
    done: bool


class AlertRow(TypedDict):
    """What somebody must look at now. `orders`: the first few of `count`; `runbook`: where the documentation
    tells all about it."""

    name: str
    key: str
    severity: Literal["critical", "warning"]
    title: str
    since: datetime
    text: str
    code: str
    facts: dict[str, Any]
    meaning: str
    check: str
    cure: str
    runbook: str
    shop: str
    count: int
    orders: list[str]


def _shown(alert: Alert, info: SerializationInfo) -> AlertRow:
    shown = alert.as_dict(info.context or "en") | {"since": alert.since.replace(microsecond=0)}
    return cast("AlertRow", shown)


AlertShown = Annotated[Alert, PlainSerializer(_shown)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening(Reasoned):
    """One entry of the feed. `what`: event, an outcome (done, waiting, …), a person's action, or alert and
    alert_over, which have no order; `text`: its topic, reason or words. `id` leads to what comes after it."""

    SAYS: ClassVar = "text"
    id: str
    at: datetime
    order_key: str
    what: str
    text: Why
