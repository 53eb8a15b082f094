"""docs/vat-table.md: the place of supply for readers who know VAT and no Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bridge.billing.mentions import mention
from bridge.billing.places import TABLE, Buyer, Charge, Proof, Row, Undue
from bridge.billing.rules import VatRegime
from bridge.billing.territories import Zone
from bridge.orders import Supply

_HEAD = """\
# Which VAT a sale bears

<!-- Written by `python -m docs.generate` from bridge/billing/places.py: change the rows there. -->

One row for each combination of seller, buyer, supply and place, and no combination in two rows (a test holds
that). The bridge never computes VAT: it takes what the shop charged, and looks here whether that may stand.
Goods are judged by where they go, services by where the buyer is. Articles are those of the CGI.

- A business *with a number* has a valid VAT number of another member state, or of Northern Ireland.
- *France* is with Corsica and Monaco; *DOM* are Guadeloupe, Martinique, Guyane, Réunion and Mayotte; *COM*
  are the other territories overseas. The Canary Islands, Livigno, Büsingen and Åland are *outside*.
- *French VAT* abroad means a French rate; *the destination's* is declared through the One-Stop Shop (`oss`).
- What a row does not expect is never invoiced by itself: the last two columns say what is asked then.
"""

_SAID: Mapping[object, str] = {
    VatRegime.NORMAL: "registered for VAT",
    VatRegime.FRANCHISE: "franchise en base",
    Buyer.CONSUMER: "consumer",
    Buyer.BUSINESS: "business without a number",
    Buyer.REGISTERED: "business with a number",
    Supply.GOODS: "goods",
    Supply.SERVICES: "service",
    Supply.ELECTRONIC: "electronic service",
    Zone.FRANCE: "France",
    Zone.DOM: "DOM",
    Zone.COM: "COM",
    Zone.EU: "European Union",
    Zone.NORTHERN_IRELAND: "Northern Ireland",
    Zone.OUTSIDE: "outside",
    Charge.NONE: "none",
    Charge.FRENCH: "French VAT",
    Charge.DESTINATION: "the destination's",
    Proof.EXEMPTION: "why it is exempt: the shop's word, and a mention in `mentions.domestic_exempt`",
    Proof.NUMBER: "the buyer's VAT number",
    Proof.BUSINESS: "that the buyer is a business, or `mentions.consumer_services_abroad`",
    Proof.ADVICE: "the accountant",
    Undue.OVERSEAS_RATE: "about a rate that does not hold there",
    Undue.EXPORTED: "about VAT on goods that leave",
    Undue.REVERSED: "about VAT that the buyer owes",
    Undue.ABROAD: "about VAT on a service that is not in France",
    None: "–",
}


def vat_table() -> str:
    """The page of the place of supply."""
    head = ("seller", "buyer", "supply", "place", "VAT", "mention", "number shown", "article", "checked")
    asks = ("without VAT asks for", "with other VAT asks")
    rows = [_row((*head, *asks)), _row(["---"] * (len(head) + len(asks)))]
    return f"{_HEAD}\n" + "\n".join(rows + [_row(_vat_row(row)) for row in TABLE]) + "\n"


def _vat_row(row: Row) -> Iterator[str]:
    yield _SAID[row.regime]
    for whole, all_of_it, told in (
        (set(Buyer), "anyone", row.buyers),
        (set(Supply) - {Supply.UNKNOWN}, "anything", row.supplies),
        (set(Zone) - {Zone.UNKNOWN}, "anywhere", row.places),
        (set(Charge), "", row.expected),
    ):
        yield all_of_it if told == whole else ", ".join(_SAID[each] for each in _SAID if each in told)
    text = mention(row.mention, row.checked, {}) if row.mention else "–"
    yield text or f"the shop's `mentions.{row.mention}`"
    yield "yes" if row.number else "–"
    yield row.article
    yield row.checked.isoformat()
    yield _SAID[row.untaxed]
    yield _SAID[row.taxed]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
