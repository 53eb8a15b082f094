"""The days of a document: of delivery, of the law that holds, of payment at the latest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.billing.dates import delivered_on, taxed_on
from bridge.billing.documents import documents_for
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import InvoiceWhen, Rules
from bridge.errors import NeedsPerson
from bridge.facturation.fields import invoice_fields
from bridge.orders import Line, Order, Tax
from tests.builders.orders import order_of

MUG = Line(id="1", title="Tasse", gross=Decimal(24), taxes=(Tax(amount=Decimal(4), rate=Decimal("0.2")),))
ORDERED = datetime(2026, 10, 30, 9, tzinfo=UTC)
PAID = datetime(2026, 11, 2, 9, tzinfo=UTC)
SHIPPED = date(2026, 11, 5)
ISSUED = date(2026, 11, 6)
BARE = replace(order_of(MUG), placed_at=ORDERED, paid_at=None)


def ordered(paid_at: datetime | None = None, delivered: date | None = None, due: date | None = None) -> Order:
    return replace(BARE, paid_at=paid_at, delivered_on=delivered, due_on=due)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ordered(PAID, SHIPPED), SHIPPED),
        (ordered(PAID), date(2026, 11, 2)),
        (ordered(None, SHIPPED), SHIPPED),
        (ordered(), None),
    ],
)
def test_delivered_is_the_supply_else_the_payment_never_the_order(
    order: Order, expected: date | None
) -> None:
    assert delivered_on(order) == expected


@pytest.mark.parametrize("wrong", [date(2025, 10, 1), date(2028, 11, 5)])
def test_a_delivery_far_from_its_order_asks(wrong: date) -> None:
    with pytest.raises(NeedsPerson) as asked:
        delivered_on(ordered(PAID, wrong))
    assert asked.value.reason.code == "delivery_far"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ordered(PAID, SHIPPED), date(2026, 11, 2)),
        (ordered(PAID), date(2026, 11, 2)),
        (ordered(PAID, date(2026, 11, 1)), date(2026, 11, 1)),
        (ordered(), date(2026, 10, 30)),
    ],
)
def test_the_law_of_the_day_is_not_changed_by_what_comes_later(order: Order, expected: date) -> None:
    assert taxed_on(order) == expected


def sent(order: Order, rules: Rules | None = None) -> dict[str, object]:
    rules = rules or Rules(invoice_when=InvoiceWhen.CREATED)
    invoice = documents_for(order, rules, UNKNOWN).invoice
    assert invoice
    return invoice_fields(invoice, 1, ISSUED)


def test_the_day_of_delivery_is_left_out_where_it_is_the_day_of_issue() -> None:
    assert sent(ordered(PAID, SHIPPED))["delivery_on"] == "2026-11-05"
    assert "delivery_on" not in sent(ordered(PAID, ISSUED))


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (date(2026, 12, 6), {"term_on": "2026-12-06", "pay_before": "30-inv"}),
        (date(2026, 11, 30), {"term_on": "2026-11-30"}),
        (date(2026, 11, 1), {"term_on": "2026-11-06", "pay_before": "0"}),
        (None, {}),
    ],
)
def test_an_unpaid_invoice_says_by_when(due: date | None, expected: dict[str, str]) -> None:
    fields = sent(ordered(due=due))
    assert {name: fields[name] for name in ("term_on", "pay_before") if name in fields} == expected


def test_a_paid_invoice_has_no_term() -> None:
    assert "term_on" not in sent(ordered(PAID, due=date(2026, 12, 6)))


def test_only_an_unpaid_invoice_speaks_of_late_payment() -> None:
    rules = Rules(
        invoice_when=InvoiceWhen.CREATED, late_terms="Pénalités de retard : 12 % ; indemnité : 40 €."
    )
    assert sent(ordered(), rules)["information"] == rules.late_terms
    assert "information" not in sent(ordered(PAID), rules)
