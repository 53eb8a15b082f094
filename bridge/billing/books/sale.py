"""The first book: what the buyer owes for. Money does not change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bridge.billing.books.parts import ANY, ByRate, Part, by_rate, spread, total
from bridge.orders import CENT, ZERO, to_cents
from bridge.reasons import NO_REASON, Reason


class Change(StrEnum):
    """What an entry of the sale is."""

    SOLD = "sold"
    ADDED = "added"
    REMOVED = "removed"
    RETURNED = "returned"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """One line, as much of it as was ever sold. `since`: when it was added, None with the order itself.
    `owed`: the part that was added to a paid order and is not paid yet."""

    id: str
    parts: tuple[Part, ...]
    quantity: Decimal = Decimal(1)
    since: datetime | None = None
    owed: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The sale became smaller by `gross`, positive.

    `parts`: of what; none where only an amount is known, which is then spread over the rates. `paid_back`:
    the money that went back for it. `aliases`: other ids under which it may be documented. `problem`: why it
    cannot be documented.
    """

    id: str
    at: datetime
    gross: Decimal
    parts: tuple[Part, ...] = ()
    kind: Change = Change.RETURNED
    paid_back: Decimal = ZERO
    aliases: tuple[str, ...] = ()
    problem: Reason = NO_REASON

    @property
    def names(self) -> tuple[str, ...]:
        """Its id and the others."""
        return self.id, *self.aliases


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the book, to be shown. `gross`: negative for what left."""

    id: str
    at: datetime
    change: Change
    line: str
    rate: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """`shrunk`: by time. `paid_at`: None while it is not paid. `all_paid`: no less money came in than all
    that was ever sold is worth. `cancelled`: before it was paid, so that nothing of it is owed any more."""

    sold: tuple[Sold, ...]
    placed_at: datetime
    shrunk: tuple[Shrunk, ...] = ()
    paid_at: datetime | None = None
    all_paid: bool = True
    cancelled: Shrunk | None = None

    def parts(self, until: datetime | None = None) -> Iterator[Part]:
        """All that was ever sold, or had been sold by then."""
        for line in self.sold:
            if until is None or line.since is None or line.since <= until:
                yield from line.parts

    def payable(self) -> Iterator[Part]:
        """The same without what is still owed of additions."""
        for line in self.sold:
            owed = spread(line.owed, by_rate(line.parts)) if line.owed else {}
            for part in line.parts:
                yield Part(part.line, part.rate, part.gross - owed.get(part.rate, ZERO))

    @property
    def gross(self) -> Decimal:
        """All that was ever sold."""
        return total(self.parts())

    @property
    def owed(self) -> Decimal:
        """What is still owed of additions."""
        return sum((line.owed for line in self.sold), ZERO)


def entries(sale: Sale) -> tuple[Entry, ...]:
    """The book as a list, by time."""
    sold = [
        Entry(
            id=line.id,
            at=line.since or sale.placed_at,
            change=Change.ADDED if line.since else Change.SOLD,
            line=part.line,
            rate=part.rate,
            gross=part.gross,
        )
        for line in sale.sold
        for part in line.parts
    ]
    left = [
        Entry(id=each.id, at=each.at, change=each.kind, line=part.line, rate=part.rate, gross=-part.gross)
        for each in sale.shrunk
        for part in each.parts or reduced(each, by_rate(sale.parts(each.at)))
    ]
    return tuple(sorted([*sold, *left], key=lambda entry: entry.at))


def reduced(shrunk: Shrunk, left: ByRate) -> tuple[Part, ...]:
    """Of what the sale became smaller. `left`: of each rate, then.

    Lines that do not come to the amount (a fee was kept back, more was given) tell its rates all the same.
    Without lines it is shared over what is left of each rate; () where that cannot be done.
    """
    stated = by_rate(shrunk.parts)
    if shrunk.parts and total(shrunk.parts) == shrunk.gross:
        return shrunk.parts
    if stated and min(stated.values()) > 0:
        scaled = _scaled(shrunk, stated)
        if all(gross <= left.get(rate, ZERO) + CENT for rate, gross in by_rate(scaled).items()):
            return scaled
    if not left or min(left.values()) < 0:
        return ()
    return tuple(Part(ANY, rate, gross) for rate, gross in spread(shrunk.gross, left).items())


def _scaled(shrunk: Shrunk, stated: ByRate) -> tuple[Part, ...]:
    """The lines' parts in proportion; cents of a rate that do not divide go to its first line."""
    parts: list[Part] = []
    for rate, gross in spread(shrunk.gross, stated).items():
        mine = [part for part in shrunk.parts if part.rate == rate]
        lines = _shares(gross, mine)
        parts += [Part(part.line, rate, share) for part, share in zip(mine, lines, strict=True)]
    return tuple(parts)


def _shares(gross: Decimal, parts: Sequence[Part]) -> list[Decimal]:
    whole = total(parts)
    rest = [to_cents(gross * part.gross / whole) for part in parts[1:]]
    return [gross - sum(rest, ZERO), *rest]
