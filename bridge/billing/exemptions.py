"""Why a line bears no VAT, in the shop's own words: its table `exemptions`, "kind:pattern" → mention."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from bridge.orders import Line, LineKind, ZeroTaxReason

KINDS: Final[Mapping[str, Callable[[Line], tuple[str, ...]]]] = {
    "tax_class": lambda line: (line.tax_class,),
    "rate": lambda line: tuple(tax.title for tax in line.taxes if not tax.amount),
    "tag": lambda line: line.tags,
    "sku": lambda line: (line.sku,),
    "name": lambda line: (line.title,),
    "fee": lambda line: (line.title,) if line.kind is LineKind.FEE else (),
    "untaxed": lambda line: (line.title,) if _said_untaxed(line) else (),
}
"""What each kind of pattern is held against."""
UNTAXED: Final = frozenset(
    {ZeroTaxReason.PRODUCT_EXEMPT, ZeroTaxReason.CUSTOMER_EXEMPT, ZeroTaxReason.ZERO_RATED}
)
"""What platforms call a line that bears no VAT wherever it goes."""


def exemption_of(line: Line, exemptions: Mapping[str, str]) -> str:
    """The name of the mention that the first fitting pattern gives, "" where none fits."""
    for rule, name in exemptions.items():
        kind, _, pattern = rule.partition(":")
        if any(_fits(folded(word), folded(pattern)) for word in KINDS[kind](line)):
            return name
    return ""


def _said_untaxed(line: Line) -> bool:
    return any(tax.reason in UNTAXED for tax in line.taxes)


def _fits(word: str, pattern: str) -> bool:
    """A word that was copied as it stands fits too, whatever brackets it has."""
    return bool(word) and (word == pattern or fnmatchcase(word, pattern))


def folded(word: str) -> str:
    """Without case, accents and superfluous blanks, as people compare words."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
