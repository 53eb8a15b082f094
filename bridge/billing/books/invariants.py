"""Where the three books do not agree: asked before an order is done, and by every property test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from bridge.billing.books.crediting import left_of_invoices
from bridge.billing.books.difference import what_left
from bridge.billing.books.documents import Document, Names, stated
from bridge.billing.books.money import Money
from bridge.billing.books.parts import amounts, by_rate, less, parts_of
from bridge.billing.books.sale import Sale
from bridge.billing.text import percent
from bridge.orders import CENT, ZERO
from bridge.reasons import Reason, because


def sale_now(sale: Sale, documents: Sequence[Document], names: Names) -> Mapping[Decimal, Decimal]:
    """What the sale is worth by now, by rate, without what is still owed of additions; nothing once it is
    cancelled."""
    if sale.cancelled:
        return {}
    gone = amounts(part for parts in what_left(sale, documents, names).values() for part in parts)
    return by_rate(parts_of(less(amounts(sale.payable()), gone)))


def broken(
    sale: Sale, documents: Sequence[Document], names: Names, money: Money, paid: Decimal
) -> tuple[Reason, ...]:
    """Every disagreement. `paid`: what the documents state as paid, credit notes deducted.

    By rate, the parts that documents state are compared; how these are written may be cents off (see totals).
    """
    wanted = sale_now(sale, documents, names)
    return (
        *_unbalanced(wanted, documents),
        *_overcredited(documents),
        *_overpaid(money, paid),
    )


def _unbalanced(wanted: Mapping[Decimal, Decimal], documents: Sequence[Document]) -> Iterator[Reason]:
    made = stated(documents)
    for rate in sorted({*wanted, *made}):
        sold, documented = wanted.get(rate, ZERO), made.get(rate, ZERO)
        if sold != documented:
            yield because("books_differ_at_rate", rate=percent(rate), sale=sold, documents=documented)
    own = [document for document in documents if not document.elsewhere]
    if all(document.total is not None for document in own):
        come_to = sum((document.gross + document.forgiven for document in own), ZERO)
        whole = sum(wanted.values(), ZERO)
        if come_to != whole:
            yield because("books_differ_in_total", sale=whole, documents=come_to)


def _overcredited(documents: Sequence[Document]) -> Iterator[Reason]:
    stating = {document.key: by_rate(document.parts) for document in documents}
    for key, left in left_of_invoices(documents).items():
        for rate, gross in left.items():
            sold = stating.get(key, {}).get(rate, ZERO)
            if gross < -CENT and sold >= 0:
                yield because("more_credited_than_invoiced", rate=percent(rate), invoiced=sold, left=gross)


def _overpaid(money: Money, paid: Decimal) -> Iterator[Reason]:
    came = money.received - money.returned
    if money.told and paid > came:
        yield because("more_paid_than_received", received=came, paid=paid)
