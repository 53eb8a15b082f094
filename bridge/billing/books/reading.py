"""An order, as the platform tells it, and the ledger → the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from bridge.billing.bands import Band, cut
from bridge.billing.books.difference import what_left
from bridge.billing.books.documents import Document, Names, filled, placed
from bridge.billing.books.money import Money
from bridge.billing.books.parts import ANY, ROUNDING, Part, negative, total
from bridge.billing.books.sale import Change, Sale, Shrunk, Sold
from bridge.billing.made import LedgerEntry
from bridge.billing.rules import Rules
from bridge.billing.text import percent
from bridge.errors import NeedsPerson
from bridge.orders import ZERO, Order, Reduction, RefundState
from bridge.reasons import because


def names_of(order: Order) -> Names:
    """The keys of the interface."""
    return Names(order=order.key, refund=f"{order.platform}:{order.shop}:refund:")


def sale_of(order: Order, bands: Sequence[Band]) -> Sale:
    """`bands`: what every line is made of."""
    received = money_of(order)
    cancelled = order.cancelled_at if not order.paid else None
    reductions = sorted(order.reductions, key=lambda each: (each.at, each.id))
    return Sale(
        sold=tuple(_sold(order, bands)),
        placed_at=order.placed_at,
        shrunk=tuple(
            _shrunk(reduction, bands)
            for reduction in reductions
            if reduction.state is RefundState.DONE and reduction.amount > 0
        ),
        paid_at=order.paid_at,
        all_paid=not received.told or received.received >= order.total,
        cancelled=None
        if cancelled is None
        else Shrunk(id=f"cancel-{order.id}", at=cancelled, gross=order.total, kind=Change.REMOVED),
    )


def _sold(order: Order, bands: Sequence[Band]) -> Iterable[Sold]:
    """The lines, what was added last; then what they miss of the total, at the heaviest rate."""
    by_line: dict[str, list[Band]] = {}
    for band in bands:
        by_line.setdefault(band.line.id, []).append(band)
    sold = [
        Sold(
            id=name,
            parts=tuple(Part(name, band.rate, band.gross) for band in mine),
            quantity=mine[0].line.quantity,
            since=mine[0].line.since,
            owed=mine[0].line.owed,
        )
        for name, mine in by_line.items()
    ]
    yield from sorted(sold, key=lambda line: (line.since is not None, line.since or order.placed_at))
    missing = order.total - sum((band.gross for band in bands), ZERO)
    if missing:
        heaviest = max(bands, key=lambda band: abs(band.gross)).rate
        yield Sold(id=ROUNDING, parts=(Part(ROUNDING, heaviest, missing),))


def _shrunk(reduction: Reduction, bands: Sequence[Band]) -> Shrunk:
    kind = Change.RETURNED if reduction.paid_back else Change.REMOVED
    shrunk = Shrunk(
        id=reduction.id,
        at=reduction.at,
        gross=reduction.amount,
        kind=kind if reduction.lines else Change.REDUCED,
        paid_back=reduction.paid_back,
        aliases=reduction.refunds,
    )
    try:
        left = bands_left(reduction, bands)
    except NeedsPerson as exc:
        return replace(shrunk, problem=exc.reason)
    return replace(shrunk, parts=tuple(Part(band.line.id or ANY, band.rate, band.gross) for band in left))


def bands_left(reduction: Reduction, bands: Sequence[Band]) -> tuple[Band, ...]:
    """The reduction's lines under the rates that the order's lines had. Raises NeedsPerson for one that left
    at another."""
    rates: dict[str, set[Decimal]] = {}
    for band in bands:
        if band.gross:
            rates.setdefault(band.line.id, set()).add(band.rate)
    known = sorted({band.rate for band in bands if band.rate}, reverse=True)
    left: list[Band] = []
    for line in reduction.lines:
        own = rates.get(line.id, set())
        for band in cut([line], sorted(own - {ZERO}, reverse=True) or known) if line.gross else ():
            if band.rate not in (own or {*known, ZERO}):
                rate = percent(band.rate)
                raise NeedsPerson(because("refunded_at_another_rate", line=line.title, rate=rate))
            left.append(band)
    return tuple(left)


def money_of(order: Order, rules: Rules | None = None) -> Money:
    """The movements; `rules`: by the shop's own table of gateways."""
    gateways = {name.casefold(): method for name, method in rules.gateways.items()} if rules else {}
    return Money.of(order.movements, gateways)


def book_of(sale: Sale, ledger: Mapping[str, LedgerEntry], names: Names) -> list[Document]:
    """The documents of the order that exist, oldest first. What an older version did not note of them is
    found out by their totals."""
    book: list[Document] = []
    for key, entry in sorted(ledger.items(), key=lambda item: item[1].id):
        document = Document(
            key=key,
            total=entry.total,
            parts=entry.parts,
            nets=dict(entry.nets),
            less=entry.less,
            on=entry.on,
            elsewhere=not names.is_document(key),
        )
        if document.elsewhere:
            parts = tuple(Part(ANY, part.rate, part.gross) for part in entry.parts)
            document = replace(document, parts=parts)
        others = [each for each in book if names.of_lines(each.key)]
        if names.of_lines(key) and entry.attached:
            document = placed(document, sale, others)
        elif names.of_lines(key) and not key.endswith(":credit"):
            document = filled(document, sale, others)
        book.append(document)
    book = [_as_note(document, sale, book, names) for document in book]
    return [_forgiven(document, ledger[document.key]) for document in book]


def _as_note(document: Document, sale: Sale, book: Sequence[Document], names: Names) -> Document:
    """A credit note of an older version is over what the platform told, on the order's one invoice."""
    if document.parts or document.gross >= 0:
        return document
    ids = {names.note(each.id): each.id for each in sale.shrunk}
    gone = what_left(sale, book, names).get(ids.get(document.key, ""), ())
    if sale.cancelled and document.key == names.note(sale.cancelled.id):
        gone = tuple(part for each in book if names.of_lines(each.key) for part in each.parts)
    return replace(document, parts=negative(gone), on=document.on or (names.order,))


def _forgiven(document: Document, entry: LedgerEntry) -> Document:
    if entry.accepted is None:
        return document
    return replace(document, forgiven=total(document.parts) - document.gross)
