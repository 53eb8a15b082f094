"""The events of one order of Stripe's, read and sorted by what they speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BeforeValidator

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import Event
from bridge.reasons import because
from bridge.sources.base import ANSWER, FETCHED
from bridge.sources.reading import Id, Payload, glimpse, read, read_value
from bridge.sources.stripe.payloads import (
    EventBody,
    StatusTransitions,
    StripeInvoice,
    StripeInvoicePayment,
    StripeSession,
    Thing,
)
from bridge.sources.stripe.reading import Moment, expanded
from bridge.sources.stripe.refund_payloads import StripeCharge, StripeCreditNote, StripeDispute, StripeRefund
from bridge.sources.stripe.topics import KINDS, Kind

T = TypeVar("T", bound=Thing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Generic[T]):
    """What one event says of one thing, and when."""

    event_id: str
    topic: str
    at: datetime
    test: bool
    body: T


class Clock(Payload):
    """When a thing last moved on, as far as it tells, of a thing that came in no event."""

    object: Id = ""
    created: Moment = None
    status_transitions: Annotated[StatusTransitions, BeforeValidator(expanded)] = StatusTransitions()
    livemode: bool | None = None

    @property
    def latest(self) -> datetime | None:
        """None where it tells nothing."""
        moves = self.status_transitions
        known = (self.created, moves.finalized_at, moves.paid_at, moves.voided_at)
        return max(filter(None, known), default=None)


FETCHED_KINDS: Mapping[str, Kind] = {
    "invoice": Kind.INVOICE,
    "checkout.session": Kind.CHECKOUT,
    "credit_note": Kind.CREDIT_NOTE,
    "refund": Kind.REFUND,
}
"""What a thing says in `object` → what it is, of those that lists are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`answers`: what Stripe's API was asked for, by path."""

    order: Key
    invoices: Sequence[Snapshot[StripeInvoice]]
    received: Sequence[Snapshot[StripeInvoicePayment]]
    sessions: Sequence[Snapshot[StripeSession]]
    charges: Sequence[Snapshot[StripeCharge]]
    refunds: Sequence[Snapshot[StripeRefund]]
    notes: Sequence[Snapshot[StripeCreditNote]]
    disputes: Sequence[Snapshot[StripeDispute]]
    answers: Mapping[str, Event]


def gather(order: Key, events: Sequence[Event]) -> Facts:
    kinds = {event.id: _kind_of(event) for event in events if event.topic != ANSWER}
    if unknown := [event.topic for event in events if event.topic != ANSWER and not kinds[event.id]]:
        raise NeedsPerson(because("foreign_event", order=order.id, shop=order.shop, topic=min(unknown)))

    def all_of(kind: Kind, model: type[T]) -> list[Snapshot[T]]:
        return [_snapshot(model, event, order) for event in events if kinds.get(event.id) is kind]

    answers = sorted(
        (event for event in events if event.topic == ANSWER), key=lambda one: (one.received_at, one.body)
    )
    return Facts(
        order=order,
        invoices=all_of(Kind.INVOICE, StripeInvoice),
        received=all_of(Kind.INVOICE_PAYMENT, StripeInvoicePayment),
        sessions=all_of(Kind.CHECKOUT, StripeSession),
        charges=all_of(Kind.CHARGE, StripeCharge),
        refunds=all_of(Kind.REFUND, StripeRefund),
        notes=all_of(Kind.CREDIT_NOTE, StripeCreditNote),
        disputes=all_of(Kind.DISPUTE, StripeDispute),
        answers={event.id: event for event in answers},
    )


def _kind_of(event: Event) -> Kind | None:
    if event.topic == FETCHED:
        said = glimpse(Clock, event.body)
        return FETCHED_KINDS.get(said.object) if said else None
    return KINDS.get(event.topic)


def _snapshot(model: type[T], event: Event, order: Key) -> Snapshot[T]:
    if event.topic == FETCHED:
        clock = read(Clock, event, order)
        return Snapshot(
            event_id=event.id,
            topic=event.topic,
            at=clock.latest or event.received_at.astimezone(UTC),
            test=clock.livemode is False,
            body=read(model, event, order),
        )
    envelope = read(EventBody, event, order)
    body = read_value(model, envelope.data.object, order, event.topic)
    return Snapshot(
        event_id=event.id,
        topic=event.topic,
        at=envelope.created or event.received_at.astimezone(UTC),
        test=envelope.livemode is False or envelope.data.object.get("livemode") is False,
        body=body,
    )
