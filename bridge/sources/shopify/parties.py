"""Who bought, as far as the order says it."""

from __future__ import annotations

import re

from stdnum.eu import vat as eu_vat
from stdnum.fr import siret as fr_siret

from bridge.orders import Address, Customer
from bridge.sources.shopify.payloads import OrderPayload, PostalAddress, slug

VAT_NAMES = (
    "vat vat_id vat_no vat_number vat_registration_number eu_vat eu_vat_number billing_vat_number tax_id tva "
    "no_tva n_tva num_tva numero_tva numero_de_tva tva_intracommunautaire numero_tva_intracommunautaire "
    "numero_de_tva_intracommunautaire nif btw btw_nummer ust_id ust_idnr partita_iva"
)
SIRET_NAMES = "siret n_siret no_siret num_siret numero_siret numero_de_siret"
"""Names, as `slug` writes them, of the cart fields in which shops ask for the numbers."""
_VAT_SHAPE = re.compile(r"\b[A-Z]{2}[0-9A-Z]{7,12}\b")
_SIRET_SHAPE = re.compile(r"\b\d{3} ?\d{3} ?\d{3} ?\d{5}\b")


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
        vat_number=_written(order, VAT_NAMES) or _vat_number_in(billing),
        siret=_written(order, SIRET_NAMES) or _siret_in(billing),
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


def _written(order: OrderPayload, names: str) -> str:
    """The first cart field of one of these names; what stands there is the buyer's word, unchecked."""
    for attribute in order.note_attributes:
        if slug(attribute.name) in names.split() and (text := attribute.text):
            return text
    return ""


def _vat_number_in(address: PostalAddress | None) -> str:
    """A VAT number typed into the company or the second address line: only a valid one of that country."""
    for text in (address.company, address.address2) if address else ():
        for number in _VAT_SHAPE.findall(text.upper()):
            country = {"EL": "GR"}.get(number[:2], number[:2])
            if address and country == address.country_code.upper() and eu_vat.is_valid(number):
                return str(number)
    return ""


def _siret_in(address: PostalAddress | None) -> str:
    for text in (address.company, address.address2) if address else ():
        for number in _SIRET_SHAPE.findall(text):
            if fr_siret.is_valid(number):
                return str(number).replace(" ", "")
    return ""
