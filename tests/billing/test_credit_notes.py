"""Refunds: one credit note each, to the cent, never beyond the order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.billing.documents import documents_for
from bridge.billing.drafts import CreditNoteDraft
from bridge.billing.rules import DocumentPolicy, Rules
from bridge.billing.totals import ALL, Rounding, total_under
from bridge.orders import ZERO, Line, Order, Refund, RefundState, Tax
from tests.billing.carts import NOON, cart, order_of

D = Decimal
MUG = Line(id="1", title="Tasse", quantity=D(2), gross=D("48"), taxes=(Tax(amount=D("8"), rate=D("0.2")),))
BOOK = Line(id="2", title="Livre", gross=D("21.10"), taxes=(Tax(amount=D("1.10"), rate=D("0.055")),))
SALE = order_of(MUG, BOOK)  # 69.10


def refund(amount: str, *lines: Line, name: str = "R1", **more: object) -> Refund:
    return replace(Refund(id=name, at=NOON, amount=D(amount), lines=lines), **more)  # type: ignore[arg-type]


def notes(*refunds: Refund, order: Order = SALE) -> tuple[CreditNoteDraft, ...]:
    documents = documents_for(replace(order, refunds=refunds), Rules(), ALL)
    assert documents.invoice
    assert documents.hold_refunds == ""
    return documents.credit_notes


def written(note: CreditNoteDraft) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    return [(line.title, line.quantity, line.unit_price, line.vat) for line in note.lines]


def test_everything_back_reverses_the_invoice() -> None:
    (note,) = notes(refund("69.10", MUG, BOOK))
    assert (note.key, note.invoice_key) == ("shopify:boutique:refund:R1", SALE.key)
    assert (note.full, note.lines, note.total) == (True, (), D("-69.10"))
    assert note.refunded_on == date(2026, 11, 22)


def test_refunded_lines_are_credited_as_they_were_sold() -> None:
    one_mug = replace(MUG, quantity=D(1), gross=D(24), taxes=(Tax(amount=D(4), rate=D("0.2")),))
    (note,) = notes(refund("24", one_mug, note="cassée"))
    assert written(note) == [("Remboursement : Tasse", D(-1), D(20), D("0.2"))]
    assert (note.full, note.agreed, note.total) == (False, True, D(-24))
    assert "Motif donné par la boutique : cassée." in note.why


def test_an_amount_alone_is_spread_over_the_rates() -> None:
    (note,) = notes(refund("10"))
    assert [(line.title, line.vat) for line in note.lines] == [
        ("Remboursement partiel, TVA 20 %", D("0.2")),
        ("Remboursement partiel, TVA 5,5 %", D("0.055")),
    ]
    assert all(line.quantity == -1 for line in note.lines)


@pytest.mark.parametrize("amount", ["10", "30.55", "50"])
def test_money_other_than_the_lines_is_prorated_and_said(amount: str) -> None:
    (note,) = notes(
        refund(amount, replace(MUG, quantity=D(1), gross=D(24), taxes=(Tax(amount=D(4), rate=D("0.2")),)))
    )
    assert note.total == -D(amount)
    expected = {D("0.2")} if D(amount) <= 48 else {D("0.2"), D("0.055")}
    assert {line.vat for line in note.lines} == expected
    assert any("rata" in sentence for sentence in note.why)


def test_two_halves_are_two_partial_credit_notes() -> None:
    first = refund("40", name="R1")
    second = refund("29.10", name="R2", at=NOON + timedelta(days=1))
    one, two = notes(second, first)
    assert [(note.refund_id, note.full, note.total) for note in (one, two)] == [
        ("R1", False, D(-40)),
        ("R2", False, D("-29.10")),
    ]


@pytest.mark.parametrize(
    "nothing",
    [refund("5", state=RefundState.PENDING), refund("5", state=RefundState.FAILED), refund("0", MUG)],
)
def test_no_money_no_credit_note(nothing: Refund) -> None:
    assert notes(nothing) == ()


HELD = [
    (SALE, Rules(), [refund("70")], "more than the 69.10 left", 0),
    (SALE, Rules(), [refund("60"), refund("10", name="R2")], "more than the 9.10 left", 1),
    (
        SALE,
        Rules(),
        [refund("10", replace(MUG, gross=D(10), taxes=(Tax(amount=D("0.52"), rate=D("0.055")),)))],
        "was not invoiced so",
        0,
    ),
    (
        replace(SALE, external_ref="I1"),
        Rules(document=DocumentPolicy.EXTERNAL),
        [refund("10")],
        "platform's own",
        0,
    ),
]


@pytest.mark.parametrize(("order", "rules", "refunds", "words", "made"), HELD)
def test_a_bad_refund_does_not_block_the_invoice(
    order: Order, rules: Rules, refunds: list[Refund], words: str, made: int
) -> None:
    documents = documents_for(replace(order, refunds=tuple(refunds)), rules, ALL)
    assert documents.invoice
    assert documents.hold == ""
    assert words in documents.hold_refunds
    assert len(documents.credit_notes) == made


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_partial_refunds_are_exact_under_every_known_rule(data: st.DataObject) -> None:
    order = cart(lambda low, high: data.draw(st.integers(low, high)))
    cents = data.draw(st.integers(1, int(order.total * 100)))
    amount = D(cents) / 100
    for rule in Rounding:
        documents = documents_for(replace(order, refunds=(refund(str(amount)),)), Rules(), frozenset({rule}))
        assert documents.hold_refunds == ""
        (note,) = documents.credit_notes
        assert note.total == -amount
        assert note.agreed
        assert note.full == (amount == order.total)
        if not note.full:
            assert total_under(rule, note.lines) == -amount
            assert sum((line.quantity * line.unit_price for line in note.lines), ZERO) < 0
