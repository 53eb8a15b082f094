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
from bridge.billing.rounding import ALL, CANDIDATES, FirmRounding, total_under
from bridge.billing.rules import DocumentPolicy, Rules
from bridge.orders import ZERO, Line, Order, Reduction, RefundState, Tax
from bridge.reasons import together
from bridge.texts import text_of
from tests.builders.orders import NOON, cart, order_of

D = Decimal
KNOWN = FirmRounding.of(CANDIDATES["line2_vat_rate"])
MUG = Line(id="1", title="Tasse", quantity=D(2), gross=D("48"), taxes=(Tax(amount=D("8"), rate=D("0.2")),))
BOOK = Line(id="2", title="Livre", gross=D("21.10"), taxes=(Tax(amount=D("1.10"), rate=D("0.055")),))
SALE = order_of(MUG, BOOK)  # 69.10
AFTER = NOON + timedelta(minutes=1)


def refund(amount: str, *lines: Line, name: str = "R1", **more: object) -> Reduction:
    back = Reduction(id=name, at=AFTER, amount=D(amount), lines=lines, paid_back=D(amount))
    return replace(back, **more)  # type: ignore[arg-type]


def notes(*refunds: Reduction, order: Order = SALE) -> tuple[CreditNoteDraft, ...]:
    documents = documents_for(replace(order, reductions=refunds), Rules(), KNOWN)
    assert documents.invoice
    assert not documents.hold_refunds
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


def credited(note: CreditNoteDraft) -> dict[Decimal, Decimal]:
    """VAT included, by rate."""
    totals: dict[Decimal, Decimal] = {}
    for line in note.lines:
        gross = -line.quantity * line.unit_price * (1 + line.vat)
        totals[line.vat] = totals.get(line.vat, ZERO) + gross
    return totals


def test_no_rate_is_credited_beyond_what_was_invoiced_at_it() -> None:
    back, rest = refund("48", MUG, name="R1"), refund("10", name="R2", at=NOON + timedelta(days=1))
    _, of_the_rest = notes(back, rest)
    # The mugs, all that was sold at 20 %, are credited already: more at 20 % would take back VAT never paid.
    assert set(credited(of_the_rest)) == {D("0.055")}
    taxes = (Tax(amount=D("3.52"), rate=D("0.2")),)
    again = replace(MUG, quantity=D(1), gross=D("21.10"), taxes=taxes)
    twice = replace(rest, amount=D("21.10"), lines=(again,))
    documents = documents_for(replace(SALE, reductions=(back, twice)), Rules(), KNOWN)
    assert "more of a VAT rate than is left" in text_of(together(documents.hold_refunds))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_all_credit_notes_together_take_back_what_was_invoiced_rate_by_rate(data: st.DataObject) -> None:
    order = cart(lambda low, high: data.draw(st.integers(low, high)))
    cents = int(order.total * 100)
    made: list[Reduction] = []
    while cents and len(made) < 4:
        part = cents if len(made) == 3 else data.draw(st.integers(1, cents))
        lines = data.draw(st.sampled_from([(), (), *((line,) for line in order.lines)]))
        whole = data.draw(st.booleans()) and lines and lines[0].gross * 100 <= cents
        part = int(lines[0].gross * 100) if whole else part
        at = AFTER + timedelta(hours=len(made))
        made.append(refund(str(D(part) / 100), *lines, name=f"R{len(made)}", at=at))
        cents -= part
    documents = documents_for(replace(order, reductions=tuple(made)), Rules(), KNOWN)
    invoiced: dict[Decimal, Decimal] = {}
    for line in order.lines:
        (tax,) = line.taxes
        assert tax.rate is not None
        invoiced[tax.rate] = invoiced.get(tax.rate, ZERO) + line.gross
    taken: dict[Decimal, Decimal] = {}
    for note in documents.credit_notes:
        for rate, gross in (invoiced if note.full else credited(note)).items():
            taken[rate] = taken.get(rate, ZERO) + gross
    slack = D("0.03") * (len(made) + 2)
    assert all(gross <= invoiced.get(rate, ZERO) + slack for rate, gross in taken.items()), (invoiced, taken)
    if not documents.hold_refunds and not cents:
        assert all(abs(taken[rate] - gross) <= slack for rate, gross in invoiced.items()), (invoiced, taken)


def test_a_credit_note_that_must_not_exist_any_more_is_named() -> None:
    failed = refund("5", state=RefundState.FAILED)
    revoked = documents_for(replace(SALE, reductions=(failed,)), Rules(), KNOWN).revoked
    assert {key: text_of(happened) for key, happened in revoked.items()} == {
        "shopify:boutique:refund:R1": "refund R1 of 5.00 EUR failed",
        "shopify:boutique:refund:cancel-1": "it is no longer cancelled",
    }
    cancelled = replace(SALE, paid_at=None, cancelled_at=NOON)
    assert documents_for(cancelled, Rules(), KNOWN).revoked == {}


@pytest.mark.parametrize(
    "nothing",
    [refund("5", state=RefundState.PENDING), refund("5", state=RefundState.FAILED), refund("0", MUG)],
)
def test_no_money_no_credit_note(nothing: Reduction) -> None:
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
    order: Order, rules: Rules, refunds: list[Reduction], words: str, made: int
) -> None:
    documents = documents_for(replace(order, reductions=tuple(refunds)), rules, KNOWN)
    assert documents.invoice
    assert not documents.hold
    assert words in text_of(together(documents.hold_refunds))
    assert len(documents.credit_notes) == made


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_partial_refunds_are_exact_under_every_known_rule(data: st.DataObject) -> None:
    order = cart(lambda low, high: data.draw(st.integers(low, high)))
    cents = data.draw(st.integers(1, int(order.total * 100)))
    amount = D(cents) / 100
    for rule in ALL:
        documents = documents_for(
            replace(order, reductions=(refund(str(amount)),)), Rules(), FirmRounding.of(rule)
        )
        assert not documents.hold_refunds
        (note,) = documents.credit_notes
        assert note.total == -amount
        assert note.agreed
        assert note.full == (amount == order.total)
        if not note.full:
            assert total_under(rule, note.lines) == -amount
            assert sum((line.quantity * line.unit_price for line in note.lines), ZERO) < 0
