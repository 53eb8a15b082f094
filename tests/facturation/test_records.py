"""Drafts to fields and answers to records."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, DraftLine, InvoiceDraft, PaymentNote
from bridge.billing.rules import DocumentPolicy
from bridge.errors import NeedsPerson
from bridge.facturation.fields import (
    api_id_of,
    credit_note_fields,
    customer_fields,
    invoice_fields,
    line_fields,
    payment_fields,
)
from bridge.facturation.records import account_record, customer_record, emails_in, invoice_record
from bridge.facturation.values import CURRENCIES, LANGUAGES, PAYMENT_MODES, clean, decimal_text
from bridge.movements import PaymentMethod
from bridge.reasons import because

TODAY = date(2026, 11, 22)
PERSON = CustomerDraft(
    key="shopify:boutique:customer:1",
    individual=True,
    company="ignored",
    first_name="Zoé",
    last_name="Martin",
    street="1 rue de la Paix\nBâtiment B",
    postcode="75002",
    city="Paris",
    country="FR",
    email="zoe@example.com",
)
LINE = DraftLine(title="Thé vert", quantity=Decimal(2), unit_price=Decimal("8.325"), vat=Decimal("0.2"))
INVOICE = InvoiceDraft(
    key="shopify:boutique:order:1",
    policy=DocumentPolicy.FINAL,
    lines=(LINE, LINE),
    currency="EUR",
    total=Decimal("39.96"),
    agreed=True,
    title="Commande 1",
)
REFUND = CreditNoteDraft(
    key="shopify:boutique:refund:9",
    invoice_key=INVOICE.key,
    refund_id="9",
    full=False,
    total=Decimal("-9.99"),
    currency="EUR",
    refunded_on=date(2026, 11, 20),
    lines=(replace(LINE, quantity=Decimal(-1)),),
)


def test_api_id_is_the_first_63_bits_of_sha256_of_the_key() -> None:
    # echo -n shopify:boutique:order:1 | sha256sum
    assert api_id_of("shopify:boutique:order:1") == 0x81AACBFD9AEC8293 >> 1


@given(st.text(min_size=1))
def test_api_id_fits_a_positive_bigint(key: str) -> None:
    if key.isprintable():
        assert 0 < api_id_of(key) < 2**63


def test_a_consumer_has_no_company_name() -> None:
    assert customer_fields(PERSON) == {
        "api_id": api_id_of(PERSON.key),
        "api_custom": "shopify:boutique:customer:1",
        "individual": True,
        "language": "fr",
        "first_name": "Zoé",
        "last_name": "Martin",
        "street": "1 rue de la Paix\nBâtiment B",
        "zip_code": "75002",
        "city": "Paris",
        "country": "FR",
        "email": "zoe@example.com",
    }


def test_a_company_says_so() -> None:
    draft = replace(
        PERSON, individual=False, company="ACME", vat_number="FR40303265045", siret="30326504500017"
    )
    fields = customer_fields(draft)
    assert (fields["individual"], fields["company_name"]) == (False, "ACME")
    assert (fields["vat_number"], fields["siret"]) == ("FR40303265045", "30326504500017")


def test_texts_are_cut_to_their_columns_and_cleaned() -> None:
    draft = replace(
        PERSON,
        last_name="M" * 300,
        postcode="7" * 30,
        first_name="<b>Zo\x00é\ud83d</b>",
        city="  Paris\t 2\r\n",
        vat_number="F" * 40,
        phone="",
    )
    fields = customer_fields(draft)
    assert len(fields["last_name"]) == 255
    assert len(fields["zip_code"]) == 20
    assert len(fields["vat_number"]) == 30
    assert fields["first_name"] == "bZoé/b"
    assert fields["city"] == "Paris 2"
    assert "phone" not in fields


@pytest.mark.parametrize("country", ["France", "fr", "FRA"])
def test_a_country_that_is_no_iso_code_is_a_bug(country: str) -> None:
    with pytest.raises(ValueError, match="alpha-2"):
        customer_fields(replace(PERSON, country=country))


@pytest.mark.parametrize(
    ("country", "said", "kept"), [("FR", "de", "fr"), ("DE", "de", "en"), ("NL", "nl", "nl")]
)
def test_an_unknown_language_falls_back(country: str, said: str, kept: str) -> None:
    assert customer_fields(replace(PERSON, country=country, language=said))["language"] == kept


def test_a_key_that_would_not_be_found_again_asks_a_person() -> None:
    with pytest.raises(NeedsPerson, match="key_too_long"):
        customer_fields(replace(PERSON, key="k" * 256))


def test_a_paid_invoice() -> None:
    paid = PaymentNote(on=date(2026, 11, 21), method=PaymentMethod.CARD, reference="pi_1")
    draft = replace(INVOICE, paid=paid, delivered_on=date(2026, 11, 21), category_id=3, nature=1)
    assert invoice_fields(draft, 12, TODAY) == {
        "api_id": api_id_of(INVOICE.key),
        "api_custom": INVOICE.key,
        "customer_id": 12,
        "currency": "EUR",
        "language": "fr",
        "category_id": 3,
        "items": [
            {
                "position": n,
                "title": "Thé vert",
                "quantity": "2",
                "unit_price": "8.325",
                "vat": "0.2",
                "nature": 1,
            }
            for n in (1, 2)
        ],
        "invoiced_on": "2026-11-22",
        "title": "Commande 1",
        "delivery_on": "2026-11-21",
        "pay_before": "cash",
        "paid_on": "2026-11-21",
        "payment_mode": 2,
        "payment_ref": "pi_1",
    }


def test_an_unpaid_invoice_says_nothing_about_payment() -> None:
    assert not {"paid_on", "payment_mode", "pay_before"} & invoice_fields(INVOICE, 12, TODAY).keys()


def test_an_imported_invoice_keeps_the_platforms_number_and_date() -> None:
    draft = replace(
        INVOICE, policy=DocumentPolicy.EXTERNAL, external_ref="F-1", external_on=date(2026, 11, 1)
    )
    fields = invoice_fields(draft, 12, TODAY)
    assert (fields["external_ref"], fields["invoiced_on"]) == ("F-1", "2026-11-01")
    with pytest.raises(ValueError, match="number and date"):
        invoice_fields(replace(draft, external_ref=""), 12, TODAY)
    with pytest.raises(ValueError, match="number and date"):
        invoice_fields(replace(draft, external_on=None), 12, TODAY)


def test_an_unknown_currency_asks_a_person() -> None:
    with pytest.raises(NeedsPerson) as asked:
        invoice_fields(replace(INVOICE, currency="XYZ"), 12, TODAY)
    assert asked.value.reason == because("currency_unknown", currency="XYZ")


def test_a_legal_mention_is_never_cut() -> None:
    assert invoice_fields(replace(INVOICE, vat_exemption="x" * 255), 12, TODAY)["vat_exemption"] == "x" * 255
    with pytest.raises(NeedsPerson) as asked:
        invoice_fields(replace(INVOICE, vat_exemption="x" * 256), 12, TODAY)
    assert asked.value.reason == because("mentions_too_long", length=256, most=255)


def test_exemption_and_oss() -> None:
    fields = invoice_fields(replace(INVOICE, vat_exemption="Art. 262 I", vat_country="DE"), 12, TODAY)
    assert (fields["vat_exemption"], fields["vat_country"]) == ("Art. 262 I", "DE")


def test_a_partial_credit_note_names_its_invoice_and_is_settled() -> None:
    fields = credit_note_fields(REFUND, 12, [("FA202611-1", date(2026, 11, 2))], TODAY)
    assert fields["title"] == "Avoir partiel sur facture FA202611-1 du 02/11/2026"
    two = [("F1", date(2026, 11, 2)), ("F2", date(2026, 11, 3))]
    title = credit_note_fields(REFUND, 12, two, TODAY)["title"]
    assert title == "Avoir partiel sur factures F1 du 02/11/2026 et F2 du 03/11/2026"
    assert fields["items"][0]["quantity"] == "-1"
    assert (fields["invoiced_on"], fields["paid_on"], fields["payment_mode"]) == (
        "2026-11-22",
        "2026-11-20",
        99,
    )


def test_a_full_credit_note_has_no_fields() -> None:
    with pytest.raises(ValueError, match="refund_invoice"):
        credit_note_fields(replace(REFUND, full=True, lines=()), 12, [("1", TODAY)], TODAY)


@pytest.mark.parametrize(
    "line",
    [
        replace(LINE, quantity=Decimal("1.00001")),
        replace(LINE, unit_price=Decimal("8.3251")),
        replace(LINE, vat=Decimal("0.0105")),
        replace(LINE, unit_price=Decimal("NaN")),
    ],
)
def test_a_decimal_too_many_is_a_bug_not_a_rounding(line: DraftLine) -> None:
    with pytest.raises(ValueError, match="decimals"):
        line_fields(line, 1)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_decimals_are_written_exactly_and_plainly(value: Decimal) -> None:
    text = decimal_text(value, 3)
    assert Decimal(text) == value
    assert re.fullmatch(r"-?\d+(\.\d{1,3})?", text)
    assert text != "-0"


def test_big_round_numbers_have_no_exponent() -> None:
    assert decimal_text(Decimal("1E+3"), 3) == "1000"


@given(st.text(), st.integers(1, 50))
def test_clean_text_is_short_and_harmless(text: str, length: int) -> None:
    cleaned = clean(text, length)
    assert len(cleaned) <= length
    assert not set(cleaned) & set("<>\x00\r\t")
    cleaned.encode()
    assert clean(cleaned, length) == cleaned


def test_every_payment_method_has_a_code() -> None:
    assert PAYMENT_MODES.keys() == set(PaymentMethod)
    assert payment_fields(PaymentNote(on=TODAY, method=PaymentMethod.PAYPAL)) == {
        "paid_on": "2026-11-22",
        "payment_mode": 1,
    }


def test_lists_are_the_vendors() -> None:
    path = Path(__file__).parents[3] / "shared/facturation/fields.json"
    if not path.exists():
        pytest.skip("the contract is not here")
    enums = json.loads(path.read_text())["enums"]
    assert set(enums["currency"]) == CURRENCIES
    assert set(enums["language"]) == LANGUAGES
    assert {str(code) for code in PAYMENT_MODES.values()} <= set(enums["payment_mode"])


def test_an_invoice_is_read() -> None:
    record = invoice_record(
        {
            "id": 5001,
            "customer_id": 12,
            "api_id": str(2**62),
            "api_custom": "k",
            "invoice_ref": "202611-1",
            "full_invoice_ref": "FA202611-1",
            "draft": False,
            "external": False,
            "currency": "EUR",
            "total": "16.65",
            "total_with_vat": Decimal("19.98"),
            "invoiced_on": "2026-11-22",
            "paid_on": None,
            "payment_mode": 0,
            "refund_id": None,
            "unknown": {"ignored": True},
        }
    )
    assert (record.number, record.api_id) == ("FA202611-1", 2**62)
    assert (record.total, record.total_with_vat) == (Decimal("16.65"), Decimal("19.98"))
    assert (record.invoiced_on, record.paid_on, record.refund_id) == (TODAY, None, None)


def test_a_draft_is_read() -> None:
    record = invoice_record({"id": 1, "draft": True, "invoice_ref": None, "full_invoice_ref": None})
    assert record.draft
    assert record.number == ""


@pytest.mark.parametrize(
    "answer", [None, [], "ok", {}, {"id": None}, {"id": 0}, {"id": "x"}, {"id": 1, "total": "abc"}]
)
def test_an_answer_without_a_record_is_refused(answer: object) -> None:
    with pytest.raises(ValueError):
        invoice_record(answer)


def test_an_email_field_may_hold_several() -> None:
    assert emails_in("Zoe@Example.com; b@c.fr,\nd@e.fr") == {"zoe@example.com", "b@c.fr", "d@e.fr"}
    assert customer_record({"id": 1, "email": None}).emails == frozenset()


def test_an_account_is_read() -> None:
    assert account_record({"id": 1, "firms": [{"id": 7, "name": "A"}]}).firms == {7: "A"}
    with pytest.raises(ValueError):
        account_record({"id": 1})
