"""The sandbox's arithmetic: rounding rules, decimals as text, due dates."""

from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox import ROUNDINGS, SandboxRounding
from bridge.sandbox.terms import due_on
from bridge.sandbox.totals import PricedLine, decimal_text, document_totals

# Candidate rules told apart by five shop totals (the vendor publishes none).
DISCRIMINATING = [
    ([("1", "8.325", "0.2")], "10.00", "10.00", "9.99"),
    ([("3", "8.325", "0.2")], "29.98", "29.98", "29.97"),
    ([("100", "7.583", "0.055")], "800.01", "800.01", "800.01"),
    ([("1", "16.583", "0.2"), ("1", "4.083", "0.2")], "24.79", "24.80", "24.80"),
    ([("1", "0.938", "0.055")] * 3, "2.98", "2.96", "2.97"),
]


def priced(lines: list[tuple[str, str, str]]) -> list[PricedLine]:
    return [PricedLine(*map(Decimal, values)) for values in lines]


@pytest.mark.parametrize(("lines", "line2_rate", "line3_rate", "line3_once"), DISCRIMINATING)
def test_rounding_rules(
    lines: list[tuple[str, str, str]], line2_rate: str, line3_rate: str, line3_once: str
) -> None:
    for rule, expected in (
        (ROUNDINGS["line2_vat_rate"], line2_rate),
        (ROUNDINGS["line3_vat_rate"], line3_rate),
        (ROUNDINGS["line3_vat_once"], line3_once),
    ):
        assert document_totals(priced(lines), rule).total_with_vat == Decimal(expected), rule


def test_vat_by_line_by_rate_and_once() -> None:
    lines = priced([("1", "0.12", "0.2")] * 3)  # VAT 0.024 a line
    by_rule = {rule: document_totals(lines, rule).total_with_vat for rule in ROUNDINGS.values()}
    assert by_rule[ROUNDINGS["line2_vat_line"]] == by_rule[ROUNDINGS["line3_vat_line"]] == Decimal("0.42")
    assert by_rule[ROUNDINGS["line2_vat_rate"]] == by_rule[ROUNDINGS["line2_vat_once"]] == Decimal("0.43")
    two_rates = priced([("1", "0.12", "0.2"), ("1", "0.50", "0.10"), ("1", "0.10", "0.055")])
    rate = document_totals(two_rates, ROUNDINGS["line2_vat_rate"])  # 0.02 + 0.05 + 0.01
    once = document_totals(two_rates, ROUNDINGS["line2_vat_once"])  # 0.0795
    assert (rate.total, rate.total_with_vat, once.total_with_vat) == (
        Decimal("0.72"), Decimal("0.80"), Decimal("0.80"),
    )  # fmt: skip
    assert document_totals(priced([("1", "8.325", "0.2")]), ROUNDINGS["line3_vat_rate"]).total == Decimal(
        "8.325"
    )


@given(
    st.lists(
        st.tuples(
            st.decimals(-1000, 1000, places=4),
            st.decimals(0, 10_000, places=3),
            st.sampled_from([Decimal("0.2"), Decimal("0.1"), Decimal("0.055"), Decimal("0.021"), Decimal(0)]),
        ).map(lambda values: PricedLine(*values)),
        max_size=8,
    ),
    st.sampled_from([rule for rule in ROUNDINGS.values() if rule.mode in (ROUND_HALF_UP, ROUND_HALF_EVEN)]),
)
def test_a_credit_note_mirrors_its_invoice(lines: list[PricedLine], rule: SandboxRounding) -> None:
    invoiced = document_totals(lines, rule)
    reversed_ = document_totals([one._replace(quantity=-one.quantity) for one in lines], rule)
    assert reversed_.total == -invoiced.total
    assert reversed_.total_with_vat == -invoiced.total_with_vat
    # A rule may round each unit, so that half a cent comes with each of them.
    slack = Decimal("0.02") * (len(lines) + 1) + sum((abs(one.quantity) for one in lines), Decimal(0)) / 200
    assert abs(invoiced.total_with_vat - sum(q * p * (1 + v) for q, p, v in lines)) <= slack


@pytest.mark.parametrize(
    ("value", "text"), [("700.000", "700.0"), ("1458.27", "1458.27"), ("-0.0", "0.0"), ("1E+3", "1000.0")]
)
def test_decimal_text(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("pay_before", "due"),
    [
        (None, "2013-07-29"),
        ("cash", "2013-07-29"),
        ("15", "2013-08-14"),
        ("15-inv", "2013-08-13"),
        ("60fm", "2013-09-30"),
        ("00fm10", "2013-08-10"),
        ("30fm20-inv", "2013-09-20"),
        ("custom", None),
    ],
)
def test_due_dates(pay_before: str | None, due: str | None) -> None:
    found = due_on(pay_before, invoiced_on=date(2013, 7, 29), delivery_on=date(2013, 7, 30))
    assert found == (date.fromisoformat(due) if due else None)
