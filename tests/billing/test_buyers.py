"""Numbers, company and purchase number are found wherever people put them, and junk is no company."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.billing.buyers import Asked, as_written, is_filler, meaning_of
from bridge.orders import Address, Customer
from tests.builders.orders import order_of

PARIS = Address(street="1 rue de la Paix", city="Paris", postcode="75002", country="FR")
LYNE = Customer(first_name="Lyne", last_name="Durand", email="lyne@example.org", billing=PARIS)


def buyer_of(**changes: object) -> Customer:
    return as_written(order_with(**changes), {}).customer


def order_with(**changes: object):  # type: ignore[no-untyped-def]
    return replace(order_of(), customer=replace(LYNE, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        *((name, Asked.VAT_NUMBER) for name in (
            "VAT", "vat_id", "_billing_vat_number", "Numéro de TVA", "N° TVA", "NIF", "EU VAT Number",
            "tvaIntracom",
            "N° TVA Intracom. de l'entreprise", "_wc_billing/my-shop/vat-number", "USt-IdNr",
            "TVA intracommunautaire",
            "BTW-nummer", "Partita IVA", "Votre numéro de TVA (facultatif)", "company_vat",
        )),
        *((name, Asked.SIRET) for name in (
            "SIRET", "n° siret", "billing_siret", "SIREN / SIRET", "Numéro de SIREN de votre société",
            "_wc_other/acme/siret",
        )),
        *((name, Asked.COMPANY) for name in (
            "Entreprise", "Nom de l'entreprise", "company_name", "Raison sociale", "Votre société",
            "business_name",
        )),
        *((name, Asked.PURCHASE_NUMBER) for name in (
            "po_number", "Purchase order number", "Bon de commande", "N° de bon de commande", "PO",
            "N° d'engagement",
        )),
        *((name, None) for name in (
            "Taux de TVA", "is_vat_exempt", "_vat_number_validated", "numero_commande", "Nom", "",
            "gift_message",
            "date_of_birth", "_order_number", "delivery company phone", "Prix HT", "°", "facturation",
        )),
    ],
)  # fmt: skip
def test_a_name_is_read_by_the_words_it_keeps(name: str, asked: Asked | None) -> None:
    assert meaning_of(name) is asked


@pytest.mark.parametrize(
    "junk",
    [
        "-",
        "--",
        "N/A",
        "n/a",
        ".",
        "Particulier",
        "aucune",
        "NÉANT",
        "x",
        "none",
        "Lyne Durand",
        "durand lyne",
    ],
)
def test_junk_is_no_company(junk: str) -> None:
    assert buyer_of(company=junk).company == ""


@pytest.mark.parametrize("company", ["Nonna", "X-Fab", "3M", "Sans Souci SARL", "Durand"])
def test_a_company_stays_as_it_was_written(company: str) -> None:
    assert not is_filler(company)
    assert buyer_of(company=company).company == company


def test_a_number_that_does_not_fit_gives_way_to_one_that_does() -> None:
    fields = (("TVA", "oui"), ("N° TVA", "FR 44 732829320"))
    assert buyer_of(vat_number="FR00", fields=fields).vat_number == "FR 44 732829320"


def test_what_fits_nowhere_is_kept_to_be_told_of() -> None:
    assert buyer_of(fields=(("N° TVA", "FR 403"),)).vat_number == "FR 403"


@pytest.mark.parametrize(
    ("company", "country", "number"),
    [
        ("Atelier FR40303265045", "FR", "FR40303265045"),
        ("Atelier fr40303265045", "FR", "FR40303265045"),
        ("Atelier FR40303265045", "BE", ""),
        ("Atelier FR41303265045", "FR", ""),
        ("FRESHFLOWERS", "FR", ""),
    ],
)
def test_a_vat_number_in_the_company_must_be_valid_and_of_the_country(
    company: str, country: str, number: str
) -> None:
    found = buyer_of(company=company, billing=replace(PARIS, country=country))
    assert (found.company, found.vat_number) == (company, number)


def test_a_siret_in_the_second_address_line() -> None:
    street = "1 rue de la Paix\nSIRET 732 829 320 00074"
    assert buyer_of(billing=replace(PARIS, street=street)).siret == "732 829 320 00074"


def test_the_shops_own_names_go_first() -> None:
    order = order_with(fields=(("siret", "732 829 320 00074"), ("Ma Clé", "90000000100017")))
    assert as_written(order, {"siret": ("ma clé",)}).customer.siret == "90000000100017"


def test_a_purchase_number_of_the_platform_stands() -> None:
    order = order_with(fields=(("Bon de commande", "BC-1"),))
    assert as_written(order, {}).purchase_number == "BC-1"
    assert as_written(replace(order, purchase_number="PO-9"), {}).purchase_number == "PO-9"
