"""The legal sentences of an invoice without VAT: by name, by the code that they cite, and by their validity.

VAT law is in the CIBS since 2026-09-01 (ordonnance 2025-1247); invoices may cite the CGI until 2027-12-31,
and no table of correspondence for these articles is published yet. A sentence of the CIBS is one more row
here once its article has been read in the text; until then a shop's accountant may write it in `mentions`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


class Law(StrEnum):
    """The code that a sentence cites."""

    CGI = "cgi"
    CIBS = "cibs"


class Mention(StrEnum):
    """Why an amount carries no VAT. The value is the key in the shop's `mentions`."""

    FRANCHISE = "franchise"
    INTRA_EU_GOODS = "intra_eu_goods"
    INTRA_EU_SERVICES = "intra_eu_services"
    EXPORT = "export"
    OVERSEAS_EXPORT = "overseas_export"
    SERVICES_ABROAD = "services_abroad"
    GIFT_CARD = "gift_card"
    TIP = "tip"
    ELECTRONIC_ABROAD = "electronic_abroad"
    OUT_OF_SCOPE = "out_of_scope"
    CONSUMER_SERVICES_ABROAD = "consumer_services_abroad"
    DOMESTIC_EXEMPT = "domestic_exempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """`law`: None where it cites none. `since` and `until`: the first and the last day on which it may stand
    on an invoice."""

    text: str
    law: Law | None = Law.CGI
    since: date = date.min
    until: date = date(2027, 12, 31)


WORDINGS: Mapping[str, tuple[Wording, ...]] = {
    Mention.FRANCHISE: (Wording(text="TVA non applicable, art. 293 B du CGI"),),
    Mention.INTRA_EU_GOODS: (Wording(text="Exonération de TVA, art. 262 ter I du CGI"),),
    Mention.INTRA_EU_SERVICES: (Wording(text="Autoliquidation, art. 283-2 du CGI"),),
    Mention.EXPORT: (Wording(text="Exonération de TVA, art. 262 I du CGI"),),
    Mention.OVERSEAS_EXPORT: (Wording(text="Exonération de TVA, art. 262 I et 294-2 du CGI"),),
    Mention.SERVICES_ABROAD: (Wording(text="TVA non applicable, art. 259-1 du CGI"),),
    Mention.ELECTRONIC_ABROAD: (Wording(text="TVA non applicable, art. 259 D du CGI"),),
    Mention.GIFT_CARD: (Wording(text="Bon à usages multiples hors champ de la TVA, art. 256 ter du CGI"),),
    Mention.TIP: (Wording(text="Pourboire volontaire hors champ de la TVA", law=None, until=date.max),),
    Mention.OUT_OF_SCOPE: (Wording(text="Hors champ de la TVA", law=None, until=date.max),),
}
"""Mentions absent from it have no default: the shop's accountant must have written them."""

WARNED_FROM: Final = date(2027, 10, 1)
"""From then on it must be known what follows on the CGI."""


def mention(name: str, on: date, overrides: Mapping[str, str], law: Law = Law.CGI) -> str:
    """The sentence in force on that day: the shop's own, else one of the code that it prefers, else another.
    "" when nobody has written one."""
    if name in overrides:
        return overrides[name]
    valid = [each for each in WORDINGS.get(name, ()) if each.since <= on <= each.until]
    return max(valid, key=lambda each: (each.law is law, each.since)).text if valid else ""


def without_successor(overrides: Container[str]) -> list[str]:
    """Mentions that will end, and nobody knows what comes after them."""
    ends = {name: max(each.until for each in wordings) for name, wordings in WORDINGS.items()}
    return [name for name, last in ends.items() if last != date.max and name not in overrides]
