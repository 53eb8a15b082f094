"""The same histories through drafts and steps, with a firm that computes totals by a rule of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import assume, event, given, reject, settings
from hypothesis import strategies as st

from bridge.billing.rounding import CANDIDATES, Rounding
from bridge.orders import CENT, ZERO, Order, Reduction
from bridge.texts import text_of
from tests.billing.books.firm import Firm
from tests.billing.books.histories import NOON, RETURN, TOLD, Op, histories, order_after
from tests.builders.orders import cart

LOOKS = st.sets(st.integers(0, 8))
RULES = st.sampled_from(sorted(CANDIDATES.values(), key=lambda rule: rule.name))


def live(ops: Sequence[Op], looks: set[int], rule: Rounding, *, old: bool = False) -> tuple[Firm, Order]:
    """`old`: after the first look the bridge is of a version that keeps books."""
    firm = Firm(rule)
    for count in sorted({0, *looks, len(ops)}):
        if count > len(ops):
            continue
        order = order_after(ops[:count])
        rest = firm.bring_in_line(order)
        if old and rest.reason.code == "invoice_differs":
            reject()  # the older version does not tell what its invoice was over
        assert rest.outcome in ("done", "open"), text_of(rest.reason)
        if old and not count:
            firm.forget_what_older_versions_did_not_keep()
    return firm, order_after(ops)


def worth(order: Order) -> Decimal:
    return order.total - sum((each.amount for each in order.reductions), ZERO)


@settings(max_examples=150, deadline=None)
@given(histories(), LOOKS, RULES, st.booleans())
def test_the_documents_come_to_the_sale(
    ops: tuple[Op, ...], looks: set[int], rule: Rounding, old: bool
) -> None:
    firm, order = live(ops, looks, rule, old=old)
    assert sum((entry.total or ZERO for entry in firm.documents), ZERO) == worth(order)


@settings(max_examples=100, deadline=None)
@given(histories([kind for kind in TOLD if kind != RETURN]), LOOKS, RULES)
def test_what_is_written_comes_to_the_sale_at_each_rate(
    ops: tuple[Op, ...], looks: set[int], rule: Rounding
) -> None:
    assume(rule.vat != "gross_unit")  # a unit's rounding is multiplied by how many there are
    firm, _ = live(ops, looks, rule)
    stated: dict[Decimal, Decimal] = {}
    written: dict[Decimal, Decimal] = {}
    for entry in firm.documents:
        for part in entry.parts:
            stated[part.rate] = stated.get(part.rate, ZERO) + part.gross
        for rate, net in entry.nets:
            written[rate] = written.get(rate, ZERO) + net * (1 + rate)
    for rate, gross in written.items():
        assert abs(gross - stated.get(rate, ZERO)) <= 3 * CENT * len(firm.documents)


@settings(max_examples=60, deadline=None)
@given(st.data(), RULES)
def test_the_last_credit_note_empties_each_rate(data: st.DataObject, rule: Rounding) -> None:
    """Refunds by amount alone, until nothing is left: of VAT neither, as the documents are written."""
    order = cart(lambda low, high: data.draw(st.integers(low, high)), size=data.draw(st.integers(1, 4)))
    firm = Firm(rule)
    firm.bring_in_line(order)
    left = order.total
    parts = [data.draw(st.integers(1, int(left * 100))) * CENT for _ in range(data.draw(st.integers(0, 2)))]
    for hour, part in enumerate([*parts, left], start=1):
        amount = min(part, left) if hour <= len(parts) else left
        left -= amount
        if amount:
            back = Reduction(id=f"R{hour}", at=NOON + timedelta(hours=hour), amount=amount, paid_back=amount)
            order = replace(order, reductions=(*order.reductions, back))
            assert firm.bring_in_line(order).outcome == "done"
    assert sum((entry.total or ZERO for entry in firm.documents), ZERO) == 0
    nets: dict[Decimal, Decimal] = {}
    for entry in firm.documents:
        for rate, net in entry.nets:
            nets[rate] = nets.get(rate, ZERO) + net
    vat = sum((net for rate, net in nets.items() if rate), ZERO)
    event("exactly" if not vat else "to some cents")
    assert abs(vat) <= 2 * CENT * len(firm.documents)
