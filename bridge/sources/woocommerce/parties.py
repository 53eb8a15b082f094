"""Who bought, and how they paid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bridge.orders import Address, Customer, Payment, PaymentMethod
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

# Where plugins put what WooCommerce has no field for, best first. A key is compared without its leading `_`
# and without `billing_`, so that `_billing_vat_number` and `vat_number` are one.
LANGUAGE_KEYS = ("wpml_language", "locale", "language", "lang", "trp_language")

_LANGUAGE = re.compile(r"([a-z]{2})(?:[_-].*)?", re.IGNORECASE)


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


def customer_of(order: OrderBody) -> Customer:
    billing = order.billing
    language = _LANGUAGE.fullmatch(found(order, LANGUAGE_KEYS))
    return Customer(
        id="" if order.customer_id == "0" else order.customer_id,
        email=billing.get("email", ""),
        first_name=billing.get("first_name", ""),
        last_name=billing.get("last_name", ""),
        company=billing.get("company", ""),
        phone=billing.get("phone", ""),
        language=language[1].lower() if language else "",
        billing=_address(billing),
        shipping=_address(order.shipping),
        fields=(*order.meta_data.items(), *_further(billing)),
    )


# https://woocommerce.github.io/woocommerce-rest-api-docs/#order-billing-properties
_OWN_FIELDS = frozenset(
    {
        *("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode"),
        *("country", "email", "phone"),
    }
)


def _further(billing: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What plugins added to the billing address."""
    return ((name, word) for name, word in billing.items() if word and name not in _OWN_FIELDS)


def _address(words: Mapping[str, str]) -> Address | None:
    """None for the object of empty texts that WooCommerce sends where there is no address."""
    address = Address(
        street="\n".join(filter(None, (words.get("address_1"), words.get("address_2")))),
        city=words.get("city", ""),
        postcode=words.get("postcode", ""),
        region=words.get("state", ""),
        country=words.get("country", "").upper(),
    )
    if address == Address():
        return None
    names = (words.get("first_name"), words.get("last_name"))
    return replace(address, recipient=" ".join(filter(None, names)) or words.get("company", ""))


def found(order: OrderBody, keys: Sequence[str]) -> str:
    """The first of `keys` that a plugin filled, in the order's meta data or among its billing fields."""
    known: dict[str, str] = {}
    for key, word in [*order.meta_data.items(), *order.billing.items()]:
        if word:
            known.setdefault(key.lower().lstrip("_").removeprefix("billing_"), word)
    return next((known[key] for key in keys if key in known), "")
