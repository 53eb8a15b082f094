"""Who bought, from Stripe's invoices and Checkout sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bridge.orders import Address, Customer
from bridge.sources.stripe.payloads import (
    ShippingDetails,
    StripeAddress,
    StripeInvoice,
    StripeSession,
    TaxId,
)

PERSONAL_TAX_IDS = frozenset({"fr_spi", "br_cpf"})
"""Tax ids of people, not of companies: https://docs.stripe.com/invoicing/customer/tax-ids."""

COMPANY_FIELDS = frozenset({"company", "company_name", "business_name", "entreprise", "societe"})
PURCHASE_FIELDS = frozenset(
    {"po", "po number", "purchase order", "purchase order number", "bon de commande", "numéro de commande"}
)
"""What merchants call these things in `metadata` and `custom_fields`, in lower case."""


def customer_of_invoice(invoice: StripeInvoice) -> Customer:
    """From the fields that Stripe froze with the invoice; the live customer may differ by now."""
    details = invoice.shipping_details or invoice.customer_shipping
    return _customer(
        id_=invoice.customer,
        email=invoice.customer_email,
        name=invoice.customer_name,
        phone=invoice.customer_phone,
        address=invoice.customer_address,
        shipping=details,
        tax_ids=invoice.customer_tax_ids,
        metadata=invoice.metadata,
        fields=((field.name, field.value) for field in invoice.custom_fields),
    )


def customer_of_session(session: StripeSession) -> Customer:
    """From what the buyer typed into Checkout; `business_name` is asked for as such."""
    details, collected = session.customer_details, session.collected_information
    business = (details.business_name if details else "") or (collected.business_name if collected else "")
    person = (details.individual_name if details else "") or (collected.individual_name if collected else "")
    return _customer(
        id_=session.customer,
        email=(details.email if details else "") or session.customer_email,
        name=person or (details.name if details else ""),
        phone=details.phone if details else "",
        address=details.address if details else None,
        shipping=(collected.shipping_details if collected else None) or session.shipping_details,
        tax_ids=details.tax_ids if details else (),
        metadata=session.metadata,
        fields=((field.name, field.said) for field in session.custom_fields),
        business=business,
        language=_language(session.locale),
    )


def _customer(
    *,
    id_: str,
    email: str,
    name: str,
    phone: str,
    address: StripeAddress | None,
    shipping: ShippingDetails | None,
    tax_ids: Sequence[TaxId],
    metadata: Mapping[str, str],
    fields: Iterable[tuple[str, str]],
    business: str = "",
    language: str = "",
) -> Customer:
    """Stripe has one name and no flag for companies: the name is a company's where a tax id is there, unless
    the shop or the buyer wrote the company down apart; then the name is a person's."""
    company = business or _field(metadata, COMPANY_FIELDS)
    if not company and any(tax_id.value and tax_id.type not in PERSONAL_TAX_IDS for tax_id in tax_ids):
        company, name = name, ""
    if company == name:
        name = ""
    first, last = _split(name)
    return Customer(
        id=id_,
        email=email,
        first_name=first,
        last_name=last,
        company=company,
        phone=phone,
        language=language,
        billing=_address(address),
        shipping=_address(shipping.address, shipping.name) if shipping else None,
        vat_number=_vat_number(tax_ids),
        siret=_tax_id(tax_ids, "fr_siret") or _tax_id(tax_ids, "fr_siren"),
        fields=(*fields, *metadata.items()),
    )


def _split(name: str) -> tuple[str, str]:
    """Two words are a first and a last name; anything else would be a guess and stays whole."""
    words = name.split()
    return (words[0], words[1]) if len(words) == 2 else ("", name)


def _field(metadata: Mapping[str, str], names: frozenset[str]) -> str:
    """The first value, by name, of a metadata field that has one of these names."""
    wanted = sorted(name for name in metadata if name.strip().lower().replace(" ", "_") in names)
    return next((metadata[name] for name in wanted if metadata[name]), "")


def _tax_id(tax_ids: Sequence[TaxId], type_: str) -> str:
    return next((tax_id.value for tax_id in tax_ids if tax_id.type == type_ and tax_id.value), "")


def _vat_number(tax_ids: Sequence[TaxId]) -> str:
    """https://docs.stripe.com/invoicing/customer/tax-ids: `eu_vat` first, then another country's VAT."""
    others = (tax_id.value for tax_id in tax_ids if tax_id.type.endswith("_vat") and tax_id.value)
    return _tax_id(tax_ids, "eu_vat") or next(others, "")


def _address(address: StripeAddress | None, recipient: str = "") -> Address | None:
    if address is None or not any(address.model_dump().values()):
        return None
    return Address(
        street="\n".join(line for line in (address.line1, address.line2) if line),
        city=address.city,
        postcode=address.postal_code,
        region=address.state,
        country=address.country.upper(),
        recipient=recipient,
    )


def _language(locale: str) -> str:
    """`fr-CA` is `fr`; `auto` is nobody's choice."""
    code = locale.partition("-")[0].lower()
    return code if len(code) == 2 else ""


def purchase_number(invoice: StripeInvoice) -> str:
    """The buyer's own order number, where the merchant prints one on the invoice."""
    return next(
        (
            field.value
            for field in invoice.custom_fields
            if field.name.lower() in PURCHASE_FIELDS and field.value
        ),
        "",
    )
