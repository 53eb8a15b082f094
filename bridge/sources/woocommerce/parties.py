"""Who bought."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bridge.orders import Address, Customer
from bridge.sources.woocommerce.payloads import OrderBody

# Where plugins put what WooCommerce has no field for, best first. A key is compared without its leading `_`
# and without `billing_`, so that `_billing_vat_number` and `vat_number` are one.
PAYMENT_KEYS = (
    "_stripe_intent_id",
    "_stripe_charge_id",
    "_ppcp_paypal_capture_id",
    "_paypal_transaction_id",
)
"""Where gateways keep what their provider calls the payment."""
LANGUAGE_KEYS = ("wpml_language", "locale", "language", "lang", "trp_language")

_LANGUAGE = re.compile(r"([a-z]{2})(?:[_-].*)?", re.IGNORECASE)


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
