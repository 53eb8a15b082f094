"""Cents: lines of the right total under each rule; what is invoiced is what was paid."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.billing.documents import documents_for
from bridge.billing.drafts import DraftLine
from bridge.billing.rounding import ALL, CANDIDATES, UNKNOWN, FirmRounding, Rounding, rates_under, total_under
from bridge.billing.rules import Rules
from bridge.billing.totals import ROUNDING_TITLE, BilledLine, Encoded, encode
from bridge.orders import CENT, ZERO, Order
from tests.builders.orders import Pick, cart

D = Decimal
RULES = [rule for rule in CANDIDATES.values() if rule.decimals]
"""Of whole quantities a net has no more than three decimals."""


def under(name: str) -> frozenset[Rounding]:
    return frozenset({CANDIDATES[name]})


def billed(gross: str, net: str, vat: str = "0.2", quantity: str = "1", title: str = "Tasse") -> BilledLine:
    return BilledLine(title=title, quantity=D(quantity), net=D(net), vat=D(vat), gross=D(gross))


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


def test_an_unreachable_total_takes_a_rounding_line_once_the_rule_is_known() -> None:
    unknown = encode([billed("9.99", "8.32")], D("9.99"), ALL)
    assert not unknown.agreed
    assert CANDIDATES["line3_vat_once"] in unknown.rules
    assert CANDIDATES["line2_vat_rate"] not in unknown.rules
    assert ROUNDING_TITLE not in [one.title for one in unknown.lines]

    exact = encode([billed("9.99", "8.32")], D("9.99"), under("line3_vat_once"))
    assert exact.agreed
    assert [one.unit_price for one in exact.lines] == [D("8.325")]

    cents = encode([billed("9.99", "8.32")], D("9.99"), under("line2_vat_rate"))
    assert cents.agreed
    assert [(one.title, one.unit_price, one.vat) for one in cents.lines] == [
        ("Tasse", D("8.32"), D("0.2")),
        (ROUNDING_TITLE, D("0.01"), ZERO),
    ]
    assert any("Arrondi" in sentence for sentence in cents.why)


def test_halves_to_the_even_cent_take_a_rounding_line_into_account() -> None:
    """A cent more may carry what the other lines come to to another cent."""
    lines = [
        billed("3471.48", "2892.84", quantity="12", title="A"),
        billed("46.41", "38.64", quantity="7", title="B"),
        billed("90.00", "75.00", quantity="100", title="C"),
    ]
    for name in ("line3_vat_line_even", "line3_vat_rate_even", "line3_gross_rate_even"):
        found = encode(lines, D("3607.89"), under(name))
        assert found.agreed
        assert total_under(CANDIDATES[name], found.lines) == D("3607.89")


def test_a_negative_line_keeps_a_positive_price() -> None:
    found = encode([billed("60.00", "50.00"), billed("-12.00", "-10.00")], D("48.00"), ALL)
    assert found.agreed
    assert [(one.quantity, one.unit_price) for one in found.lines] == [(D(1), D(50)), (D(-1), D(10))]


def test_lines_that_cannot_reach_the_total_fit_no_rule() -> None:
    assert encode([billed("12.00", "10.00")], D("15.00"), ALL).rules == frozenset()


@pytest.mark.parametrize("rounding", [UNKNOWN, FirmRounding.of(CANDIDATES["line2_vat_rate"])])
def test_250_lines_are_written_in_no_time(rounding: FirmRounding) -> None:
    order = cart(random.Random(5).randint, size=250)
    started = time.perf_counter()
    invoice = documents_for(order, Rules(), rounding).invoice
    assert invoice
    assert invoice.agreed == rounding.held
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
    for rate, amounts in rates_under(rule, plain).items():
        assert abs(amounts.gross - own[rate]) <= CENT


@st.composite
def carts(draw: st.DrawFn) -> Order:
    def pick(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    return cart(pick)


@settings(max_examples=100, deadline=None)
@given(order=carts())
def test_a_cart_is_exact_under_a_known_rule(order: Order) -> None:
    for rule in RULES:
        documents = documents_for(order, Rules(), FirmRounding.of(rule))
        assert not documents.hold
        assert documents.invoice
        assert documents.invoice.agreed
        assert_exact(order, documents.invoice.lines, rule)


def held_and_agreed(pick: Pick, orders: int, rounding: FirmRounding) -> tuple[float, float]:
    """The shares of orders."""
    drafts = [documents_for(cart(pick), Rules(), rounding).invoice for _ in range(orders)]
    agreed = sum(draft is not None and draft.agreed for draft in drafts)
    return drafts.count(None) / orders, agreed / orders


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_nothing_is_held_once_calibrated(rule: Rounding) -> None:
    assert held_and_agreed(random.Random(2).randint, 300, FirmRounding.of(rule)) == (0, 1)


def test_a_draft_is_mended_until_it_is_right_whatever_the_rule() -> None:
    pick, mends = random.Random(3).randint, []
    for order in (cart(pick) for _ in range(60)):
        for truth in RULES:
            known, done = UNKNOWN, 0
            for _ in range(6):
                invoice = documents_for(order, Rules(), known).invoice
                assert invoice
                total = total_under(truth, invoice.lines)
                if total == order.total:
                    break
                known, done = known.after(invoice.lines, total), done + 1
                assert truth in known.candidates
            assert total == order.total
            mends.append(done)
    assert max(mends) <= 4
    assert sum(mends) / len(mends) < 0.6


# --- as few prices as possible, by the least


def moved(found: Encoded, lines: Sequence[BilledLine]) -> tuple[int, Decimal]:
    """How many prices are not the lines' own net, and by how much altogether."""
    off = [
        abs(one.unit_price * one.quantity - line.net) for one, line in zip(found.lines, lines, strict=False)
    ]
    return sum(each > 0 for each in off), sum(off, ZERO)


def fewest(lines: Sequence[BilledLine], total: Decimal, rule: Rounding) -> tuple[int, Decimal] | None:
    """By trying everything: up to three prices of single things moved by a cent at most."""
    own: dict[Decimal, Decimal] = {}
    for line in lines:
        own[line.vat] = own.get(line.vat, ZERO) + line.gross
    heaviest = max(own, key=lambda rate: own[rate])
    own[heaviest] += total - sum(own.values())
    steps = [D(mills) / 1000 for mills in (*range(-10, 0), *range(1, 11))]
    for count in range(3):
        found = []
        for which in combinations(range(len(lines)), count):
            for by in product(steps, repeat=count):
                nets = [line.net for line in lines]
                for place, step in zip(which, by, strict=True):
                    nets[place] += step
                written = [
                    DraftLine(title="", quantity=D(1), unit_price=net, vat=line.vat)
                    for net, line in zip(nets, lines, strict=True)
                ]
                right = total_under(rule, written) == total and all(
                    abs(amounts.gross - own[rate]) <= CENT
                    for rate, amounts in rates_under(rule, written).items()
                )
                if right:
                    found.append(sum((abs(step) for step in by), ZERO))
        if found:
            return count, min(found)
    return None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(100, 3000), st.sampled_from(["0.2", "0.1", "0.055"])), min_size=2, max_size=3
    ),
    st.sampled_from(RULES),
    st.integers(-2, 2),
)
def test_the_fewest_prices_are_moved_by_the_least(
    cents: list[tuple[int, str]], rule: Rounding, off: int
) -> None:
    lines = []
    for number, (net, vat) in enumerate(cents):
        gross = (D(net) / 100 * (1 + D(vat))).quantize(CENT)
        lines.append(billed(str(gross), str(D(net) / 100), vat, title=f"Article {number}"))
    total = sum((line.gross for line in lines), ZERO) + off * CENT
    best = fewest(lines, total, rule)
    found = encode(lines, total, frozenset({rule}))
    if best is None or ROUNDING_TITLE in [one.title for one in found.lines]:
        assert best is None
        return
    recalculated = any("recalculés" in sentence for sentence in found.why)
    assert found.agreed
    assert recalculated or moved(found, lines) == best


def test_equal_things_have_equal_prices_where_cents_allow() -> None:
    """Rounded at the subtotal: 11.99 for three lamps of 4.00, of which one shows a cent less."""
    lamps = [
        billed("4.00", "3.33", title="Lampe"),
        billed("4.00", "3.33", title="Lampe"),
        billed("3.99", "3.33", title="Lampe"),
    ]
    for name in ("line2_vat_rate", "line3_vat_once", "exact_gross_rate"):
        found = encode(lamps, D("11.99"), under(name))
        assert found.agreed
        assert len({one.unit_price for one in found.lines if one.title == "Lampe"}) == 1
    thirds = [billed("4.00", net, title="Lampe") for net in ("3.33", "3.33", "3.34")]
    found = encode(thirds, D("12.00"), under("line3_vat_once"))
    assert (found.agreed, {one.unit_price for one in found.lines}) == (True, {D("3.333")})


def test_equal_things_differ_where_nothing_else_is_right() -> None:
    lamps = [billed("1.00", "0.83", title="Lampe")] * 3
    found = encode(lamps, D("3.01"), under("line2_vat_line"))
    assert found.agreed
    assert total_under(CANDIDATES["line2_vat_line"], found.lines) == D("3.01")
