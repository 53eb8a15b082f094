"""Where the three books do not agree: asked before an order is done, and by every property test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.billing.books.crediting import left_of_invoices
from bridge.billing.books.difference import what_left
from bridge.billing.books.documents import Document, Names, left_as_encoded, stated
from bridge.billing.books.money import Money
from bridge.billing.books.parts import amounts, by_rate, less, parts_of
from bridge.billing.books.sale import Sale
from bridge.orders import CENT, ZERO


@dataclass(frozen=True, slots=True)
class Broken:
    """`what`: which of the books disagree. Amounts of a rate, VAT included; `rate` None for all."""

    what: str
    rate: Decimal | None
    sale: Decimal
    documents: Decimal


def sale_now(sale: Sale, documents: Sequence[Document], names: Names) -> Mapping[Decimal, Decimal]:
    """What the sale is worth by now, by rate, without what is still owed of additions; nothing once it is
    cancelled."""
    if sale.cancelled:
        return {}
    gone = amounts(part for parts in what_left(sale, documents, names).values() for part in parts)
    return by_rate(parts_of(less(amounts(sale.payable()), gone)))


def broken(
    sale: Sale, documents: Sequence[Document], names: Names, money: Money, paid: Decimal
) -> tuple[Broken, ...]:
    """Every disagreement. `paid`: what the documents state as paid, credit notes deducted."""
    return (*_unbalanced(sale, documents, names), *_overcredited(documents), *_overpaid(money, paid))


def _unbalanced(sale: Sale, documents: Sequence[Document], names: Names) -> Iterator[Broken]:
    wanted, made = sale_now(sale, documents, names), stated(documents)
    for rate in sorted({*wanted, *made}):
        if wanted.get(rate, ZERO) != made.get(rate, ZERO):
            yield Broken("parts", rate, wanted.get(rate, ZERO), made.get(rate, ZERO))
    if all(document.total is not None for document in documents):
        come_to = sum((document.gross + document.forgiven for document in documents), ZERO)
        if come_to != sum(wanted.values(), ZERO):
            yield Broken("totals", None, sum(wanted.values(), ZERO), come_to)
    yield from _otherwise_encoded(documents, wanted)


def _otherwise_encoded(documents: Sequence[Document], wanted: Mapping[Decimal, Decimal]) -> Iterator[Broken]:
    """Each document may be a cent off at each rate, and hold two cents of rounding at 0 %."""
    if not all(document.nets for document in documents):
        return
    for rate, net in left_as_encoded(documents).items():
        owed, gross = wanted.get(rate, ZERO), net * (1 + rate)
        if abs(gross - owed) > 3 * CENT * len(documents):
            yield Broken("encoded", rate, owed, gross)


def _overcredited(documents: Sequence[Document]) -> Iterator[Broken]:
    """More credited of a rate than its invoice states."""
    stating = {document.key: by_rate(document.parts) for document in documents}
    for key, left in left_of_invoices(documents).items():
        for rate, gross in left.items():
            if gross < -CENT and stating[key].get(rate, ZERO) >= 0:
                yield Broken("credited", rate, stating[key].get(rate, ZERO), gross)


def _overpaid(money: Money, paid: Decimal) -> Iterator[Broken]:
    if money.told and paid > money.received - money.returned:
        yield Broken("paid", None, money.received - money.returned, paid)
