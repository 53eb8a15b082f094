"""The family of rules: what each makes of lines, what totals teach, and drafts that tell all apart."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.billing.drafts import DraftLine
from bridge.billing.probes import Seen, explaining, telling
from bridge.billing.rounding import (
    ALL,
    CANDIDATES,
    OUTLANDISH,
    SUSPECTS,
    UNKNOWN,
    FirmRounding,
    Rounding,
    fingerprint,
    fitting,
    net_under,
    rates_under,
    total_under,
    totals_under,
)
from bridge.sandbox.totals import ROUNDINGS, PricedLine, document_totals

D = Decimal
OLD = [f"{net}_vat_{vat}" for net in ("line2", "line3") for vat in ("line", "rate", "once")]
"""The names that stores have kept from the beginning."""


def line(price: str, vat: str = "0.2", quantity: str = "1") -> DraftLine:
    return DraftLine(title="x", quantity=D(quantity), unit_price=D(price), vat=D(vat))


# The table of ../shared/facturation/api.md, section 2, and the reasoning of each rule by hand.
RULED = [
    ([line("8.325")], ["10.00", "10.00", "10.00", "10.00", "10.00", "9.99"]),
    ([line("8.325", quantity="3")], ["29.98", "29.98", "29.98", "29.98", "29.98", "29.97"]),
    ([line("7.583", "0.055", "100")], ["800.01"] * 6),
    ([line("16.583"), line("4.083")], ["24.80", "24.79", "24.79", "24.81", "24.80", "24.80"]),
    ([line("0.938", "0.055")] * 3, ["2.97", "2.98", "2.98", "2.96", "2.96", "2.97"]),
    ([line("10"), line("10", "0.1"), line("-1")], ["21.80"] * 6),
]
# One amount each that shows what the name says, by hand.
NEWER = [
    ("exact_gross_line", [line("0.333", quantity="1.5")] * 2, "1.20"),  # 0.5994 → 0.60 a line
    ("exact_gross_rate", [line("0.333", quantity="1.5")] * 2, "1.20"),  # 1.1988
    ("exact_vat_once", [line("4.995"), line("0.004", quantity="0.5")], "6.00"),  # 5.9964
    ("line3_gross_line", [line("4.1625"[:5])], "4.99"),  # 4.162 × 1.2 = 4.9944
    ("exact_gross_unit", [line("8.321", quantity="3")], "29.97"),  # 9.9852 → 9.99 a unit
    ("line3_base_rate", [line("8.324")], "9.98"),  # 8.32 + 1.664
    ("line3_base_rate_even", [line("8.325")], "9.98"),  # 8.32 + 1.664
    ("line2_vat_rate_even", [line("8.325")], "9.98"),  # 8.32 + 1.664
    ("line2_vat_rate_even", [line("8.335")], "10.01"),  # 8.34 + 1.668
    ("line3_vat_once_even", [line("4.550", "0.1")], "5.00"),  # 5.005
    ("line2_gross_line_even", [line("0.05", "0.1")], "0.06"),  # 0.055: 5 is odd
    ("line2_vat_line_even", [line("0.05", "0.1")], "0.05"),  # 0.05 + 0.005: 0 is even
    ("line2_gross_rate_even", [line("0.01", "0.1"), line("0.04", "0.1")], "0.06"),  # 0.055
]


@pytest.mark.parametrize(("lines", "totals"), RULED)
def test_each_rule_computes_its_total(lines: list[DraftLine], totals: list[str]) -> None:
    assert [total_under(CANDIDATES[name], lines) for name in OLD] == [D(total) for total in totals]


@pytest.mark.parametrize(("name", "lines", "total"), NEWER)
def test_the_newer_rules_do_what_their_names_say(name: str, lines: list[DraftLine], total: str) -> None:
    assert total_under(CANDIDATES[name], lines) == D(total)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.decimals(-20, 20, places=4),
            st.decimals(0, 400, places=3),
            st.sampled_from(["0.2", "0.1", "0.055", "0.021", "0"]).map(D),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whole_numbers_and_the_sandboxs_decimals_agree(
    values: list[tuple[Decimal, Decimal, Decimal]],
) -> None:
    """Two ways to compute one thing, for each rule, the outlandish ones too."""
    lines = [DraftLine(title="", quantity=q, unit_price=p, vat=v) for q, p, v in values]
    for rule, total in totals_under(SUSPECTS.values(), lines).items():
        theirs = document_totals([PricedLine(*one) for one in values], ROUNDINGS[rule.name])
        assert theirs.total_with_vat == total, rule
        assert theirs.total == rule.shown(net_under(rule, lines), 3), rule


@given(st.lists(st.sampled_from([one for lines, _ in RULED for one in lines]), min_size=1, max_size=6))
def test_a_credit_is_the_exact_negative_of_its_sale(lines: list[DraftLine]) -> None:
    credit = [line(str(one.unit_price), str(one.vat), str(-one.quantity)) for one in lines]
    for rule in ALL:
        assert total_under(rule, credit) == -total_under(rule, lines)
        sold, back = rates_under(rule, lines), rates_under(rule, credit)
        assert {rate: (-one.net, -one.vat) for rate, one in sold.items()} == {
            rate: (one.net, one.vat) for rate, one in back.items()
        }


def test_what_a_document_holds_of_a_rate_is_what_its_lines_make_under_the_rule() -> None:
    lines = [line("3.33"), line("3.33"), line("3.33"), line("10.00", "0.055")]
    by_line = rates_under(CANDIDATES["line2_vat_line"], lines)
    by_rate = rates_under(CANDIDATES["line2_vat_rate"], lines)
    assert (by_line[D("0.2")].net, by_line[D("0.2")].vat) == (D("9.99"), D("2.01"))
    assert (by_rate[D("0.2")].net, by_rate[D("0.2")].vat) == (D("9.99"), D("2.00"))
    assert (by_rate[D("0.055")].net, by_rate[D("0.055")].gross) == (D("10.00"), D("10.55"))


# --- names and knowledge


def test_the_names_that_stores_have_kept_are_the_rules_they_were() -> None:
    assert all(FirmRounding.read(name) == FirmRounding.of(CANDIDATES[name]) for name in OLD)
    assert len(CANDIDATES) == len(ALL) == 34
    assert not CANDIDATES.keys() & OUTLANDISH.keys()


@pytest.mark.parametrize(
    "known",
    [UNKNOWN, FirmRounding.of(CANDIDATES["exact_gross_line_even"]), FirmRounding(frozenset())]
    + [FirmRounding(frozenset(pair)) for pair in list(combinations(CANDIDATES.values(), 2))[::40]],
)
def test_what_is_known_is_read_as_it_was_kept(known: FirmRounding) -> None:
    assert FirmRounding.read(known.text) == known


def test_a_rule_of_another_version_is_as_good_as_none() -> None:
    assert FirmRounding.read("line4_vat_moon") == UNKNOWN
    assert FirmRounding.read("?line2_vat_rate,line4_vat_moon").candidates == {CANDIDATES["line2_vat_rate"]}


def test_a_total_narrows_the_candidates_and_holds_nothing_by_itself() -> None:
    lines = [line("8.325")]
    once = UNKNOWN.after(lines, D("9.99"))
    assert once.candidates == fitting(lines, D("9.99")) < ALL
    assert CANDIDATES["line3_vat_once"] in once.candidates
    assert not once.held
    odd = once.after(lines, D("9.98"))
    assert odd.candidates
    assert odd.candidates <= set(OUTLANDISH.values())
    assert not odd.held
    assert odd.after(lines, D("9.99")) == FirmRounding(frozenset())


def test_a_held_rule_that_fails_is_held_no_more_and_all_is_open_but_for_what_was_seen() -> None:
    known = FirmRounding.of(CANDIDATES["line2_vat_rate"])
    lines = [line("8.325")]
    assert known.after(lines, D("10.00")) is known
    assert known.after(lines, D("9.99")) == FirmRounding(fitting(lines, D("9.99")))


def test_a_total_no_rule_explains_fits_nothing() -> None:
    assert fitting([line("8.325")], D("9.50")) == frozenset()


def test_a_fingerprint_tells_lines_by_what_counts() -> None:
    one = fingerprint([line("8.325"), line("1", "0.1")])
    assert one == fingerprint(
        [line("8.325"), DraftLine(title="y", quantity=D("1.0"), unit_price=D(1), vat=D("0.10"))]
    )
    assert one != fingerprint([line("8.326"), line("1", "0.1")])
    assert one != fingerprint([line("1", "0.1"), line("8.325")])


# --- probes


@pytest.mark.parametrize(("seed", "every"), [(1, 1), (2, 4), (3, 4)])
def test_drafts_leave_exactly_the_rule_that_is_followed(seed: int, every: int) -> None:
    """Of all candidates and all outlandish rules, in four drafts, most in two."""
    drafts = []
    for truth in list(SUSPECTS.values())[::every]:
        pick, seen, left = random.Random(seed).randint, list[Seen](), frozenset(SUSPECTS.values())
        while len(left) > 1 and len(seen) < 6:
            lines = telling(pick, left)
            seen.append(Seen(lines, total_under(truth, lines), truth.shown(net_under(truth, lines), 2)))
            left = explaining(seen)
        assert left == {truth}
        drafts.append(len(seen))
    assert sum(drafts) / len(drafts) < 3
    assert max(drafts) <= 5


def test_net_totals_tell_rules_apart_unless_they_follow_none() -> None:
    lines = (line("3.333"),)
    fits = fitting(lines, D("4.00"), SUSPECTS.values())
    assert {rule.decimals for rule in fits} == {2, 3, None}
    told = explaining([Seen(lines, D("4.00"), D("3.333"))])
    assert {rule.decimals for rule in told} == {3, None}
    assert explaining([Seen(lines, D("4.00"), D("3.33"))]) >= {rule for rule in fits if rule.mode == "up"}
    assert explaining([Seen(lines, D("4.00"), D("77"))]) == fits == explaining([Seen(lines, D("4.00"))])
    assert explaining([Seen(lines, D("77"))]) == frozenset()


def test_the_same_chance_gives_the_same_drafts() -> None:
    one, other, another = (telling(random.Random(seed).randint, ALL) for seed in (1, 1, 2))
    assert one == other != another


def test_drafts_have_prices_and_quantities_that_the_api_takes() -> None:
    for seed in range(20):
        for each in telling(random.Random(seed).randint, [Rounding(2, "vat_line")]):
            assert each.unit_price == each.unit_price.quantize(D("0.001")) > 0
            assert each.quantity == each.quantity.quantize(D("0.0001")) > 0
