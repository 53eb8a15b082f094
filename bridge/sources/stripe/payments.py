"""How it was paid, from Stripe's invoices and Checkout sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from bridge.movements import Movement, PaymentMethod
from bridge.orders import ZERO
from bridge.sources.stripe.payloads import StripeInvoice, StripeInvoicePayment, StripeSession
from bridge.sources.stripe.reading import money

METHODS: Mapping[str, PaymentMethod] = {
    "card": PaymentMethod.CARD,
    "card_present": PaymentMethod.CARD,
    "interac_present": PaymentMethod.CARD,
    "paypal": PaymentMethod.PAYPAL,
    "customer_balance": PaymentMethod.TRANSFER,
    "sepa_credit_transfer": PaymentMethod.TRANSFER,
    "ach_credit_transfer": PaymentMethod.TRANSFER,
    "pay_by_bank": PaymentMethod.TRANSFER,
    "sepa_debit": PaymentMethod.DIRECT_DEBIT,
    "bacs_debit": PaymentMethod.DIRECT_DEBIT,
    "acss_debit": PaymentMethod.DIRECT_DEBIT,
    "au_becs_debit": PaymentMethod.DIRECT_DEBIT,
    "us_bank_account": PaymentMethod.DIRECT_DEBIT,
    "ach_debit": PaymentMethod.DIRECT_DEBIT,
    "nz_bank_account": PaymentMethod.DIRECT_DEBIT,
}
"""https://docs.stripe.com/api/payment_methods/object#payment_method_object-type. A type that is not here,
Link and Klarna for instance, is OTHER; a shop may map it by name."""


def movements_of_invoice(
    invoice: StripeInvoice, received: Iterable[StripeInvoicePayment], at: datetime | None
) -> tuple[Movement, ...]:
    """Each payment that Stripe reported for the invoice (since basil), else the one that it names itself; and
    what the customer's balance paid of it. `at`: since when it is paid, if it is."""
    charge, intent = invoice.charge, invoice.payment_intent
    types = [charge.payment_method_details.type] if charge.payment_method_details else []
    settings = invoice.payment_settings
    types = types or list(intent.payment_method_types or (settings.payment_method_types if settings else ()))
    method, gateway = _method(types)
    if invoice.paid_out_of_band:
        method, gateway = PaymentMethod.OTHER, "out_of_band"
    each = tuple(
        Movement(
            id=entry.id,
            method=method,
            gateway=gateway,
            reference=entry.payment.payment_intent or entry.payment.charge or entry.payment.payment_record,
            amount=None if entry.amount_paid is None else money(entry.amount_paid, entry.currency),
        )
        for entry in received
    )
    balance = _by_balance(invoice, at)
    if each or at is None or invoice.total <= 0 or (balance and not invoice.amount_paid):
        return (*each, *balance)
    if not invoice.amount_paid and invoice.stated_as_unpaid:
        return balance
    reference = intent.id or charge.id or invoice.number
    amount = money(invoice.amount_paid, invoice.currency) if invoice.amount_paid else None
    paid = Movement(id=reference, at=at, method=method, gateway=gateway, reference=reference, amount=amount)
    return (paid, *balance)


def _by_balance(invoice: StripeInvoice, at: datetime | None) -> tuple[Movement, ...]:
    """A credit that the customer had, used for this invoice: no card was asked for it."""
    used = invoice.ending_balance - invoice.starting_balance
    if at is None or used <= 0:
        return ()
    amount, name = money(used, invoice.currency), f"{invoice.id}:balance"
    return (Movement(id=name, at=at, method=PaymentMethod.OTHER, gateway="stripe_balance", amount=amount),)


def movements_of_session(session: StripeSession, at: datetime) -> tuple[Movement, ...]:
    """The session's one payment; none where it cost nothing."""
    if session.amount_total <= 0:
        return ()
    method, gateway = _method(session.payment_intent.payment_method_types or session.payment_method_types)
    amount, name = money(session.amount_total, session.currency), session.payment_intent.id
    return (Movement(id=name, at=at, method=method, gateway=gateway, reference=name, amount=amount),)


def excess_of(invoice: StripeInvoice, movements: Iterable[Movement], before_payment: Decimal) -> Decimal:
    """How much more was paid than was owed. `before_payment`: what credit notes had taken off by then."""
    came = sum((move.amount or ZERO for move in movements), ZERO)
    owed = money(invoice.total, invoice.currency) - before_payment
    return max(came - owed, money(invoice.amount_overpaid, invoice.currency), ZERO)


def _method(types: Sequence[str]) -> tuple[PaymentMethod, str]:
    """The method and Stripe's word for it. Several allowed types do not say which was used: OTHER."""
    if len(types) != 1:
        return PaymentMethod.OTHER, "stripe"
    return METHODS.get(types[0], PaymentMethod.OTHER), types[0]
