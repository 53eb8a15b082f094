"""Orders from before the shop's `invoice_from`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bridge.billing.documents import documents_for
from bridge.billing.drafts import Documents
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import InvoiceWhen, Rules
from bridge.movements import Dispute, DisputeState
from bridge.orders import Line, Order, Reduction, RefundState, Tax
from tests.builders.orders import NOON, order_of

D = Decimal
MUG = Line(id="1", title="Tasse", gross=D(24), taxes=(Tax(amount=D(4), rate=D("0.2")),))
EARLIER = NOON - timedelta(days=400)
OLD = replace(order_of(MUG), placed_at=EARLIER, paid_at=EARLIER)
RULES = Rules(invoice_from=date(2026, 11, 22))
REFUND = Reduction(id="8", at=NOON, amount=D(24), paid_back=D(24))


def documents(order: Order, rules: Rules = RULES, made: LedgerEntry | None = None) -> Documents:
    return documents_for(order, rules, UNKNOWN, {order.key: made} if made else {})


def test_one_of_then_is_quietly_left_alone() -> None:
    found = documents(OLD)
    assert (found.ignore.code, found.hold.code, found.invoice) == ("earlier", "", None)
    assert found.ignore.fact("placed") == "2025-10-18"
    assert documents(OLD, Rules()).invoice, "a shop without a first day invoices each"
    created = replace(RULES, invoice_when=InvoiceWhen.CREATED)
    assert documents(replace(OLD, paid_at=None), created).ignore.code == "earlier"


@pytest.mark.parametrize(("hours", "earlier"), [(-13.5, True), (-13, False), (0, False)])
def test_the_day_is_that_of_paris(hours: float, earlier: bool) -> None:
    placed = NOON + timedelta(hours=hours)
    found = documents(replace(OLD, placed_at=placed, paid_at=placed))
    assert (found.ignore.code == "earlier") is earlier


def test_paid_since_asks_unless_it_is_not_paid_at_all() -> None:
    assert documents(replace(OLD, paid_at=NOON)).hold.code == "earlier_paid_since"
    assert documents(replace(OLD, paid_at=None)).wait.code == "waits_for_payment"


def test_a_refund_of_one_says_that_its_invoice_is_not_ours() -> None:
    assert documents(replace(OLD, reductions=(REFUND,))).hold.code == "earlier_refunded"
    then = replace(REFUND, at=EARLIER)
    failed = replace(REFUND, state=RefundState.FAILED)
    assert documents(replace(OLD, reductions=(then, failed))).ignore.code == "earlier"


def test_a_dispute_of_one_asks() -> None:
    dispute = Dispute(id="d", amount=D(24), state=DisputeState.OPEN, reason="fraud")
    assert documents(replace(OLD, disputes=(dispute,))).hold.code == "earlier_disputed"


def test_what_is_documented_goes_on() -> None:
    made = LedgerEntry(id=1, number="F1", total=D(24), customer_id=7)
    found = documents(replace(OLD, reductions=(REFUND,)), made=made)
    assert (found.hold.code, len(found.credit_notes)) == ("", 1)
