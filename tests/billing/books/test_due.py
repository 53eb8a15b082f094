"""Whatever happens to an order, and however often it is looked at: the documents come to the sale."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.billing.books.documents import Document, Names, stated
from bridge.billing.books.due import Due, due
from bridge.billing.books.invariants import broken, sale_now
from bridge.billing.books.money import Money
from bridge.billing.books.parts import negative
from bridge.billing.books.sale import Sale
from bridge.orders import ZERO
from tests.billing.books.histories import ADD, GROW, OVERPAY, VANISH, Op, histories, sale_after

NAMES = Names("shopify:boutique:order:1", "shopify:boutique:refund:")
CUTS = st.sets(st.integers(0, 8))


def make(book: list[Document], missing: Due) -> None:
    """What Facturation.pro and the ledger do."""
    made = [
        *(
            [
                Document(
                    key=missing.invoice.key,
                    parts=missing.invoice.parts,
                    less=missing.invoice.less,
                    total=missing.invoice.gross,
                )
            ]
            if missing.invoice
            else []
        ),
        *(
            Document(key=note.key, parts=negative(note.parts), on=note.on, total=-note.gross)
            for note in missing.notes
        ),
    ]
    for document in made:
        assert document.key not in {each.key for each in book}, f"{document.key} is made twice"
        book.append(document)


def run_over(ops: Sequence[Op], looks: set[int]) -> tuple[list[Document], Sale]:
    """The documents, when the order is looked at after so many events, and at the end."""
    book: list[Document] = []
    for count in sorted({*looks, len(ops)}):
        if count > len(ops):
            continue
        sale, moves = sale_after(ops[:count])
        missing = due(sale, book, NAMES)
        assert (missing.refused, missing.otherwise) == ((), ())
        make(book, missing)
        assert due(sale, book, NAMES) == Due()
        owed = any(line.owed for line in sale.sold)
        paid = sum((document.gross for document in book), ZERO)
        if not owed:
            assert broken(sale, book, NAMES, Money(moves), paid) == ()
    return book, sale


@settings(max_examples=400, deadline=None)
@given(histories(), CUTS, CUTS)
def test_the_documents_are_the_sale_however_it_is_looked_at(
    ops: tuple[Op, ...], one: set[int], other: set[int]
) -> None:
    books = [run_over(ops, looks) for looks in (one, other, set(), set(range(9)))]
    sale = books[0][1]
    worth = sale_now(sale, books[0][0], NAMES)
    assert all(stated(book) == worth for book, _ in books)


@settings(max_examples=200, deadline=None)
@given(histories((ADD, GROW, VANISH)), CUTS)
def test_what_vanishes_without_a_word_is_credited(ops: tuple[Op, ...], looks: set[int]) -> None:
    book, sale = run_over(ops, looks)
    assert stated(book) == sale_now(sale, book, NAMES)


@given(st.lists(st.builds(Op, kind=st.just(OVERPAY), price=st.just(Decimal("7.50"))), max_size=4), CUTS)
def test_money_alone_makes_no_document(ops: list[Op], looks: set[int]) -> None:
    book, _ = run_over(ops, looks)
    assert [document.key for document in book] == [NAMES.order]
