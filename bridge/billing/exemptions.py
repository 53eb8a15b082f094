"""What the shop itself says of lines without VAT: its `exemptions`, "kind:pattern" → a mention's name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from bridge.orders import Line, LineKind, ZeroTaxReason

UNTAXED = frozenset({ZeroTaxReason.PRODUCT_EXEMPT, ZeroTaxReason.CUSTOMER_EXEMPT, ZeroTaxReason.ZERO_RATED})
"""What platforms call a line that bears no tax wherever it goes."""


class Kind(StrEnum):
    """What of a line, or of its order, a pattern is held against."""

    TAX_CLASS = "tax_class"
    RATE = "rate"
    TAG = "tag"
    SKU = "sku"
    NAME = "name"
    FEE = "fee"
    UNTAXED = "untaxed"


@dataclass(frozen=True, slots=True)
class Exemption:
    """Lines of which something of `kind` fits `pattern` (a glob) bear `mention` where they have no VAT."""

    kind: Kind
    pattern: str
    mention: str


def exemption(written: str, mention: str) -> Exemption:
    """`written`: "kind:pattern". Raises ValueError where it is not."""
    kind, colon, pattern = written.partition(":")
    if not colon or kind not in set(Kind) or not pattern:
        kinds = ", ".join(Kind)
        raise ValueError(f'must be "kind:pattern", the kind one of {kinds}; untaxed:* is every untaxed line')
    return Exemption(Kind(kind), pattern, mention)


def mention_told(
    exemptions: Iterable[Exemption], line: Line, reason: ZeroTaxReason | None, tags: Iterable[str]
) -> str:
    """The mention of the first exemption that fits a line without VAT, or "". `reason`: the platform's word
    for it; `tags`: of the order and its buyer."""
    if not exemptions:
        return ""
    said = _said(line, reason, tags)
    return next((each.mention for each in exemptions if _fits(each, said[each.kind])), "")


def _said(line: Line, reason: ZeroTaxReason | None, tags: Iterable[str]) -> Mapping[Kind, tuple[str, ...]]:
    return {
        Kind.TAX_CLASS: (line.tax_class,),
        Kind.RATE: tuple(tax.title for tax in line.taxes if not tax.amount),
        Kind.TAG: tuple(tags),
        Kind.SKU: (line.sku,),
        Kind.NAME: (line.title,),
        Kind.FEE: (line.title,) if line.kind is LineKind.FEE else (),
        Kind.UNTAXED: (line.title,) if reason in UNTAXED else (),
    }


def _fits(told: Exemption, texts: Iterable[str]) -> bool:
    """A text copied as it stands fits too, whatever brackets it has."""
    pattern = _plain(told.pattern)
    return any(text and (_plain(text) == pattern or fnmatchcase(_plain(text), pattern)) for text in texts)


def _plain(text: str) -> str:
    """Case, accents and the number of blanks do not count."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in letters if not unicodedata.combining(char)).split())
