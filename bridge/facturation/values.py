"""Facturation.pro's closed lists and column sizes, and how a value is written to fit them.

Source: https://facturation.github.io/ (the pages "champs" and "valeurs" of each resource).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from bridge.movements import PaymentMethod

PAYMENT_MODES: Mapping[PaymentMethod, int] = {
    PaymentMethod.PAYPAL: 1,
    PaymentMethod.CARD: 2,
    PaymentMethod.TRANSFER: 3,
    PaymentMethod.CHEQUE: 4,
    PaymentMethod.CASH: 5,
    PaymentMethod.DIRECT_DEBIT: 8,
    PaymentMethod.MEAL_VOUCHER: 30,
    PaymentMethod.GIFT_CARD: 31,
    PaymentMethod.HOLIDAY_VOUCHER: 32,
    PaymentMethod.OTHER: 99,
}

LANGUAGES = frozenset({"fr", "en", "es", "nl"})

_CURRENCY_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
    KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRO MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL
    SOS SRD STD SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VEF VND VUV WST XAF XCD
    XOF XPF YER ZAR ZMW
"""
CURRENCIES = frozenset(_CURRENCY_CODES.split())

# Characters; a field that is not named holds 255. `text` columns are cut at a length no shop reaches.
DEFAULT_LENGTH = 255
TEXT_LENGTH = 10_000
LENGTHS: Mapping[str, int] = {
    "zip_code": 20,
    "country": 2,
    "vat_country": 2,
    "vat_number": 30,
    "siret": 100,
    "purchase_number": 100,
    "email": TEXT_LENGTH,
    "information": TEXT_LENGTH,
    "line_title": TEXT_LENGTH,
}

QUANTITY_DECIMALS = 4
UNIT_PRICE_DECIMALS = 3
VAT_DECIMALS = 3

PAY_AT_ONCE = "cash"
"""`pay_before` of a document that is already paid."""

PAY_AFTER: Mapping[int, str] = {0: "0", 15: "15-inv", 30: "30-inv", 45: "45-inv", 60: "60-inv"}
"""`pay_before` of so many days after the day of issue; other terms have only their date, `term_on`."""


def decimal_text(value: Decimal, places: int) -> str:
    """`value` with a dot and no useless zeros. Raises ValueError rather than drop a decimal."""
    plain = (value + 0).normalize() if value.is_finite() else value
    exponent = plain.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > places:
        raise ValueError(f"{value} does not fit in {places} decimals")
    return f"{plain:f}"


def clean(text: str, length: int) -> str:
    """`text` without markup signs, control characters and half surrogates; lines kept; at most `length`."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(" ".join(_printable(line).split()) for line in lines).strip()[:length].rstrip()


def _printable(line: str) -> str:
    spaced = line.replace("\t", " ")
    return "".join(c for c in spaced if c not in "<>" and unicodedata.category(c) not in ("Cc", "Cs"))
