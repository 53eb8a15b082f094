"""What each record accepts, column by column.

Source: https://facturation.github.io/ (the "champs" page of each resource).
"""

from bridge.sandbox.fields import (
    Reader,
    boolean,
    country,
    day,
    decimal,
    moment,
    one_of,
    text,
    whole,
    zero_only,
)


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _all(listed: str, reader: Reader) -> dict[str, Reader]:
    return dict.fromkeys(listed.split(), reader)


LANGUAGES = frozenset(("fr", "en", "es", "nl"))
PAYMENT_MODES = frozenset((0, 1, 2, 3, 4, 5, 6, 8, 9, 30, 31, 32, 50, 51, 90, 99, 999))
NATURES = frozenset((1, 2, 3, 8, 9))
STYLES = frozenset(("", "comment", "title", "subtotal", "new_page"))  # "subsidy" is not simulated
CURRENCIES = _names("""
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
    KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRO MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL
    SOS SRD STD SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VEF VND VUV WST XAF XCD
    XOF XPF YER ZAR ZMW
    """)
TEXT_255 = text(255)
RATE = decimal(8, 3)

CUSTOMER_READERS: dict[str, Reader] = {
    **_all("company_name civility first_name last_name short_name street city phone fax mobile", TEXT_255),
    **_all("website api_custom reference pay_before vat_exemption sepa_iban sepa_bic sepa_rum", TEXT_255),
    **_all("field1 field2 field3 field4 field5", TEXT_255),
    **_all("email notes invoice_email", text()),
    **_all("penalty discount default_vat", RATE),
    **_all("category_id validity", whole()),
    "zip_code": text(20),
    "country": country,
    "vat_number": text(30),
    "siret": text(100),
    "account_code": text(11),
    "accounting_entry": text(8),
    "sepa_signature_on": day,
    "api_id": whole(bits=64),
    "individual": boolean,
    "currency": one_of(CURRENCIES, text(3)),
    "language": one_of(LANGUAGES, TEXT_255),
    "vat_country": text(3),
    "electronic_address": text(128),
}
CUSTOMER_READ_ONLY = _names(
    "id created_at updated_at last_invoiced_on last_paid_on soft_deleted hard_delete_on"
)

INVOICE_READERS: dict[str, Reader] = {
    **_all("title vat_exemption tax_title activity_title api_custom external_ref payment_ref", TEXT_255),
    **_all("information internal_note", text()),
    **_all("customer_id category_id followup_id balance_year user_id", whole()),
    **_all("invoiced_on term_on delivery_on paid_on", day),
    **_all("penalty discount", RATE),
    **_all("precompte service_personne", boolean),
    "language": one_of(LANGUAGES, text(2)),
    "currency": one_of(CURRENCIES, text(3)),
    "rebate_percentage": zero_only(RATE),
    "tax_percent": zero_only(decimal(5, 2)),
    "vat_country": text(2),
    "pay_before": text(16),
    "accounting_entry": text(8),
    "purchase_number": text(100),
    "api_id": whole(bits=64),
    "payment_mode": one_of(PAYMENT_MODES, whole()),
    "paid_in_main_currency": decimal(15, 3),
    "overdue_at": moment,
}
INVOICE_READ_ONLY = _names("""
    id customer_identity draft total total_with_vat exchange_rate estimated_rate created_at updated_at
    public_download_url files soft_deleted hard_delete_on quote_id invoice_ref full_invoice_ref
    estimated_total_in_main_currency refund_id pay_url balance external settlements recurring_invoice_id
""")

ITEM_READERS: dict[str, Reader] = {
    **_all("id product_id position", whole()),
    "quantity": decimal(12, 4),
    "measure": text(32),
    "title": text(),
    "unit_price": decimal(15, 3),
    "vat": decimal(5, 3, at_most=1),
    "optional": boolean,
    "style": one_of(STYLES, text(20)),
    "nature": one_of(NATURES, whole()),
    "sap_nature": whole(),
    "_destroy": boolean,
}
ITEM_READ_ONLY = frozenset(("total",))

SETTLEMENT_READERS: dict[str, Reader] = {
    "total": decimal(15, 3),
    "payment_mode": one_of(PAYMENT_MODES - {0}, whole()),
    "paid_on": day,
    "payment_ref": TEXT_255,
}
SETTLEMENT_READ_ONLY = frozenset(("id", "invoice_id"))

EMAIL_READERS: dict[str, Reader] = _all("to cc bcc subject message", text())
