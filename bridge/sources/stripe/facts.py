"""The events of one order of Stripe's, read and sorted by what they speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import Event
from bridge.reasons import because
from bridge.sources.base import FETCHED
from bridge.sources.reading import read, read_value
from bridge.sources.stripe.payloads import (
    EventBody,
    StripeInvoice,
    StripeInvoicePayment,
    StripeSession,
    Thing,
)
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
    if unknown := [event.topic for event in events if event.topic not in KINDS and event.topic != FETCHED]:
        raise NeedsPerson(because("foreign_event", order=order.id, shop=order.shop, topic=min(unknown)))

    def all_of(kind: Kind, model: type[T]) -> list[Snapshot[T]]:
        return [_snapshot(model, event, order) for event in events if KINDS.get(event.topic) is kind]

    fetched = sorted(
        (event for event in events if event.topic == FETCHED), key=lambda one: (one.received_at, one.body)
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
        answers={event.id: event for event in fetched},
    )


def _snapshot(model: type[T], event: Event, order: Key) -> Snapshot[T]:
    envelope = read(EventBody, event, order)
    body = read_value(model, envelope.data.object, order, event.topic)
    return Snapshot(
        event_id=event.id,
        topic=event.topic,
        at=envelope.created or event.received_at.astimezone(UTC),
        test=envelope.livemode is False or envelope.data.object.get("livemode") is False,
        body=body,
    )
