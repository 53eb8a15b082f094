"""How it was paid, from Stripe's invoices and Checkout sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bridge.orders import Payment, PaymentMethod
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


def payments_of_invoice(
    invoice: StripeInvoice, received: Iterable[StripeInvoicePayment], *, paid: bool
) -> tuple[Payment, ...]:
    """Each payment that Stripe reported for the invoice (since basil), else the one that it names itself."""
    charge, intent = invoice.charge, invoice.payment_intent
    types = [charge.payment_method_details.type] if charge.payment_method_details else []
    settings = invoice.payment_settings
    types = types or list(intent.payment_method_types or (settings.payment_method_types if settings else ()))
    method, gateway = _method(types)
    each = tuple(
        Payment(
            method=method,
            gateway=gateway,
            reference=entry.payment.payment_intent or entry.payment.charge or entry.payment.payment_record,
            amount=None if entry.amount_paid is None else money(entry.amount_paid, entry.currency),
        )
        for entry in received
    )
    if each or not paid or invoice.total <= 0:
        return each
    reference = intent.id or charge.id or invoice.number
    amount = money(invoice.amount_paid, invoice.currency) if invoice.amount_paid else None
    return (Payment(method=method, gateway=gateway, reference=reference, amount=amount),)


def payments_of_session(session: StripeSession) -> tuple[Payment, ...]:
    """The session's one payment; none where it cost nothing."""
    if session.amount_total <= 0:
        return ()
    method, gateway = _method(session.payment_intent.payment_method_types or session.payment_method_types)
    amount = money(session.amount_total, session.currency)
    return (Payment(method=method, gateway=gateway, reference=session.payment_intent.id, amount=amount),)


def _method(types: Sequence[str]) -> tuple[PaymentMethod, str]:
    """The method and Stripe's word for it. Several allowed types do not say which was used: OTHER."""
    if len(types) != 1:
        return PaymentMethod.OTHER, "stripe"
    return METHODS.get(types[0], PaymentMethod.OTHER), types[0]
