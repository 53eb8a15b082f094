"""All events of one Stripe invoice, or of one Checkout session without invoice → what the order is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import Event, Folded, Ignored, Order, Unfinished
from bridge.reasons import Reason, because
from bridge.sources.base import FETCHED
from bridge.sources.reading import read, read_value
from bridge.sources.stripe.line_payloads import StripeItem, StripeLine
from bridge.sources.stripe.lines import lines_of_invoice, lines_of_session
from bridge.sources.stripe.parties import (
    customer_of_invoice,
    customer_of_session,
    purchase_number,
)
from bridge.sources.stripe.payloads import (
    EventBody,
    StripeCharge,
    StripeCreditNote,
    StripeInvoice,
    StripeInvoicePayment,
    StripeRefund,
    StripeSession,
    Thing,
)
from bridge.sources.stripe.payments import payments_of_invoice, payments_of_session
from bridge.sources.stripe.problems import problems_of_invoice, problems_of_session
from bridge.sources.stripe.reading import PageMissing, money, read_entries, read_pages
from bridge.sources.stripe.refunds import RefundEvidence, unite_refunds
from bridge.sources.stripe.topics import KINDS, PLATFORM, Kind

T = TypeVar("T", bound=Thing)

_PROGRESS: Mapping[str, int] = {"draft": 0, "open": 1, "uncollectible": 2, "paid": 3, "void": 3}
"""An invoice only moves up: https://docs.stripe.com/invoicing/overview#workflow-overview."""
_PAID_SESSION = frozenset({"paid", "no_payment_required"})


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
    """The events of one order, read and sorted by what they speak of."""

    order: Key
    invoices: Sequence[Snapshot[StripeInvoice]]
    received: Sequence[Snapshot[StripeInvoicePayment]]
    sessions: Sequence[Snapshot[StripeSession]]
    charges: Sequence[Snapshot[StripeCharge]]
    refunds: Sequence[Snapshot[StripeRefund]]
    notes: Sequence[Snapshot[StripeCreditNote]]
    answers: Mapping[str, Event]


def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
    """See `Source.fold`. The last word on each thing counts, by its own progress, then by Stripe's clock."""
    facts = _gather(Key.parse(order_key), events)
    try:
        if facts.invoices:
            return _fold_invoice(facts)
        if any(not session.body.invoice for session in facts.sessions):
            return _fold_session(facts)
    except PageMissing as missing:
        return missing.incomplete
    return Unfinished(reason=_awaited(facts))


def _gather(order: Key, events: Sequence[Event]) -> Facts:
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


def _fold_invoice(facts: Facts) -> Folded:
    last = max(facts.invoices, key=lambda one: (_PROGRESS.get(_status(one.body), 1), one.at, one.event_id))
    invoice, status = last.body, _status(last.body)
    if any(one.topic == "invoice.deleted" for one in facts.invoices):
        return Ignored(reason=because("stripe_draft_deleted", invoice=invoice.id))
    if invoice.issuer and invoice.issuer.type == "account":
        return Ignored(reason=because("stripe_other_issuer", invoice=invoice.number or invoice.id))
    if status == "draft":
        return Unfinished(reason=because("stripe_draft", invoice=invoice.id))
    raw = _invoice_lines(facts, invoice)
    lines = lines_of_invoice(invoice, raw)
    moments = invoice.status_transitions
    since = min(one.at for one in facts.invoices if _status(one.body) == status)
    paid_at = (moments.paid_at or since) if status == "paid" else None
    problems = list(problems_of_invoice(invoice, raw, lines))
    if status == "uncollectible":  # no cancelled sale: its VAT stays due, and it may yet be paid
        problems.append(because("stripe_uncollectible", invoice=invoice.number or invoice.id))
    placed_at = invoice.effective_at or moments.finalized_at or invoice.created or last.at
    refunds, more = unite_refunds(_told(facts, invoice.currency, placed_at))
    received = {one.body.id: one.body for one in facts.received}
    return Order(
        key=str(facts.order),
        platform=PLATFORM,
        shop=facts.order.shop,
        id=invoice.id,
        number=invoice.number or invoice.id,
        currency=invoice.currency,
        total=money(invoice.total, invoice.currency),
        placed_at=placed_at,
        lines=lines,
        customer=customer_of_invoice(invoice),
        paid_at=paid_at,
        payments=payments_of_invoice(
            invoice, [received[id_] for id_ in sorted(received)], paid=status == "paid"
        ),
        refunds=refunds,
        cancelled_at=(moments.voided_at or since) if status == "void" else None,
        test=last.test,
        external_ref=invoice.number,
        purchase_number=purchase_number(invoice),
        problems=(*problems, *more),
    )


def _status(invoice: StripeInvoice) -> str:
    """Invoices of an API before 2018-11-08 have only `paid`."""
    return invoice.status or ("paid" if invoice.paid else "open")


def _invoice_lines(facts: Facts, invoice: StripeInvoice) -> tuple[StripeLine, ...]:
    """The event holds the first ten or so: https://docs.stripe.com/api/invoices/invoice_lines."""
    if invoice.lines is not None and not invoice.lines.cut:
        return read_entries(StripeLine, invoice.lines.data, facts.order, "lines")
    number = invoice.number or invoice.id
    reason = because("stripe_invoice_cut", invoice=number, shop=facts.order.shop)
    path = f"/v1/invoices/{invoice.id}/lines?limit=100"
    return read_pages(StripeLine, facts.answers, path, facts.order, reason)


def _fold_session(facts: Facts) -> Folded:
    snapshots = [one for one in facts.sessions if not one.body.invoice]
    paid = [one for one in snapshots if one.body.payment_status in _PAID_SESSION]
    if any(one.body.managed_payments and one.body.managed_payments.enabled for one in snapshots):
        return Ignored(reason=because("stripe_merchant_of_record", session=snapshots[0].body.id))
    if not paid:
        return _unpaid_session(snapshots)
    last = max(paid, key=lambda one: (one.at, one.event_id))
    session = last.body
    reason = because("stripe_session_without_lines", session=session.id, shop=facts.order.shop)
    path = f"/v1/checkout/sessions/{session.id}/line_items?limit=100&expand[]=data.taxes"
    items = read_pages(StripeItem, facts.answers, path, facts.order, reason)
    lines = lines_of_session(session, items)
    paid_at = min(one.at for one in paid)
    refunds, more = unite_refunds(_told(facts, session.currency, paid_at))
    return Order(
        key=str(facts.order),
        platform=PLATFORM,
        shop=facts.order.shop,
        id=session.id,
        number=session.payment_intent.id or session.id,
        currency=session.currency,
        total=money(session.amount_total, session.currency),
        placed_at=session.created or paid_at,
        lines=lines,
        customer=customer_of_session(session),
        paid_at=paid_at,
        payments=payments_of_session(session),
        payment_ids=_payment_ids(facts),
        told_by=_shop_behind(session.metadata),
        refunds=refunds,
        test=last.test,
        problems=(*problems_of_session(session, lines), *more),
    )


def _payment_ids(facts: Facts) -> tuple[str, ...]:
    """The charges; payment intents are the payments' references."""
    return tuple(sorted({one.body.id for one in facts.charges}))


def _shop_behind(metadata: Mapping[str, str]) -> str:
    """WooCommerce's Stripe gateway marks what it charges for a shop, whose order tells the sale itself:
    `checkout_type`, or `order_id` with `site_url`: https://github.com/woocommerce/woocommerce-gateway-stripe"""
    marked = "checkout_type" in metadata or {"order_id", "site_url"} <= metadata.keys()
    return "woocommerce" if marked else ""


def _unpaid_session(snapshots: Sequence[Snapshot[StripeSession]]) -> Folded:
    """Delayed methods: https://docs.stripe.com/payments/checkout/fulfillment#delayed-notification."""
    session = snapshots[0].body
    if any(one.topic == "checkout.session.async_payment_failed" for one in snapshots):
        return Ignored(reason=because("stripe_session_failed", session=session.id))
    return Unfinished(reason=because("stripe_session_pending", session=session.id))


def _told(facts: Facts, currency: str, otherwise: datetime) -> RefundEvidence:
    notes = _latest(facts.notes)
    return RefundEvidence(
        order=facts.order,
        currency=currency,
        otherwise=otherwise,
        refunds=[one.body for one in facts.refunds],
        charges=[(one.at, one.body) for one in facts.charges],
        notes=[notes[id_] for id_ in sorted(notes)],
        answers=facts.answers,
    )


def _latest(notes: Sequence[Snapshot[StripeCreditNote]]) -> dict[str, StripeCreditNote]:
    """The last word on each credit note; nothing can follow `void`."""
    ordered = sorted(notes, key=lambda one: (one.body.status == "void", one.at, one.event_id))
    return {one.body.id: one.body for one in ordered}


def _awaited(facts: Facts) -> Reason:
    """Why nothing can be said yet: money moved for something that no event has described."""
    ids = sorted({one.body.id for one in facts.refunds} | {one.body.id for one in facts.charges})
    if ids and not (facts.received or facts.notes or facts.sessions):
        return because("stripe_refund_without_sale", refund=ids[0])
    return because("stripe_invoice_awaited")
