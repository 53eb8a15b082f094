"""Who is invoiced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.billing.customers import customer_for, customer_key, language_of
from bridge.billing.identifiers import siret, vat_number
from bridge.billing.rules import Rules
from bridge.orders import Address, Customer
from tests.builders.orders import PARIS_ADDRESS, order_of

BERLIN = Address(street="Allee 1", city="Berlin", postcode="10115", country="DE")


@pytest.mark.parametrize(
    ("customer", "key"),
    [
        (Customer(id="7", email="A@Example.com"), "shopify:boutique:customer:7"),
        (Customer(email=" A@Example.com "), "shopify:boutique:customer:a@example.com"),
        (Customer(), "shopify:boutique:customer:order:1"),
    ],
)
def test_the_key_is_id_then_email_then_order(customer: Customer, key: str) -> None:
    assert customer_key(replace(order_of(), customer=customer)) == key


def test_a_consumer() -> None:
    draft = customer_for(order_of(), Rules())
    assert (draft.individual, draft.company, draft.last_name, draft.city) == (True, "", "Durand", "Paris")
    assert any("Particulier" in sentence for sentence in draft.why)


@pytest.mark.parametrize(
    ("customer", "company", "number", "register"),
    [
        (Customer(company=" Thé \n SARL ", billing=PARIS_ADDRESS), "Thé SARL", "", ""),
        (
            Customer(last_name="Roy", vat_number="fr 40 303 265 045", billing=PARIS_ADDRESS),
            "Roy",
            "FR40303265045",
            "303265045",
        ),
        (
            Customer(last_name="Roy", siret="732 829 320 00074", billing=PARIS_ADDRESS),
            "Roy",
            "",
            "73282932000074",
        ),
        (Customer(company="X", siret="732829320", billing=PARIS_ADDRESS), "X", "", "732829320"),
        (Customer(email="a@b.fr", vat_number="DE136695976", billing=BERLIN), "a@b.fr", "DE136695976", ""),
    ],
)
def test_a_company_is_never_turned_into_a_person(
    customer: Customer, company: str, number: str, register: str
) -> None:
    draft = customer_for(replace(order_of(), customer=customer), Rules())
    assert not draft.individual
    assert (draft.company, draft.vat_number, draft.siret) == (company, number, register)


def test_a_french_company_without_siret_is_noted() -> None:
    draft = customer_for(replace(order_of(), customer=Customer(company="X", billing=PARIS_ADDRESS)), Rules())
    assert any("sans SIRET" in sentence for sentence in draft.why)


def test_wrong_numbers_are_left_out_and_said() -> None:
    wrong = Customer(vat_number="DE136695976", siret="12345", billing=PARIS_ADDRESS)
    draft = customer_for(replace(order_of(), customer=wrong), Rules())
    assert (draft.individual, draft.vat_number, draft.siret) == (True, "", "")
    assert sum("écarté" in sentence for sentence in draft.why) == 2


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("DE136695976", "DE", "DE136695976"),
        ("136.695.976", "DE", "DE136695976"),
        ("EL 094259216", "GR", "EL094259216"),
        ("GR094259216", "GR", "EL094259216"),
        ("FR40303265045", "MC", "FR40303265045"),
        ("FR40303265045", "RE", "FR40303265045"),
        ("XI980780684", "GB", "XI980780684"),
        ("GB980780684", "GB", "GB980780684"),
        ("FR40303265046", "FR", ""),
        ("DE136695976", "FR", ""),
        ("12-3456789", "US", ""),
        ("", "FR", ""),
    ],
)
def test_vat_numbers_fit_their_country(written: str, country: str, expected: str) -> None:
    assert vat_number(Customer(vat_number=written, billing=Address(country=country))) == expected


def test_a_siret_with_a_wrong_digit_is_none() -> None:
    assert siret(Customer(siret="73282932000075")) == ""


def test_an_empty_billing_address_gives_way_to_shipping() -> None:
    draft = customer_for(replace(order_of(), customer=Customer(billing=Address(), shipping=BERLIN)), Rules())
    assert (draft.city, draft.country) == ("Berlin", "DE")


def test_nobody_still_has_a_name_and_no_address_is_invented() -> None:
    draft = customer_for(replace(order_of(), customer=Customer(billing=Address(country="ITALIA"))), Rules())
    assert draft.last_name == "Client de la commande 1001"
    assert draft.country == ""


@pytest.mark.parametrize(
    ("language", "country", "chosen", "expected"),
    [
        ("fr-FR", "DE", "", "fr"),
        ("nl", "FR", "", "nl"),
        ("de", "DE", "", "en"),
        ("de", "FR", "", "fr"),
        ("", "FR", "", "fr"),
        ("", "DE", "", "en"),
        ("", "", "", "fr"),
        ("pt", "", "", "en"),
        ("fr", "FR", "en", "en"),
    ],
)
def test_languages(language: str, country: str, chosen: str, expected: str) -> None:
    customer = Customer(language=language, billing=Address(country=country))
    assert language_of(customer, Rules(language=chosen)) == expected
