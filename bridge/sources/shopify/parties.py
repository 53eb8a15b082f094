"""Who bought, as far as the order says it."""

from __future__ import annotations

from bridge.orders import Address, Customer
from bridge.sources.shopify.payloads import OrderPayload, PostalAddress


def customer_of(order: OrderPayload) -> Customer:
    """Any of customer, addresses and e-mail may be missing: till sales, imports, erased buyers."""
    buyer = order.customer
    billing = order.billing_address or (buyer.default_address if buyer else None)
    named = [each for each in (buyer, billing, order.shipping_address) if each]
    named = [each for each in named if each.first_name or each.last_name][:1]
    phones = (order.phone, billing.phone if billing else "", buyer.phone if buyer else "")
    emails = (order.email, order.contact_email, buyer.email if buyer else "")
    return Customer(
        id=buyer.id if buyer else "",
        email=next(filter(None, emails), ""),
        first_name=named[0].first_name if named else "",
        last_name=named[0].last_name if named else "",
        company=billing.company if billing else "",
        phone=next(filter(None, phones), ""),
        language=_language(order.customer_locale),
        billing=_address(billing),
        shipping=_address(order.shipping_address),
        fields=tuple((each.name, each.text) for each in order.note_attributes if each.text),
    )


def _language(locale: str) -> str:
    language = locale[:2].lower()
    return language if len(language) == 2 and language.isalpha() else ""


def _address(address: PostalAddress | None) -> Address | None:
    if address is None:
        return None
    return Address(
        street="\n".join(filter(None, (address.address1, address.address2))),
        city=address.city,
        postcode=address.zip,
        region=address.province,
        country=address.country_code.upper(),
        recipient=address.name or f"{address.first_name} {address.last_name}".strip(),
    )
