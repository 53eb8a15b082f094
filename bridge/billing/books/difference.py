"""What the documents do not state of the sale yet, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.billing.books.documents import Document, Names, stated
from bridge.billing.books.parts import (
    ANY,
    ROUNDING,
    Amounts,
    Part,
    Place,
    amounts,
    by_rate,
    less,
    negative,
    parts_of,
    total,
)
from bridge.billing.books.sale import Sale, Shrunk, reduced
from bridge.orders import ZERO, to_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class DueInvoice:
    """An invoice to be made over `parts`. `less`: reductions that are taken off already."""

    key: str
    parts: tuple[Part, ...]
    less: tuple[str, ...] = ()
    first: bool = True

    @property
    def gross(self) -> Decimal:
        """VAT included, in cents."""
        return total(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """A credit note, `key`, that states other rates than the platform has told since. `parts`: the right
    ones, positive. `differences`: what it credits too much of each rate, or too little (negative)."""

    key: str
    parts: tuple[Part, ...]
    differences: tuple[tuple[Decimal, Decimal], ...]


Credit = tuple[Shrunk | None, str, tuple[Part, ...]]
"""What the platform told, or None where lines left without a word; the key; the parts, positive."""


class Difference:
    """`otherwise`: see `Due`. `issuing`: the invoice is not issued yet, and what left meanwhile is not on
    it."""

    def __init__(
        self, sale: Sale, documents: Sequence[Document], names: Names, *, issuing: bool = False
    ) -> None:
        self._sale, self._names = sale, names
        self._keys = {document.key for document in documents}
        self._gone = what_left(sale, documents, names)
        inside = {name for document in documents for name in document.less}
        of_lines = [document for document in documents if names.of_lines(document.key)]
        self._stated = amounts(part for document in of_lines for part in document.parts)
        self._invoiced = any(document.gross > 0 or document.key == names.order for document in of_lines)
        self._told: list[Shrunk] = []
        otherwise: list[Otherwise] = []
        for each in sale.shrunk:
            if each.id not in inside:
                otherwise += self._compare(each, documents)
        self.otherwise = tuple(otherwise)
        taken_off = amounts(part for name in inside for part in self._gone.get(name, ()))
        sold = amounts(sale.payable())
        self._need = less(less(sold, taken_off), self._stated)
        self._less: list[str] = []
        self._take_off_what_was_never_invoiced(issuing)
        self._settle_even_exchanges()

    def _compare(self, each: Shrunk, documents: Sequence[Document]) -> Iterable[Otherwise]:
        """A reduction with the documents that it has, be it under another id: what they lack is still
        told."""
        mine = [document for document in documents if document.key in map(self._names.note, each.names)]
        wanted = by_rate(self._gone[each.id])
        made = stated(mine)
        missing = {rate: wanted.get(rate, ZERO) + made.get(rate, ZERO) for rate in {**wanted, **made}}
        if not mine:
            self._told.append(each)
        elif any(missing.values()) and all(document.parts for document in mine):
            if self._names.note(each.id) not in self._keys and min(missing.values()) >= 0:
                self._told.append(each)
                self._gone[each.id] = tuple(
                    Part(ANY, rate, gross) for rate, gross in missing.items() if gross
                )
            else:
                differences = tuple((rate, -gross) for rate, gross in sorted(missing.items()) if gross)
                yield Otherwise(key=mine[-1].key, parts=self._gone[each.id], differences=differences)

    def _take_off_what_was_never_invoiced(self, issuing: bool) -> None:
        """What was removed before it was paid, and stands on no invoice, is not sold."""
        for each in [told for told in self._told if issuing or not told.paid_back]:
            gone = amounts(self._gone[each.id])
            early = self._sale.paid_at is None or each.at <= self._sale.paid_at
            if not gone or not (issuing or early or not self._sale.all_paid):
                continue
            if all(place not in self._stated and self._needs(place, gross) for place, gross in gone.items()):
                self._need = less(self._need, gone)
                self._told.remove(each)
                self._less.append(each.id)

    def _needs(self, place: Place, gross: Decimal) -> bool:
        need = self._need.get(place, ZERO)
        return ZERO < gross <= need or need <= gross < ZERO

    def _settle_even_exchanges(self) -> None:
        """What came in place of what left, at the same price and rates, changes nothing."""
        for each in [told for told in self._told if not told.paid_back]:
            wanted = by_rate(self._gone[each.id])
            for group in self._additions():
                if wanted and by_rate(parts_of(group)) == wanted:
                    self._need = less(self._need, group)
                    self._told.remove(each)
                    break
        if self._stated and not by_rate(parts_of(self._need)):
            self._need = {}

    def _additions(self) -> Iterable[Amounts]:
        """What is to be invoiced: by the moment when it was added, then all of it."""
        added = {place: gross for place, gross in self._need.items() if gross > 0}
        since = {line.id: line.since for line in self._sale.sold}
        for moment in dict.fromkeys(since.get(line) for line, _ in added):
            yield {place: gross for place, gross in added.items() if since.get(place[0]) == moment}
        yield added

    def invoice(self) -> DueInvoice | None:
        """Over all that is to be invoiced; of an order that costs nothing, over its free lines."""
        if not self._invoiced:
            free = not self._sale.gross and not self._sale.shrunk
            if not self._need and not free:
                return None
            return DueInvoice(key=self._names.order, parts=_in_cents(self._need), less=tuple(self._less))
        added = self._added()
        first = next((line for line in self._sale.sold if line.id and _has(added, line.id)), None)
        if first is None:
            return None
        grown = _has(self._stated, first.id)
        key = self._unused(self._names.further(first.id, first.quantity if grown else None))
        return DueInvoice(key=key, parts=_in_cents(added), less=tuple(self._less), first=False)

    def _added(self) -> dict[Place, Decimal]:
        """New lines, with new price cuts where they do not outweigh them, and what has grown."""
        new = {p: gross for p, gross in self._need.items() if gross > 0 or p not in self._stated}
        if any(gross < 0 for gross in by_rate(parts_of(new)).values()):
            new = {place: gross for place, gross in new.items() if gross > 0}
        rounding = {place: gross for place, gross in self._need.items() if place[0] == ROUNDING}
        return {**new, **rounding} if any(line != ROUNDING for line, _ in new) else {}

    def credits(self) -> Iterable[Credit]:
        """What is to be credited: what the platform told, then what left without a word."""
        for each in self._told:
            yield each, self._names.note(each.id), self._gone[each.id]
        removed = less(self._need, self._added()) if self._invoiced else {}
        first = next((line for line, _ in removed if line != ROUNDING), None)
        if first is not None:
            sold = next((line for line in self._sale.sold if line.id == first), None)
            key = self._unused(self._names.removal(first, sold.quantity if sold else None))
            yield None, key, negative(_in_cents(removed))

    def _unused(self, key: str) -> str:
        """A line may come to the same quantity twice."""
        return f"{key}:{len(self._keys)}" if key in self._keys else key


def what_left(sale: Sale, documents: Sequence[Document], names: Names) -> dict[str, tuple[Part, ...]]:
    """Of what the sale became smaller, by id. An amount without lines is spread over what had been sold by
    then, whenever it is asked; once it is documented, as it is there."""
    known = {document.key: document for document in documents}
    gone: dict[str, tuple[Part, ...]] = {}
    for each in sale.shrunk:
        made = known.get(names.note(each.id))
        if made and made.parts and not each.parts:
            gone[each.id] = negative(made.parts)
            continue
        taken = by_rate(part for parts in gone.values() for part in parts)
        sold = by_rate(sale.parts(each.at))
        # More than all of a rate may be told to have left: it is refused, and nothing is left then.
        left = {rate: max(gross - taken.get(rate, ZERO), min(gross, ZERO)) for rate, gross in sold.items()}
        gone[each.id] = reduced(each, {rate: gross for rate, gross in left.items() if gross})
    return gone


def _has(found: Amounts, line: str) -> bool:
    return any(line == each for each, _ in found)


def _in_cents(found: Amounts) -> tuple[Part, ...]:
    """The parts; what a shop that does not round its lines lacks of whole cents goes to the heaviest rate."""
    parts = parts_of(found)
    lacking = to_cents(total(parts)) - total(parts)
    if not lacking:
        return parts
    rates = by_rate(parts)
    heaviest = max(rates, key=lambda rate: abs(rates[rate]))
    return parts_of(amounts([*parts, Part(ROUNDING, heaviest, lacking)]))
