"""How it was paid."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.orders import Payment, PaymentMethod
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


def payments_of(order: OrderBody) -> tuple[Payment, ...]:
    """Gift cards go by their id: their code is worth money."""
    cards = [
        Payment(method=PaymentMethod.GIFT_CARD, gateway="gift_card", reference=card.id, amount=card.amount)
        for card in order.gift_cards
        if card.amount
    ]
    if not order.total:
        return tuple(cards)
    gateway = Payment(
        method=METHODS.get(order.payment_method, PaymentMethod.OTHER),
        gateway=order.payment_method,
        reference=order.transaction_id,
        amount=order.total,
    )
    return (gateway, *cards)
