"""The place of supply, as one table: what VAT a sale bears, by who sells, who buys, what, and where it goes.

It is the whole of the code's knowledge of this, and `docs/vat-table.md` is written from it: an accountant can
say of each row whether it is right. `vat.py` reads it. Every combination has exactly one row. Articles of the
CGI unless another text is named; `checked`: when the row was last held against its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from bridge.billing.mentions import Mention
from bridge.billing.rules import VatRegime
from bridge.billing.territories import Zone
from bridge.orders import Supply


class Buyer(StrEnum):
    """Who buys, as far as VAT is concerned."""

    CONSUMER = "consumer"
    BUSINESS = "business"
    """By its name or a number, but without a valid one of another member state."""
    REGISTERED = "registered"
    """A business with a valid VAT number of another member state, or of Northern Ireland."""


class Charge(StrEnum):
    """Whose VAT a line bears."""

    NONE = "none"
    FRENCH = "french"
    DESTINATION = "destination"
    """The buyer's country's, declared through the One-Stop Shop."""


class Proof(StrEnum):
    """What a line without VAT lacks, where its row expects VAT or a mention that nobody has written."""

    EXEMPTION = "exemption"
    """The shop's word that it is exempt, and the accountant's mention."""
    NUMBER = "number"
    """A valid VAT number of another member state."""
    BUSINESS = "is_business"
    """That the buyer is a business, or the accountant's mention."""
    ADVICE = "advice"
    """The accountant's word on the case."""


class Undue(StrEnum):
    """VAT that should not be there. Shown, it is owed all the same (283-3): a person decides."""

    OVERSEAS_RATE = "overseas_rate"
    """A rate of another part of France."""
    EXPORTED = "exported"
    REVERSED = "reversed"
    """The buyer, a business of another member state, owes it."""
    ABROAD = "abroad"
    """The service is located outside France."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`expected`: what may be charged. `mention`: of a line without VAT, None where the law knows none.
    `number`: the buyer's VAT number must be shown. `untaxed`: what a line without VAT lacks. `taxed`: what is
    asked about VAT that is not expected; None where the seller can charge none at all, or all is expected."""

    regime: VatRegime
    buyers: frozenset[Buyer]
    supplies: frozenset[Supply]
    places: frozenset[Zone]
    expected: frozenset[Charge]
    mention: Mention | None
    article: str
    number: bool = False
    untaxed: Proof | None = None
    taxed: Undue | None = None
    checked: date = date(2026, 11, 28)


ANYONE: Final = frozenset(Buyer)
OTHERS: Final = frozenset({Buyer.CONSUMER, Buyer.BUSINESS})
COMPANIES: Final = frozenset({Buyer.BUSINESS, Buyer.REGISTERED})
CONSUMERS: Final = frozenset({Buyer.CONSUMER})
REGISTERED: Final = frozenset({Buyer.REGISTERED})

GOODS: Final = frozenset({Supply.GOODS})
SERVICES: Final = frozenset({Supply.SERVICES})
ELECTRONIC: Final = frozenset({Supply.ELECTRONIC})
SERVED: Final = SERVICES | ELECTRONIC
ANYTHING: Final = GOODS | SERVED

FRANCE: Final = frozenset({Zone.FRANCE})
DOM: Final = frozenset({Zone.DOM})
EU: Final = frozenset({Zone.EU})
EU_GOODS: Final = frozenset({Zone.EU, Zone.NORTHERN_IRELAND})
"""Goods delivered to Northern Ireland are inside the Union (Windsor framework), services are not."""
FAR: Final = frozenset({Zone.COM, Zone.OUTSIDE})
FAR_SERVED: Final = frozenset({Zone.COM, Zone.OUTSIDE, Zone.NORTHERN_IRELAND})
ELSEWHERE: Final = frozenset(Zone) - {Zone.UNKNOWN, Zone.EU}
ANYWHERE: Final = frozenset(Zone) - {Zone.UNKNOWN}

FREE: Final = frozenset({Charge.NONE})
FRENCH: Final = frozenset({Charge.FRENCH})
EITHER: Final = frozenset({Charge.FRENCH, Charge.DESTINATION})

NORMAL: Final = VatRegime.NORMAL
FRANCHISE: Final = VatRegime.FRANCHISE

TABLE: Final[tuple[Row, ...]] = (
    Row(
        regime=NORMAL,
        buyers=ANYONE,
        supplies=ANYTHING,
        places=FRANCE,
        expected=FRENCH,
        mention=Mention.DOMESTIC_EXEMPT,
        untaxed=Proof.EXEMPTION,
        taxed=Undue.OVERSEAS_RATE,
        article="256, 258, 259, 278 ff.; Corsica: 297",
    ),
    Row(
        regime=NORMAL,
        buyers=ANYONE,
        supplies=GOODS,
        places=DOM,
        expected=FREE,
        mention=Mention.OVERSEAS_EXPORT,
        taxed=Undue.EXPORTED,
        article="294-2, 262 I",
    ),
    Row(
        regime=NORMAL,
        buyers=ANYONE,
        supplies=GOODS,
        places=FAR,
        expected=FREE,
        mention=Mention.EXPORT,
        taxed=Undue.EXPORTED,
        article="262 I",
    ),
    Row(
        regime=NORMAL,
        buyers=REGISTERED,
        supplies=GOODS,
        places=EU_GOODS,
        expected=FREE,
        mention=Mention.INTRA_EU_GOODS,
        number=True,
        taxed=Undue.REVERSED,
        article="262 ter I; directive 2006/112/CE art. 138",
    ),
    Row(
        regime=NORMAL,
        buyers=OTHERS,
        supplies=GOODS,
        places=EU_GOODS,
        expected=EITHER,
        mention=None,
        untaxed=Proof.NUMBER,
        article="258 A, 259 D (10 000 €); OSS: 298 sexdecies G",
    ),
    Row(
        regime=NORMAL,
        buyers=REGISTERED,
        supplies=SERVED,
        places=EU,
        expected=FREE,
        mention=Mention.INTRA_EU_SERVICES,
        number=True,
        taxed=Undue.REVERSED,
        article="259-1; directive 2006/112/CE art. 44, 196",
    ),
    Row(
        regime=NORMAL,
        buyers=OTHERS,
        supplies=SERVICES,
        places=EU,
        expected=EITHER,
        mention=None,
        untaxed=Proof.NUMBER,
        article="259-2",
    ),
    Row(
        regime=NORMAL,
        buyers=OTHERS,
        supplies=ELECTRONIC,
        places=EU,
        expected=EITHER,
        mention=None,
        untaxed=Proof.NUMBER,
        article="259 D (10 000 €); OSS: 298 sexdecies G",
    ),
    Row(
        regime=NORMAL,
        buyers=ANYONE,
        supplies=SERVED,
        places=DOM,
        expected=FRENCH,
        mention=None,
        untaxed=Proof.ADVICE,
        article="259, 294-1, 296",
    ),
    Row(
        regime=NORMAL,
        buyers=COMPANIES,
        supplies=SERVED,
        places=FAR_SERVED,
        expected=FREE,
        mention=Mention.SERVICES_ABROAD,
        taxed=Undue.ABROAD,
        article="259-1",
    ),
    Row(
        regime=NORMAL,
        buyers=CONSUMERS,
        supplies=SERVICES,
        places=FAR_SERVED,
        expected=FREE | FRENCH,
        mention=Mention.CONSUMER_SERVICES_ABROAD,
        untaxed=Proof.BUSINESS,
        article="259-2; immaterial ones: 259 B",
    ),
    Row(
        regime=NORMAL,
        buyers=CONSUMERS,
        supplies=ELECTRONIC,
        places=FAR_SERVED,
        expected=FREE,
        mention=Mention.ELECTRONIC_ABROAD,
        taxed=Undue.ABROAD,
        article="259 D",
    ),
    Row(
        regime=FRANCHISE,
        buyers=REGISTERED,
        supplies=SERVED,
        places=EU,
        expected=FREE,
        mention=Mention.INTRA_EU_SERVICES,
        number=True,
        article="259-1; the seller's own number stands in the firm's settings (286 ter)",
    ),
    Row(
        regime=FRANCHISE,
        buyers=OTHERS,
        supplies=SERVED,
        places=EU,
        expected=FREE,
        mention=Mention.FRANCHISE,
        article="293 B, 293 E",
    ),
    Row(
        regime=FRANCHISE,
        buyers=ANYONE,
        supplies=SERVED,
        places=ELSEWHERE,
        expected=FREE,
        mention=Mention.FRANCHISE,
        article="293 B, 293 E",
    ),
    Row(
        regime=FRANCHISE,
        buyers=ANYONE,
        supplies=GOODS,
        places=ANYWHERE,
        expected=FREE,
        mention=Mention.FRANCHISE,
        article="293 B, 293 E; intra-Union supplies too: 262 ter I, second paragraph",
    ),
)


def rows_for(regime: VatRegime, buyer: Buyer, supply: Supply, place: Zone) -> tuple[Row, ...]:
    """Those that claim the combination: exactly one, but for what is unknown."""
    return tuple(
        row
        for row in TABLE
        if row.regime is regime and buyer in row.buyers and supply in row.supplies and place in row.places
    )
