"""All events of one Stripe invoice, or of one Checkout session without invoice → what the order is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import ZERO, Event, Folded, Ignored, Line, Order, Reduction, Unfinished, legal_date
from bridge.reasons import because
from bridge.sources.stripe.disputes import disputes_of
from bridge.sources.stripe.facts import Facts, Snapshot, gather
from bridge.sources.stripe.line_payloads import StripeItem, StripeLine
from bridge.sources.stripe.lines import credited_invoices, lines_of_invoice, lines_of_session
from bridge.sources.stripe.parties import customer_of_invoice, customer_of_session, purchase_number
from bridge.sources.stripe.payloads import StripeInvoice, StripeSession, Thing
from bridge.sources.stripe.payments import excess_of, movements_of_invoice, movements_of_session
from bridge.sources.stripe.problems import problems_of_invoice, problems_of_session
from bridge.sources.stripe.rates import known_rates
from bridge.sources.stripe.reading import PageMissing, money, read_entries, read_pages
from bridge.sources.stripe.reductions import given_back
from bridge.sources.stripe.refund_payloads import StripeCharge, StripeCreditNote
from bridge.sources.stripe.refunds import Evidence
from bridge.sources.stripe.topics import PLATFORM

_PROGRESS: Mapping[str, int] = {"draft": 0, "open": 1, "uncollectible": 2, "paid": 3, "void": 3}
"""An invoice only moves up: https://docs.stripe.com/invoicing/overview#workflow-overview."""
_PAID_SESSION = frozenset({"paid", "no_payment_required"})


def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
    """See `Source.fold`. The last word on each thing counts, by its own progress, then by Stripe's clock."""
    facts = gather(Key.parse(order_key), events)
    try:
        if facts.invoices:
            return _fold_invoice(facts)
        if any(not session.body.invoice for session in facts.sessions):
            return _fold_session(facts)
    except PageMissing as missing:
        return missing.incomplete
    return _awaited(facts)


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
    lines = lines_of_invoice(invoice, raw, known_rates(invoice.default_tax_rates, raw, facts))
    moments = invoice.status_transitions
    since = min(one.at for one in facts.invoices if _status(one.body) == status)
    paid_at = (moments.paid_at or since) if status == "paid" else None
    problems = list(problems_of_invoice(invoice, raw, lines))
    if status == "uncollectible":  # no cancelled sale: its VAT stays due, and it may yet be paid
        problems.append(because("stripe_uncollectible", invoice=invoice.number or invoice.id))
    placed_at = invoice.effective_at or moments.finalized_at or invoice.created or last.at
    received = {one.body.id: one.body for one in facts.received}
    came = movements_of_invoice(invoice, [received[id_] for id_ in sorted(received)], paid_at)
    notes = _latest(facts.notes).values()
    early = sum((note.pre_payment_amount for note in notes if note.status != "void"), ZERO)
    excess = excess_of(invoice, came, money(early, invoice.currency))
    back = given_back(_told(facts, invoice.currency, placed_at, excess, noted=True))
    credited = credited_invoices(raw) if invoice.total < 0 else ()
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
        due_on=legal_date(invoice.due_date) if invoice.due_date else None,
        movements=(*came, *back.movements),
        reductions=back.reductions,
        disputes=disputes_of(facts.disputes),
        credits=tuple(str(replace(facts.order, id=name)) for name in credited),
        cancelled_at=(moments.voided_at or since) if status == "void" else None,
        delivered_on=_served_on(lines, paid_at or placed_at),
        test=last.test,
        external_ref=invoice.number,
        purchase_number=purchase_number(invoice),
        problems=(*problems, *back.problems),
    )


def _served_on(lines: Sequence[Line], told_at: datetime) -> date | None:
    """The last day of the periods, once all of them are over: what is paid in advance is not served yet."""
    ends = [line.period[1] for line in lines if line.period]
    return max(ends) if ends and max(ends) <= legal_date(told_at) else None


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
    captured = [one for one in facts.charges if one.body.amount_captured is not None]
    if not paid and captured:
        paid = _captured(facts, snapshots, captured)
    if not paid:
        return _unpaid_session(snapshots)
    last = max(paid, key=lambda one: (one.at, one.event_id))
    session = last.body
    reason = because("stripe_session_without_lines", session=session.id, shop=facts.order.shop)
    path = f"/v1/checkout/sessions/{session.id}/line_items?limit=100&expand[]=data.taxes"
    items = read_pages(StripeItem, facts.answers, path, facts.order, reason)
    lines = lines_of_session(session, items)
    paid_at = min(one.at for one in paid)
    back = given_back(_told(facts, session.currency, paid_at, ZERO, noted=False))
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
        movements=(*movements_of_session(session, paid_at), *back.movements),
        payment_ids=_payment_ids(facts),
        told_by=_shop_behind(session.metadata),
        reductions=back.reductions,
        disputes=disputes_of(facts.disputes),
        test=last.test,
        problems=(*problems_of_session(session, lines), *back.problems),
    )


def _captured(
    facts: Facts, snapshots: Sequence[Snapshot[StripeSession]], charges: Sequence[Snapshot[StripeCharge]]
) -> list[Snapshot[StripeSession]]:
    """A session whose money was first reserved and then taken is paid by that. Raises NeedsPerson where less
    was taken: which part of its lines was sold, nobody tells."""
    session = snapshots[0].body
    taken = sum({one.body.id: one.body.amount_captured or ZERO for one in charges}.values(), ZERO)
    if taken < session.amount_total:
        raise NeedsPerson(
            because(
                "stripe_captured_in_part",
                session=session.id,
                captured=money(taken, session.currency),
                total=money(session.amount_total, session.currency),
                currency=session.currency,
            )
        )
    return [replace(one, at=min(charge.at for charge in charges)) for one in snapshots]


def _payment_ids(facts: Facts) -> tuple[str, ...]:
    """The charges; payment intents are the payments' references."""
    return tuple(sorted({one.body.id for one in facts.charges}))


def _shop_behind(metadata: Mapping[str, str]) -> str:
    """WooCommerce's Stripe gateway marks what it charges for a shop, whose order tells the sale itself:
    `checkout_type`, or `order_id` with `site_url`:
    https://github.com/woocommerce/woocommerce-gateway-stripe"""
    marked = "checkout_type" in metadata or {"order_id", "site_url"} <= metadata.keys()
    return "woocommerce" if marked else ""


def _unpaid_session(snapshots: Sequence[Snapshot[StripeSession]]) -> Folded:
    """Delayed methods: https://docs.stripe.com/payments/checkout/fulfillment#delayed-notification."""
    session = snapshots[0].body
    if any(one.topic == "checkout.session.async_payment_failed" for one in snapshots):
        return Ignored(reason=because("stripe_session_failed", session=session.id))
    return Unfinished(reason=because("stripe_session_pending", session=session.id))


def _told(facts: Facts, currency: str, otherwise: datetime, excess: Decimal, *, noted: bool) -> Evidence:
    notes = _latest(facts.notes)
    return Evidence(
        order=facts.order,
        currency=currency,
        otherwise=otherwise,
        excess=excess,
        noted=noted,
        refunds=[(one.at, one.body) for one in facts.refunds],
        charges=[(one.at, one.body) for one in facts.charges],
        notes=[notes[id_] for id_ in sorted(notes)],
        answers=facts.answers,
    )


def _latest(notes: Sequence[Snapshot[StripeCreditNote]]) -> dict[str, StripeCreditNote]:
    """The last word on each credit note; nothing can follow `void`."""
    ordered = sorted(notes, key=lambda one: (one.body.status == "void", one.at, one.event_id))
    return {one.body.id: one.body for one in ordered}


def _awaited(facts: Facts) -> Unfinished | Ignored:
    """Why nothing can be said yet: money moved for something that no event has described."""
    told = facts.received or facts.notes or facts.sessions
    back = any(one.body.given_back for one in facts.charges) or facts.refunds or facts.disputes
    if facts.charges and not told and not back:
        return Ignored(reason=because("stripe_paid_elsewhere"))
    things: list[Thing] = [one.body for one in facts.refunds]
    things += [one.body for one in facts.charges] + [one.body for one in facts.disputes]
    ids = sorted({thing.id for thing in things})
    reason = because("stripe_invoice_awaited")
    if ids and not told:
        reason = because("stripe_refund_without_sale", refund=ids[0])
    return Unfinished(reason=reason, reductions=_alone(facts), disputes=disputes_of(facts.disputes))


def _alone(facts: Facts) -> tuple[Reduction, ...]:
    """What was given back of a sale that is not told any more, as far as Stripe need not be asked for it."""
    told = [(one.at, one.body.currency) for one in facts.refunds]
    told += [(one.at, one.body.currency) for one in facts.notes]
    told += [(one.at, one.body.currency) for one in facts.charges]
    if not told:
        return ()
    at, currency = min(told)
    try:
        return given_back(_told(facts, currency, at, ZERO, noted=True)).reductions
    except PageMissing:
        return ()
