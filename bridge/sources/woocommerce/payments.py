"""The money of an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bridge.movements import Movement, PaymentMethod
from bridge.orders import ZERO, Reduction, decimal_from
from bridge.sources.woocommerce.payloads import OrderBody

# Ids of gateways: https://woocommerce.com/document/payment-gateway-api/ and each plugin's own `$this->id`.
# Cash on delivery is cash by its own words, "Pay with cash upon delivery.": class-wc-gateway-cod.php.
METHODS: Mapping[str, PaymentMethod] = {
    "stripe": PaymentMethod.CARD,
    "stripe_cc": PaymentMethod.CARD,
    "stripe_applepay": PaymentMethod.CARD,
    "stripe_googlepay": PaymentMethod.CARD,
    "stripe_bancontact": PaymentMethod.CARD,
    "woocommerce_payments": PaymentMethod.CARD,
    "payplug": PaymentMethod.CARD,
    "ppcp-credit-card-gateway": PaymentMethod.CARD,
    "ppcp-applepay": PaymentMethod.CARD,
    "ppcp-googlepay": PaymentMethod.CARD,
    "mollie_wc_gateway_creditcard": PaymentMethod.CARD,
    "systempay": PaymentMethod.CARD,
    "payzen": PaymentMethod.CARD,
    "monetico": PaymentMethod.CARD,
    "square_credit_card": PaymentMethod.CARD,
    "sumup": PaymentMethod.CARD,
    "paypal": PaymentMethod.PAYPAL,
    "ppcp-gateway": PaymentMethod.PAYPAL,
    "ppec_paypal": PaymentMethod.PAYPAL,
    "mollie_wc_gateway_paypal": PaymentMethod.PAYPAL,
    "bacs": PaymentMethod.TRANSFER,
    "mollie_wc_gateway_banktransfer": PaymentMethod.TRANSFER,
    "cheque": PaymentMethod.CHEQUE,
    "cod": PaymentMethod.CASH,
    "stripe_sepa": PaymentMethod.DIRECT_DEBIT,
    "stripe_sepa_debit": PaymentMethod.DIRECT_DEBIT,
    "gocardless": PaymentMethod.DIRECT_DEBIT,
    "mollie_wc_gateway_directdebit": PaymentMethod.DIRECT_DEBIT,
    "alma": PaymentMethod.OTHER,
    "klarna_payments": PaymentMethod.OTHER,
    "stripe_klarna": PaymentMethod.OTHER,
    "payplug_oney": PaymentMethod.OTHER,
}

ON_ACCOUNT = frozenset(
    ("invoice", "igfw_invoice_gateway", "wc_invoice_gateway", "pay_by_invoice", "purchase_order", "wcpoa_po")
)
"""Gateways that take no money: the buyer pays the invoice later, whatever `date_paid` says."""


def on_account(order: OrderBody) -> bool:
    return order.payment_method in ON_ACCOUNT and not order.transaction_id


def paid_when(order: OrderBody) -> datetime | None:
    """Since when the money is there; a promise is none."""
    return None if on_account(order) else order.date_paid_gmt


def deposit_of(order: OrderBody) -> Decimal | None:
    """What is paid of it, where a plugin for deposits says that the rest is not:
    https://wordpress.org/plugins/deposits-partial-payments-for-woocommerce/ and WooCommerce Deposits."""
    meta = order.meta_data
    whole = meta.get("_wc_deposits_second_payment_paid", "yes").lower() in ("yes", "1", "true")
    if whole and order.status not in ("partially-paid", "partial-payment"):
        return None
    try:
        return decimal_from(meta.get("_wc_deposits_deposit_amount", ""))
    except ValueError:
        return ZERO


def movements_of(order: OrderBody, reductions: Iterable[Reduction]) -> tuple[Movement, ...]:
    """What came in, once it is paid, and what went back. Gift cards go by their id: their code is worth
    money."""
    paid_at = paid_when(order)
    if paid_at is None:
        return ()
    ins = [
        Movement(method=PaymentMethod.GIFT_CARD, gateway="gift_card", reference=card.id, amount=card.amount)
        for card in order.stored_value
        if card.amount
    ]
    gateway = Movement(
        method=METHODS.get(order.payment_method, PaymentMethod.OTHER),
        gateway=order.payment_method,
        reference=order.transaction_id,
        amount=order.charged,
    )
    outs = [
        replace(gateway, id=each.id, at=each.at, amount=-each.paid_back, reference="")
        for each in reductions
        if each.paid_back
    ]
    received = (*((gateway,) if order.charged else ()), *ins)
    return (*(replace(move, at=paid_at) for move in received), *outs)
