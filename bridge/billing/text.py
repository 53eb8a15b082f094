"""French words and figures for documents, and clean text out of a shop's."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from bridge.currencies import NO_DECIMALS, THREE_DECIMALS

_SYMBOLS = {"EUR": "€"}


def clean(text: str) -> str:
    """One line of plain text: white space folded, markup brackets and control characters out."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.replace("<", "‹").replace(">", "›").split())


def clean_lines(text: str) -> str:
    """The same, line by line; empty lines go."""
    return "\n".join(line for line in (clean(part) for part in text.splitlines()) if line)


def count(quantity: Decimal) -> str:
    """3, or 2,5."""
    return f"{quantity.normalize():f}".replace(".", ",")


def money(amount: Decimal, currency: str) -> str:
    """5,00 €, 5,00 USD, 5 JPY, or 5,000 KWD."""
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    written = amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{written:f} {_SYMBOLS.get(currency, currency)}".replace(".", ",")


def percent(rate: Decimal) -> str:
    """5,5 %, from the fraction."""
    return f"{count(rate * 100)} %"


def day(on: date) -> str:
    """01/11/2026."""
    return f"{on:%d/%m/%Y}"
