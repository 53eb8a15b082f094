"""What becomes of each type of Stripe event: handled, ignored with a reason, or a person is told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Kind(Enum):
    """What `data.object` of an event is."""

    INVOICE = "invoice"
    INVOICE_PAYMENT = "invoice payment"
    CHECKOUT = "Checkout session"
    CHARGE = "charge"
    REFUND = "refund"
    CREDIT_NOTE = "credit note"


KINDS: Mapping[str, Kind] = {
    "invoice.finalized": Kind.INVOICE,
    "invoice.paid": Kind.INVOICE,
    "invoice.payment_succeeded": Kind.INVOICE,
    "invoice.payment_failed": Kind.INVOICE,
    "invoice.overpaid": Kind.INVOICE,
    "invoice.updated": Kind.INVOICE,
    "invoice.voided": Kind.INVOICE,
    "invoice.marked_uncollectible": Kind.INVOICE,
    "invoice.deleted": Kind.INVOICE,
    "invoice_payment.paid": Kind.INVOICE_PAYMENT,
    "checkout.session.completed": Kind.CHECKOUT,
    "checkout.session.async_payment_succeeded": Kind.CHECKOUT,
    "checkout.session.async_payment_failed": Kind.CHECKOUT,
    "charge.refunded": Kind.CHARGE,
    "charge.refund.updated": Kind.REFUND,
    "refund.created": Kind.REFUND,
    "refund.updated": Kind.REFUND,
    "refund.failed": Kind.REFUND,
    "credit_note.created": Kind.CREDIT_NOTE,
    "credit_note.updated": Kind.CREDIT_NOTE,
    "credit_note.voided": Kind.CREDIT_NOTE,
}
HANDLED: frozenset[str] = frozenset(KINDS)
"""All types: https://docs.stripe.com/api/events/types."""

_DRAFT = "the invoice is not final yet, or nothing about it has changed"
_CUSTOMER = "an invoice carries its own copy of the customer"
_NO_SALE = "says nothing that an invoice needs"
_CATALOGUE = "the catalogue: an invoice carries its own lines"
_OWN_MONEY = "money of the Stripe account itself, no sale"
IGNORED: Mapping[str, str] = {
    "invoice.created": _DRAFT,
    "invoice.upcoming": _DRAFT,
    "invoice.will_be_due": _DRAFT,
    "invoice.overdue": _DRAFT,
    "invoice.sent": _DRAFT,
    "invoice.finalization_failed": _DRAFT,
    "invoice.payment_action_required": _DRAFT,
    "invoice.payment_attempt_required": _DRAFT,
    "invoiceitem.*": _DRAFT,
    "quote.*": "a quote is no sale",
    "checkout.session.expired": "nothing was bought",
    "charge.succeeded": "the invoice or the Checkout session says that it is paid",
    "charge.captured": "the invoice or the Checkout session says that it is paid",
    "charge.updated": _NO_SALE,
    "charge.pending": _NO_SALE,
    "charge.failed": _NO_SALE,
    "charge.expired": _NO_SALE,
    "charge.dispute.created": "no money has moved yet",
    "charge.dispute.updated": "no money has moved yet",
    "charge.dispute.closed": "the movement of the money has an event of its own",
    "payment_intent.*": "the invoice or the Checkout session says that it is paid",
    "customer.*": _CUSTOMER,
    "customer.subscription.*": "a subscription is invoiced by its invoices",
    "subscription_schedule.*": "a subscription is invoiced by its invoices",
    "cash_balance.*": _CUSTOMER,
    "customer_cash_balance_transaction.*": _CUSTOMER,
    "payment_method.*": _NO_SALE,
    "payment_link.*": _NO_SALE,
    "setup_intent.*": _NO_SALE,
    "source.*": _NO_SALE,
    "mandate.*": _NO_SALE,
    "radar.*": _NO_SALE,
    "review.*": _NO_SALE,
    "billing.*": _NO_SALE,
    "billing_portal.*": _NO_SALE,
    "entitlements.*": _NO_SALE,
    "file.*": _NO_SALE,
    "reporting.*": _NO_SALE,
    "sigma.*": _NO_SALE,
    "terminal.*": _NO_SALE,
    "test_helpers.*": _NO_SALE,
    "identity.*": _NO_SALE,
    "tax.*": _NO_SALE,
    "product.*": _CATALOGUE,
    "price.*": _CATALOGUE,
    "plan.*": _CATALOGUE,
    "coupon.*": _CATALOGUE,
    "promotion_code.*": _CATALOGUE,
    "tax_rate.*": _CATALOGUE,
    "account.*": _OWN_MONEY,
    "application_fee.*": _OWN_MONEY,
    "balance.*": _OWN_MONEY,
    "capability.*": _OWN_MONEY,
    "financial_connections.*": _OWN_MONEY,
    "payout.*": _OWN_MONEY,
    "person.*": _OWN_MONEY,
    "topup.*": _OWN_MONEY,
    "transfer.*": _OWN_MONEY,
    "treasury.*": _OWN_MONEY,
    "v2.core.event_destination.ping": "Stripe tries the address",
}
"""Topic → why nothing is done. `x.*` stands for every topic that begins with `x.`; a longer name wins."""

ALARMING: Mapping[str, str] = {
    "charge.dispute.funds_withdrawn": "a dispute took money back: decide whether a credit note is due, and "
    "make it in Facturation.pro by hand",
    "charge.dispute.funds_reinstated": "money of a dispute came back: if a credit note was made "
    "for it, decide what becomes of it",
}


def ignored_because(topic: str) -> str:
    """The reason in IGNORED under the longest name that fits, or ""."""
    if topic in HANDLED:
        return ""
    parts = topic.split(".")
    families = [".".join(parts[:count]) + ".*" for count in range(len(parts) - 1, 0, -1)]
    return next((IGNORED[name] for name in (topic, *families) if name in IGNORED), "")
