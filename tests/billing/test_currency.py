"""VAT that was not charged in euros: a question, or a sentence with the day's rate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bridge.billing.currency import nearest
from bridge.billing.documents import documents_for
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import ForeignCurrency, Rules
from bridge.billing.text import money
from bridge.currencies import ReferenceRate
from bridge.orders import Address, Line, Order, Reduction, Tax
from tests.builders.orders import NOON, order_of

D = Decimal
FRIDAY = date(2026, 11, 20)
RATE = Rules(foreign_currency=ForeignCurrency.RATE)


def line(gross: str, vat: str, rate: str) -> Line:
    return Line(id=rate, title="Thé", gross=D(gross), taxes=(Tax(amount=D(vat), rate=D(rate)),))


SOLD = replace(
    order_of(line("120.00", "20.00", "0.2"), line("10.55", "0.55", "0.055")),
    currency="USD",
    reference_rate=ReferenceRate(currency="USD", per_euro=D("1.0823"), on=FRIDAY),
)


def said(order: Order, rules: Rules = RATE) -> str:
    documents = documents_for(order, rules, UNKNOWN)
    return documents.invoice.information if documents.invoice else documents.hold.code


def test_the_vat_is_stated_in_euros_with_rate_and_source() -> None:
    assert said(SOLD) == (
        "TVA en euros : 18,48 € à 20 %, 0,51 € à 5,5 % = 18,99 € (1 EUR = 1,0823 USD, taux de référence de "
        "la Banque centrale européenne du 20/11/2026)."
    )


def test_a_credit_note_states_its_own() -> None:
    lines = (line("60.00", "10.00", "0.2"),)
    returned = Reduction(id="9", at=NOON, amount=D(60), paid_back=D(60), lines=lines)
    (note,) = documents_for(replace(SOLD, reductions=(returned,)), RATE, UNKNOWN).credit_notes
    assert note.information.startswith("TVA en euros : -9,24 € à 20 % (1 EUR = 1,0823 USD")


@pytest.mark.parametrize(
    ("order", "rules", "expected"),
    [
        (SOLD, Rules(), "vat_not_in_euros"),
        (replace(SOLD, reference_rate=None), RATE, "no_reference_rate"),
        (replace(SOLD, currency="EUR", reference_rate=None), Rules(), ""),
        (
            replace(
                SOLD,
                lines=(Line(id="1", title="Thé", gross=D("130.55")),),
                customer=replace(SOLD.customer, shipping=Address(country="US")),
            ),
            Rules(),
            "Adresse de livraison : US",
        ),
    ],
    ids=["asks", "no rate", "euros", "no VAT"],
)
def test_only_vat_in_another_currency_needs_it(order: Order, rules: Rules, expected: str) -> None:
    assert said(order, rules) == expected


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ([-1, 0, 1], 0),
        ([-3, -1, 1], -1),
        ([-5, 1], -5),
        ([-6, 2], 2),
        ([-6], None),
        ([6], None),
        ([], None),
    ],
)
def test_the_rate_is_the_last_one_known_that_day(days: list[int], found: int | None) -> None:
    known = [FRIDAY + timedelta(days=each) for each in days]
    assert nearest(known, FRIDAY) == (None if found is None else FRIDAY + timedelta(days=found))


@pytest.mark.parametrize(
    ("currency", "written"),
    [("EUR", "6,10 €"), ("USD", "6,10 USD"), ("JPY", "6 JPY"), ("KWD", "6,100 KWD")],
)
def test_an_amount_has_the_decimals_of_its_currency(currency: str, written: str) -> None:
    assert money(D("6.1"), currency) == written
