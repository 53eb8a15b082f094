"""What can be paid of a currency, and what a euro costs in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

NO_DECIMALS = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies without cents: whole units, thousandths (ISO 4217)."""


def payable(amount: Decimal, currency: str) -> Decimal:
    """Rounded to what can be paid of the currency: no shop is paid parts of a cent."""
    return amount if currency in THREE_DECIMALS else amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRate:
    """What a euro cost on a day, in `currency`, by the European Central Bank."""

    currency: str
    per_euro: Decimal
    on: date
