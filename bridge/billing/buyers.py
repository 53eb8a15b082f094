"""Who buys, wherever it was written: VAT number, SIRET, company and purchase number in fields of all names.

Shops ask for these in cart fields, meta data, checkout fields and second address lines, each under a name of
its own: "N° TVA Intracom. de l'entreprise", `_wc_billing/my-shop/vat-number`, `po_number`. A name is read by
the words that it keeps once accents, signs and filling words are out. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal

from bridge.billing.identifiers import siret, vat_number
from bridge.orders import Customer, Order


class Asked(StrEnum):
    """What a field asks the buyer for."""

    VAT_NUMBER = "vat_number"
    SIRET = "siret"
    COMPANY = "company"
    PURCHASE_NUMBER = "purchase_number"


_FILLING_WORDS = """
    a au aux d de des du l la le les votre notre mon ma your our my the of for numero num no n nr nbr number
    nummer id identifiant identification identifier registration reg code field champ value optional
    facultatif intra intracom intracommunautaire communautaire eu ue eur european europeen billing facturation
    client customer buyer checkout
"""
_FILLING: Final = frozenset(_FILLING_WORDS.split())
"""Words that say nothing of what is asked."""
_OF_THE_COMPANY: Final = frozenset(
    {"entreprise", "societe", "company", "business", "etablissement", "firma", "sociale"}
)
_NAMING: Final = frozenset({"nom", "name", "legal", "raison", "denomination"})
_NUMBERS: Final[Mapping[Asked, frozenset[str]]] = {
    Asked.VAT_NUMBER: frozenset(
        {
            "vat",
            "tva",
            "btw",
            "ust",
            "ustid",
            "idnr",
            "mwst",
            "iva",
            "nif",
            "partita",
            "tax",
            "vatid",
            "vatno",
        }
    ),
    Asked.SIRET: frozenset({"siret", "siren", "rcs"}),
}
"""A name all of whose words are among these asks for that number."""
_PURCHASE: Final = tuple(
    frozenset(words)
    for words in (
        *(("po",), ("bc",), ("bon", "commande"), ("purchase", "order"), ("purchase",)),
        *(("reference", "achat"), ("engagement",), ("bestellnummer",)),
    )
)
_JUNK_WORDS = """
    na neant aucun aucune none non no null particulier particuliere private privat individual individuel
    person personne perso x xx xxx rien sans nc
"""
_JUNK: Final = frozenset(_JUNK_WORDS.split())
"""What people write into the field of a company that they do not have, without signs."""
_VAT_SHAPE: Final = re.compile(r"\b[A-Z]{2} ?[0-9A-Z]{2}(?: ?[0-9]{3}){3}\b|\b[A-Z]{2}[0-9A-Z]{7,12}\b")
_SIRET_SHAPE: Final = re.compile(r"\b\d{3} ?\d{3} ?\d{3} ?\d{5}\b")


def as_written(order: Order, own: Mapping[str, Sequence[str]]) -> Order:
    """The order with its buyer's numbers and company taken from wherever they were written.

    `own`: the shop's names of fields, by what they ask for (`fields` of its configuration); they go first. A
    number that does not fit the buyer's country stays out, and the reasons of the document say so.
    """
    customer = order.customer
    written = _by_meaning(customer, own)
    company = "" if _is_junk(customer) else customer.company
    buyer = replace(customer, company=company or next(iter(written[Asked.COMPANY]), ""))
    buyer = _with_number(buyer, "vat_number", written[Asked.VAT_NUMBER], _VAT_SHAPE, vat_number)
    buyer = _with_number(buyer, "siret", written[Asked.SIRET], _SIRET_SHAPE, _own_siret)
    purchase = order.purchase_number or next(iter(written[Asked.PURCHASE_NUMBER]), "")
    return replace(order, customer=buyer, purchase_number=purchase)


def _with_number(
    buyer: Customer,
    name: Literal["vat_number", "siret"],
    written: Sequence[str],
    shape: re.Pattern[str],
    valid: Callable[[Customer], str],
) -> Customer:
    """The first number that stands the check: stated, written in a field, or met by its shape. Where none
    does, what was stated or written stays, to be told of."""
    others = [_put(buyer, name, number) for number in (*written, *_shaped(buyer, shape))]
    found = next((each for each in (buyer, *others) if valid(each)), None)
    if found is not None:
        return found
    return buyer if getattr(buyer, name) or not written else _put(buyer, name, written[0])


def _put(buyer: Customer, name: Literal["vat_number", "siret"], number: str) -> Customer:
    return replace(buyer, vat_number=number) if name == "vat_number" else replace(buyer, siret=number)


def _own_siret(buyer: Customer) -> str:
    """Not the SIREN inside a VAT number."""
    return siret(replace(buyer, vat_number=""))


def _by_meaning(customer: Customer, own: Mapping[str, Sequence[str]]) -> dict[Asked, list[str]]:
    written: dict[Asked, list[str]] = {asked: [] for asked in Asked}
    for asked in Asked:
        wanted = {name.strip().casefold() for name in own.get(asked, ())}
        written[asked] += [value for name, value in customer.fields if name.strip().casefold() in wanted]
    for name, value in customer.fields:
        meaning = meaning_of(name)
        if meaning and value.strip() and not (meaning is Asked.COMPANY and is_filler(value)):
            written[meaning].append(value.strip())
    return written


@lru_cache(maxsize=4096)
def meaning_of(name: str) -> Asked | None:
    """What a field of this name asks for, or None."""
    words = frozenset(_words(name)) - _FILLING
    asked = words - _OF_THE_COMPANY
    for number, names in _NUMBERS.items():
        if asked and asked <= names:
            return number
    if asked in _PURCHASE:
        return Asked.PURCHASE_NUMBER
    return Asked.COMPANY if words & _OF_THE_COMPANY and asked <= _NAMING else None


def _words(name: str) -> Iterator[str]:
    """`_wc_billing/my-shop/vat-number` → vat, number: of a path the last part counts."""
    last = re.split(r"[/:]", name.strip())[-1]
    last = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last)
    plain = unicodedata.normalize("NFKD", last.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char)).replace("°", " ")
    yield from re.findall(r"[a-z]+", plain)


def is_filler(company: str) -> bool:
    """ "-", "N/A", "Particulier", "aucune": no company's name."""
    letters = "".join(_words(company.replace("/", "")))
    return (not letters and not any(char.isdigit() for char in company)) or letters in _JUNK


def _is_junk(customer: Customer) -> bool:
    """A filler, or the person's own name written a second time."""
    company = " ".join(customer.company.split()).casefold()
    first, last = customer.first_name.strip().casefold(), customer.last_name.strip().casefold()
    own = {f"{first} {last}".strip(), f"{last} {first}".strip()} - {""}
    return bool(company) and (company in own or is_filler(customer.company))


def _shaped(customer: Customer, shape: re.Pattern[str]) -> Iterator[str]:
    """Numbers typed into the company or below the street's first line."""
    streets = (address.street.split("\n")[1:] for address in (customer.billing, customer.shipping) if address)
    for text in (customer.company, *(line for lines in streets for line in lines)):
        yield from shape.findall(text.upper())
