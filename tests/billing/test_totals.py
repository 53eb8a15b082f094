"""Cents: the six rules, the probes, and the property that what is invoiced is what was paid."""

from __future__ import annotations

import random
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.billing.documents import documents_for
from bridge.billing.drafts import DraftLine
from bridge.billing.rules import Rules
from bridge.billing.totals import (
    ALL,
    PROBE,
    ROUNDING_TITLE,
    BilledLine,
    Rounding,
    encode,
    fitting,
    subtotals_under,
    total_under,
)
from bridge.orders import CENT, ZERO, Order
from tests.billing.carts import Pick, cart

D = Decimal


def line(price: str, vat: str = "0.2", quantity: str = "1") -> DraftLine:
    return DraftLine(title="x", quantity=D(quantity), unit_price=D(price), vat=D(vat))


def billed(gross: str, net: str, vat: str = "0.2", quantity: str = "1", title: str = "Tasse") -> BilledLine:
    return BilledLine(title=title, quantity=D(quantity), net=D(net), vat=D(vat), gross=D(gross))


# The table of ../shared/facturation/api.md, section 2, and the reasoning of each rule by hand.
RULED = [
    ([line("8.325")], ["10.00", "10.00", "10.00", "10.00", "10.00", "9.99"]),
    ([line("8.325", quantity="3")], ["29.98", "29.98", "29.98", "29.98", "29.98", "29.97"]),
    ([line("7.583", "0.055", "100")], ["800.01"] * 6),
    ([line("16.583"), line("4.083")], ["24.80", "24.79", "24.79", "24.81", "24.80", "24.80"]),
    ([line("0.938", "0.055")] * 3, ["2.97", "2.98", "2.98", "2.96", "2.96", "2.97"]),
    ([line("10"), line("10", "0.1"), line("-1")], ["21.80"] * 6),
]


@pytest.mark.parametrize(("lines", "totals"), RULED)
def test_each_rule_computes_its_total(lines: list[DraftLine], totals: list[str]) -> None:
    assert [total_under(rule, lines) for rule in Rounding] == [D(total) for total in totals]


def test_a_credit_is_the_exact_negative_of_its_sale() -> None:
    for lines, _ in RULED:
        credit = [line(str(one.unit_price), str(one.vat), str(-one.quantity)) for one in lines]
        for rule in Rounding:
            assert total_under(rule, credit) == -total_under(rule, lines)


def test_the_probe_tells_all_rules_apart() -> None:
    for rule in Rounding:
        assert fitting(PROBE, total_under(rule, PROBE)) == {rule}


def test_a_total_no_rule_explains_fits_nothing() -> None:
    assert fitting([line("8.325")], D("9.98")) == frozenset()


def test_natural_unit_prices_come_first() -> None:
    found = encode([billed("30.00", "25.00", quantity="2")], D("30.00"), ALL)
    assert found.agreed
    assert [(one.title, one.quantity, one.unit_price) for one in found.lines] == [("Tasse", D(2), D("12.5"))]


def test_a_quantity_is_folded_where_three_decimals_cannot_say_the_price() -> None:
    found = encode([billed("100.00", "83.33", quantity="7000")], D("100.00"), ALL)
    assert found.agreed
    assert [(one.title, one.quantity, one.unit_price) for one in found.lines] == [
        ("7000 × Tasse", D(1), D("83.33"))
    ]


def test_an_unreachable_total_waits_for_calibration_then_takes_a_rounding_line() -> None:
    unknown = encode([billed("9.99", "8.32")], D("9.99"), ALL)
    assert not unknown.agreed
    assert unknown.rules == {Rounding.LINE3_VAT_ONCE}
    assert ROUNDING_TITLE not in [one.title for one in unknown.lines]

    exact = encode([billed("9.99", "8.32")], D("9.99"), frozenset({Rounding.LINE3_VAT_ONCE}))
    assert exact.agreed
    assert len(exact.lines) == 1

    cents = encode([billed("9.99", "8.32")], D("9.99"), frozenset({Rounding.LINE2_VAT_RATE}))
    assert cents.agreed
    assert [(one.title, one.unit_price, one.vat) for one in cents.lines] == [
        ("Tasse", D("8.32"), D("0.2")),
        (ROUNDING_TITLE, D("0.01"), ZERO),
    ]
    assert any("Arrondi" in sentence for sentence in cents.why)


def test_a_negative_line_keeps_a_positive_price() -> None:
    found = encode([billed("60.00", "50.00"), billed("-12.00", "-10.00")], D("48.00"), ALL)
    assert found.agreed
    assert [(one.quantity, one.unit_price) for one in found.lines] == [(D(1), D(50)), (D(-1), D(10))]


def test_lines_that_cannot_reach_the_total_fit_no_rule() -> None:
    assert encode([billed("12.00", "10.00")], D("15.00"), ALL).rules == frozenset()


@pytest.mark.parametrize("rounding", [ALL, frozenset({Rounding.LINE2_VAT_RATE})])
def test_250_lines_are_written_in_no_time(rounding: frozenset[Rounding]) -> None:
    order = cart(random.Random(5).randint, size=250)
    started = time.perf_counter()
    invoice = documents_for(order, Rules(), rounding).invoice
    assert invoice
    assert invoice.agreed
    assert time.perf_counter() - started < 2


def assert_exact(order: Order, lines: tuple[DraftLine, ...], rule: Rounding) -> None:
    """The total is the order's; so is each rate's part, to a cent, and each line, to two, "Arrondi" apart."""
    assert total_under(rule, lines) == order.total
    own: dict[Decimal, Decimal] = {}
    for one in order.lines:
        rate = one.taxes[0].rate or ZERO
        own[rate] = own.get(rate, ZERO) + one.gross
    plain = [one for one in lines if one.title != ROUNDING_TITLE]
    assert len(lines) - len(plain) <= 1
    for written, sold in zip(plain, order.lines, strict=True):
        net = written.quantity * written.unit_price
        assert min(abs(net - sold.net), abs(net - sold.gross / (1 + written.vat))) <= 2 * CENT
    for rate, subtotal in subtotals_under(rule, plain).items():
        assert abs(subtotal - own[rate]) <= CENT


@st.composite
def carts(draw: st.DrawFn) -> Order:
    def pick(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    return cart(pick)


@settings(max_examples=100, deadline=None)
@given(order=carts())
def test_a_cart_is_exact_under_a_known_rule(order: Order) -> None:
    for rule in Rounding:
        documents = documents_for(order, Rules(), frozenset({rule}))
        assert not documents.hold
        assert documents.invoice
        assert documents.invoice.agreed
        assert_exact(order, documents.invoice.lines, rule)


@settings(max_examples=100, deadline=None)
@given(order=carts())
def test_an_agreed_cart_is_exact_whatever_the_rule(order: Order) -> None:
    invoice = documents_for(order, Rules(), ALL).invoice
    assert invoice
    reached = [rule for rule in Rounding if total_under(rule, invoice.lines) == order.total]
    assert invoice.agreed == (len(reached) == len(ALL))
    for rule in reached if invoice.agreed else ():
        assert_exact(order, invoice.lines, rule)


def shares(pick: Pick, orders: int, rounding: frozenset[Rounding]) -> tuple[float, float]:
    """The shares of orders held, and agreed."""
    drafts = [documents_for(cart(pick), Rules(), rounding).invoice for _ in range(orders)]
    agreed = sum(draft is not None and draft.agreed for draft in drafts)
    return drafts.count(None) / orders, agreed / orders


@pytest.mark.parametrize("rule", list(Rounding))
def test_nothing_is_held_once_calibrated(rule: Rounding) -> None:
    held, agreed = shares(random.Random(2).randint, 300, frozenset({rule}))
    print(f"{rule}: held {held:.1%}, agreed {agreed:.1%}")
    assert (held, agreed) == (0, 1)


def test_a_draft_read_back_is_mended_whatever_the_rule() -> None:
    pick = random.Random(3).randint
    for order in (cart(pick) for _ in range(200)):
        first = documents_for(order, Rules(), ALL).invoice
        assert first
        for truth in Rounding:
            observed = total_under(truth, first.lines)
            if observed == order.total:
                continue
            mended = documents_for(order, Rules(), fitting(first.lines, observed)).invoice
            assert mended
            assert mended.agreed
            assert_exact(order, mended.lines, truth)
