"""The second book: what exists in Facturation.pro, and what of the sale it states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bridge.billing.books.parts import ANY, Amounts, ByRate, Part, amounts, by_rate, less, parts_of, total
from bridge.billing.books.sale import Sale
from bridge.orders import ZERO, to_cents


@dataclass(frozen=True, slots=True)
class Names:
    """How the documents of one order are called. `order`: its key, which is the first invoice's; `refund`:
    what a refund's key begins with."""

    order: str
    refund: str

    def note(self, reduction: str) -> str:
        """The key of the credit note for what the platform told under this id."""
        return f"{self.refund}{reduction}"

    def further(self, line: str, quantity: Decimal | None) -> str:
        """The key of a further invoice. `quantity`: the one reached, where the line is invoiced already."""
        return f"{self.order}:{line}" + ("" if quantity is None else f":{quantity.normalize():f}")

    def removal(self, line: str, quantity: Decimal | None) -> str:
        """The key of the credit note for what left without a word. `quantity`: what is left of the line."""
        return f"{self.further(line, quantity)}:credit"

    def is_document(self, key: str) -> bool:
        """It is an invoice or a credit note of an order of this shop."""
        return self.of_lines(key) or key.startswith(self.refund)

    def of_lines(self, key: str) -> bool:
        """It states lines: an invoice, or a credit note for what left without a word."""
        return key == self.order or key.startswith(f"{self.order}:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An invoice or a credit note.

    `total`: as Facturation.pro computed it, negative for a credit note; None while nobody has seen it.
    `parts`: what of the sale it states. `nets`: of each rate, as encoded. `less`: the ids of reductions that
    were taken off before it was made. `on`: keys of the invoices that a credit note is on. `elsewhere`:
    another sale's credit note, that of a negative one: it takes room of this one's invoices and states
    nothing of it.
    """

    key: str
    total: Decimal | None = None
    parts: tuple[Part, ...] = ()
    nets: ByRate = field(default_factory=dict)
    less: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    forgiven: Decimal = ZERO
    elsewhere: bool = False

    @property
    def gross(self) -> Decimal:
        """What it comes to: as computed, else as meant."""
        return total(self.parts) if self.total is None else self.total


def stated(documents: Iterable[Document]) -> dict[Decimal, Decimal]:
    """What all of them leave of the sale, by rate."""
    return by_rate(part for document in documents if not document.elsewhere for part in document.parts)


def filled(document: Document, sale: Sale, others: Sequence[Document]) -> Document:
    """A document of which only the total is known, with the parts that it must have stated: everything that
    the others leave, if that is its total; else what had been sold by some moment, be it of one line a few
    units less.

    Otherwise everything: then its total differs from what it states, and a person is asked.
    """
    if document.parts or document.total is None:
        return document
    open_places = less(amounts(sale.parts()), amounts(part for each in others for part in each.parts))
    wholes = [open_places, *_earlier(open_places, sale)]
    for candidate in (*wholes, *(fewer for whole in wholes for fewer in _fewer_units(whole, sale))):
        if total(parts_of(candidate)) == document.total:
            return replace(document, parts=parts_of(candidate))
    return replace(document, parts=parts_of(open_places))


def placed(document: Document, sale: Sale, others: Sequence[Document]) -> Document:
    """A document that others made states rates only: with the lines of each that it stands for, first one of
    exactly its amount. What there is no room for stays with its rate."""
    stated_before = amounts(part for each in others for part in each.parts)
    sold = less(amounts(sale.parts()), stated_before)
    parts: list[Part] = []
    for part in document.parts:
        room = stated_before if part.gross < 0 else sold
        places = {place: gross for place, gross in room.items() if place[1] == part.rate and gross > 0}
        rest = abs(part.gross)
        for place in sorted(places, key=lambda place: places[place] != rest) if part.line == ANY else ():
            taken = min(rest, places[place])
            parts += [Part(place[0], part.rate, taken if part.gross > 0 else -taken)] if taken else []
            rest -= taken
        if part.line != ANY or rest:
            parts.append(
                part if part.line != ANY else Part(ANY, part.rate, rest if part.gross > 0 else -rest)
            )
    return replace(document, parts=tuple(parts))


def _earlier(open_places: Amounts, sale: Sale) -> Iterable[Amounts]:
    """What was sold before each moment at which something was added."""
    for moment in sorted({line.since for line in sale.sold if line.since}):
        early = {line.id for line in sale.sold if line.since is None or line.since < moment}
        yield {place: gross for place, gross in open_places.items() if place[0] in early}


def _fewer_units(places: Amounts, sale: Sale) -> Iterable[Amounts]:
    """One of the lines before its quantity was raised."""
    for line in sale.sold:
        for units in range(1, int(line.quantity)):
            share = units / line.quantity
            yield {
                place: to_cents(gross * share) if place[0] == line.id else gross
                for place, gross in places.items()
            }


def left_as_encoded(documents: Iterable[Document]) -> dict[Decimal, Decimal]:
    """The net of each rate that the documents leave, as they are written."""
    left: dict[Decimal, Decimal] = {}
    for document in documents:
        for rate, net in document.nets.items():
            left[rate] = left.get(rate, ZERO) + net
    return {rate: net for rate, net in left.items() if net}
