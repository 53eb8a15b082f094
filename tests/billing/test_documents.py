"""Policies, wording and payments of the invoice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.billing.documents import documents_for
from bridge.billing.drafts import InvoiceDraft
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import ALL, CANDIDATES, UNKNOWN, FirmRounding, total_under
from bridge.billing.rules import (
    DocumentPolicy,
    ForeignCurrency,
    GiftCards,
    InvoiceWhen,
    Rules,
    TestOrders,
    Tips,
)
from bridge.currencies import ReferenceRate
from bridge.movements import Movement, PaymentMethod
from bridge.orders import Address, Line, LineKind, Order, Reduction, Tax
from bridge.reasons import reason_from
from bridge.texts import text_of
from tests.builders.orders import NOON, PARIS_ADDRESS, order_of

D = Decimal
KNOWN = FirmRounding.of(CANDIDATES["line2_vat_rate"])
MUG = Line(id="1", title="Tasse", gross=D("24"), taxes=(Tax(amount=D("4"), rate=D("0.2")),))
SALE = order_of(MUG)
UNPAID = replace(SALE, paid_at=None)


def invoice_of(order: Order, rules: Rules | None = None) -> InvoiceDraft:
    documents = documents_for(order, rules or Rules(gift_cards=GiftCards.MULTI, tips=Tips.STAFF), KNOWN)
    assert not documents.hold
    assert documents.invoice is not None
    return documents.invoice


def test_a_plain_sale() -> None:
    documents = documents_for(SALE, Rules(), KNOWN)
    invoice = invoice_of(SALE)
    assert documents.customer
    assert documents.customer.key == "shopify:boutique:customer:7"
    assert (invoice.key, invoice.title, invoice.total, invoice.agreed) == (
        SALE.key,
        "Commande 1001",
        D(24),
        True,
    )
    assert [(line.title, line.quantity, line.unit_price, line.vat) for line in invoice.lines] == [
        ("Tasse", D(1), D(20), D("0.2"))
    ]
    assert invoice.delivered_on == date(2026, 11, 22)
    assert invoice.paid
    assert (invoice.paid.on, invoice.paid.method) == (date(2026, 11, 22), PaymentMethod.CARD)
    assert documents == documents_for(SALE, Rules(), KNOWN)


IGNORED_OR_WAITING = [
    (replace(SALE, test=True), Rules(), "ignore", "test order"),
    (replace(UNPAID, cancelled_at=NOON), Rules(), "ignore", "cancelled before payment"),
    (UNPAID, Rules(), "wait", "waits for payment"),
    (replace(UNPAID, problems=(reason_from("odd"),)), Rules(), "wait", "waits for payment"),
    (order_of(replace(MUG, gross=D(0), taxes=())), Rules(), "ignore", "zero"),
    (replace(SALE, problems=(reason_from("odd"), reason_from("strange"))), Rules(), "hold", "odd; strange"),
    (
        order_of(replace(MUG, gross=D(-24), taxes=(Tax(amount=D(-4), rate=D("0.2")),))),
        Rules(),
        "hold",
        "negative",
    ),
    (replace(SALE, lines=()), Rules(), "hold", "no lines"),
    (replace(SALE, total=D("25")), Rules(), "hold", "difference +1"),
    (SALE, Rules(document=DocumentPolicy.EXTERNAL), "hold", "no invoice number"),
    (order_of(replace(MUG, taxes=())), Rules(), "hold", "no VAT"),
]


@pytest.mark.parametrize(("order", "rules", "field", "words"), IGNORED_OR_WAITING)
def test_no_invoice_and_why(order: Order, rules: Rules, field: str, words: str) -> None:
    documents = documents_for(order, rules, KNOWN)
    assert documents.invoice is None
    assert words in text_of(getattr(documents, field))
    assert [name for name in ("hold", "ignore", "wait") if getattr(documents, name)] == [field]


def test_tests_and_free_orders_are_invoiced_on_demand() -> None:
    assert invoice_of(replace(SALE, test=True), Rules(test_orders=TestOrders.INVOICE)).total == 24
    free = order_of(
        replace(MUG, gross=D(0), taxes=()), replace(MUG, id="2", title="Livre", gross=D(0), taxes=())
    )
    invoice = invoice_of(free, Rules(zero_total_orders=True))
    assert invoice.agreed
    assert [line.title for line in invoice.lines] == ["Tasse", "Livre"]


def test_an_invoice_before_payment_states_none() -> None:
    assert invoice_of(UNPAID, Rules(invoice_when=InvoiceWhen.CREATED)).paid is None


def test_a_cancelled_unpaid_order_reverses_an_invoice_made_before() -> None:
    rules, invoice = Rules(invoice_when=InvoiceWhen.CREATED), LedgerEntry(id=1, number="F1", total=D(24))
    cancelled = replace(UNPAID, cancelled_at=NOON)
    assert documents_for(cancelled, rules, KNOWN).credit_notes == ()
    documents = documents_for(cancelled, rules, KNOWN, {cancelled.key: invoice})
    (note,) = documents.credit_notes
    assert (note.key, note.full, note.total) == ("shopify:boutique:refund:cancel-1", True, D(-24))


def test_an_external_invoice_carries_its_number_and_day() -> None:
    invoice = invoice_of(replace(SALE, external_ref="IN-7"), Rules(document=DocumentPolicy.EXTERNAL))
    assert (invoice.external_ref, invoice.external_on) == ("IN-7", date(2026, 11, 22))
    assert invoice_of(replace(SALE, external_ref="IN-7")).external_ref == ""


@pytest.mark.parametrize(
    ("currency", "agreed"), [("EUR", True), ("USD", True), ("JPY", False), ("ISK", False)]
)
def test_how_other_currencies_are_rounded_is_seen_on_a_draft_first(currency: str, agreed: bool) -> None:
    order = replace(
        order_of(Line(id="1", title="Thé", gross=D(120), taxes=(Tax(amount=D(20), rate=D("0.2")),))),
        currency=currency,
        reference_rate=ReferenceRate(currency=currency, per_euro=D("1.25"), on=NOON.date()),
    )
    refund = Reduction(id="9", at=NOON, amount=D(60))
    rules = Rules(foreign_currency=ForeignCurrency.RATE)
    documents = documents_for(replace(order, reductions=(refund,)), rules, KNOWN)
    assert documents.invoice
    assert (documents.invoice.agreed, documents.credit_notes[0].agreed) == (agreed, agreed)


def test_cents_of_rounding_between_lines_and_total_are_carried() -> None:
    six = order_of(*(replace(MUG, id=str(place)) for place in range(6)))
    for rule in ALL:
        order = replace(six, total=D("144.03"))
        invoice = documents_for(order, Rules(), FirmRounding.of(rule)).invoice
        assert invoice
        assert invoice.agreed
        assert total_under(rule, invoice.lines) == D("144.03")


TITLES: list[tuple[Line, str]] = [
    (replace(MUG, sku="T-1"), "Tasse [T-1]"),
    (replace(MUG, title="Tasse T-1", sku="T-1"), "Tasse T-1"),
    (replace(MUG, title=" Tasse\n<b>bleue\x00 "), "Tasse ‹b›bleue"),
    (replace(MUG, discount=D("5"), discount_labels=("NOEL", "")), "Tasse - dont remise 5,00 € TTC (NOEL)"),
    (replace(MUG, discount=D("2.5")), "Tasse - dont remise 2,50 € TTC"),
    (replace(MUG, period=(date(2026, 11, 1), date(2026, 11, 30))), "Tasse - du 01/11/2026 au 30/11/2026"),
    (replace(MUG, kind=LineKind.SHIPPING, title="Colissimo"), "Livraison : Colissimo"),
    (replace(MUG, kind=LineKind.SHIPPING, title=""), "Livraison"),
    (replace(MUG, kind=LineKind.GIFT_CARD, title="Carte cadeau 24 €", taxes=()), "Carte cadeau 24 €"),
    (replace(MUG, kind=LineKind.TIP, title="", taxes=()), "Pourboire"),
    (replace(MUG, kind=LineKind.FEE, title="Emballage"), "Emballage"),
]


@pytest.mark.parametrize(("line", "title"), TITLES)
def test_lines_read_as_people_expect(line: Line, title: str) -> None:
    assert [one.title for one in invoice_of(order_of(line)).lines] == [title]


def test_shipping_over_two_rates_is_two_lines() -> None:
    taxes = (Tax(amount=D("0.83"), rate=D("0.2")), Tax(amount=D("0.31"), rate=D("0.055")))
    shipping = Line(id="S", kind=LineKind.SHIPPING, title="Colissimo", gross=D("11"), taxes=taxes)
    lines = invoice_of(order_of(MUG, shipping)).lines
    assert [line.title for line in lines[1:]] == [
        "Livraison : Colissimo - part à 20 %",
        "Livraison : Colissimo - part à 5,5 %",
    ]


def test_free_parts_of_a_bundle_are_dropped_but_not_a_gift() -> None:
    part = replace(MUG, id="2", title="Cuillère", gross=D(0), taxes=())
    gift = replace(part, id="3", title="Cadeau", discount=D(8))
    titles = [line.title for line in invoice_of(order_of(MUG, part, gift)).lines]
    assert titles == ["Tasse", "Cadeau - dont remise 8,00 €"]


def test_templates_are_filled_and_other_braces_left_alone() -> None:
    invoice = invoice_of(
        SALE, Rules(title="{platform} {shop} n° {number} {odd}", information="Merci {number}")
    )
    assert (invoice.title, invoice.information) == ("shopify boutique n° 1001 {odd}", "Merci 1001")


def test_another_delivery_address_is_noted() -> None:
    there = Address(
        recipient="Tante Rose", street="2 quai\nBât. B", city="Lyon", postcode="69001", country="FR"
    )
    customer = replace(SALE.customer, shipping=there)
    assert (
        "Adresse de livraison : Tante Rose, 2 quai Bât. B, 69001 Lyon, FR"
        in invoice_of(replace(SALE, customer=customer)).information
    )
    same = replace(SALE.customer, shipping=replace(PARIS_ADDRESS, city="PARIS"))
    assert "livraison" not in invoice_of(replace(SALE, customer=same)).information


def test_the_payment_is_the_largest_that_is_no_gift_card() -> None:
    payments = (
        Movement(method=PaymentMethod.GIFT_CARD, amount=D(20)),
        Movement(method=PaymentMethod.OTHER, gateway="Alma", reference="p1", amount=D(4)),
    )
    invoice = invoice_of(replace(SALE, movements=payments), Rules(gateways={"alma": PaymentMethod.CARD}))
    assert invoice.paid
    assert (invoice.paid.method, invoice.paid.reference) == (PaymentMethod.CARD, "p1")
    assert "Réglé 20,00 € par carte cadeau." in invoice.information
    assert "Réglé 4,00 € par carte bancaire." in invoice.information


def test_days_are_those_of_paris() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    invoice = invoice_of(replace(SALE, placed_at=late, paid_at=late))
    assert invoice.paid
    assert (invoice.paid.on, invoice.delivered_on) == (date(2027, 1, 1), date(2027, 1, 1))
    sent = invoice_of(replace(SALE, delivered_on=date(2026, 11, 25)))
    assert sent.delivered_on == date(2026, 11, 25)


def test_the_accountant_is_told_why() -> None:
    why = " ".join(invoice_of(SALE).why)
    assert "TVA française 20 %" in why
    assert "Prix unitaires hors taxes de la commande" in why
    order = order_of(replace(MUG, gross=D("9.99"), taxes=(Tax(amount=D("1.67"), rate=D("0.2")),)))
    unsure = documents_for(order, Rules(), UNKNOWN).invoice
    assert unsure
    assert not unsure.agreed
    assert "vérifié sur un brouillon" in " ".join(unsure.why)
    assert "pourrait être 9,98" in " ".join(unsure.why)
