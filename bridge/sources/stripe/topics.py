"""What becomes of each type of Stripe event: handled, ignored with a reason, or a person is told.

https://docs.stripe.com/api/events/types lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from bridge.reasons import Reason, because

PLATFORM: Final = "stripe"


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

_DRAFT = because("stripe_invoice_not_final")
_CUSTOMER = because("stripe_invoice_has_customer")
_NO_SALE = because("stripe_no_sale")
_CATALOGUE = because("stripe_invoice_has_lines")
_OWN_MONEY = because("stripe_own_money")
_PAID_ELSEWHERE = because("stripe_paid_elsewhere")
_SUBSCRIPTION = because("stripe_subscription")
_DISPUTED = because("stripe_dispute_open")
IGNORED: Mapping[str, Reason] = {
    "invoice.created": _DRAFT,
    "invoice.upcoming": _DRAFT,
    "invoice.will_be_due": _DRAFT,
    "invoice.overdue": _DRAFT,
    "invoice.sent": _DRAFT,
    "invoice.finalization_failed": _DRAFT,
    "invoice.payment_action_required": _DRAFT,
    "invoice.payment_attempt_required": _DRAFT,
    "invoiceitem.*": _DRAFT,
    "quote.*": because("stripe_quote"),
    "checkout.session.expired": because("stripe_session_expired"),
    "charge.succeeded": _PAID_ELSEWHERE,
    "charge.captured": _PAID_ELSEWHERE,
    "charge.updated": _NO_SALE,
    "charge.pending": _NO_SALE,
    "charge.failed": _NO_SALE,
    "charge.expired": _NO_SALE,
    "charge.dispute.created": _DISPUTED,
    "charge.dispute.updated": _DISPUTED,
    "charge.dispute.closed": because("stripe_dispute_closed"),
    "payment_intent.*": _PAID_ELSEWHERE,
    "customer.*": _CUSTOMER,
    "customer.subscription.*": _SUBSCRIPTION,
    "subscription_schedule.*": _SUBSCRIPTION,
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
    "v2.core.event_destination.ping": because("stripe_ping"),
}
"""Topic → why nothing is done. `x.*` stands for every topic that begins with `x.`; a longer name wins."""

ALARMING: Mapping[str, Reason] = {
    "charge.dispute.funds_withdrawn": because("stripe_dispute_lost"),
    "charge.dispute.funds_reinstated": because("stripe_dispute_won"),
}


def ignored_because(topic: str) -> Reason | None:
    """The reason in IGNORED under the longest name that fits, if any."""
    if topic in HANDLED:
        return None
    parts = topic.split(".")
    families = [".".join(parts[:count]) + ".*" for count in range(len(parts) - 1, 0, -1)]
    return next((IGNORED[name] for name in (topic, *families) if name in IGNORED), None)
