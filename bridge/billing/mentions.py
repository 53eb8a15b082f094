"""The legal sentences of an invoice without VAT, by name and by the day from which each wording holds.

VAT law is in the CIBS since 2026-09-01 (ordonnance 2025-1247); invoices may cite the CGI until 2027-12-31,
and no table of correspondence for these articles is published yet. A new wording is one more dated entry
here, or a text of the accountant's in the shop's `mentions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum


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
    CONSUMER_SERVICES_ABROAD = "consumer_services_abroad"
    DOMESTIC_EXEMPT = "domestic_exempt"


DATED: Mapping[Mention, tuple[tuple[date, str], ...]] = {
    Mention.FRANCHISE: ((date.min, "TVA non applicable, art. 293 B du CGI"),),
    Mention.INTRA_EU_GOODS: ((date.min, "Exonération de TVA, art. 262 ter I du CGI"),),
    Mention.INTRA_EU_SERVICES: ((date.min, "Autoliquidation, art. 283-2 du CGI"),),
    Mention.EXPORT: ((date.min, "Exonération de TVA, art. 262 I du CGI"),),
    Mention.OVERSEAS_EXPORT: ((date.min, "Exonération de TVA, art. 262 I et 294-2 du CGI"),),
    Mention.SERVICES_ABROAD: ((date.min, "TVA non applicable, art. 259-1 du CGI"),),
    Mention.ELECTRONIC_ABROAD: ((date.min, "TVA non applicable, art. 259 D du CGI"),),
    Mention.GIFT_CARD: ((date.min, "Bon à usages multiples hors champ de la TVA, art. 256 ter du CGI"),),
    Mention.TIP: ((date.min, "Pourboire volontaire hors champ de la TVA"),),
}
"""Mentions absent from it have no default: the shop's accountant must have written them."""


def mention(name: Mention, on: date, overrides: Mapping[str, str]) -> str:
    """The sentence in force on that day; the shop's own wording first. "" when nobody has written one."""
    if name in overrides:
        return overrides[name]
    wordings = [text for since, text in DATED.get(name, ()) if since <= on]
    return wordings[-1] if wordings else ""
