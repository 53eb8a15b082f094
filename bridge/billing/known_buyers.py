"""Who a buyer is, compared with the customer that stands for them: the same, another, or told otherwise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, replace

from bridge.billing.drafts import CustomerDraft, InvoiceDraft
from bridge.billing.made import LedgerEntry
from bridge.billing.rules import Rules

LONGEST_NAME = 255
"""Of a company, as Facturation.pro keeps it."""


def matched_by_email(draft: CustomerDraft, rules: Rules) -> bool:
    """One buyer is one customer in all shops, known by the e-mail address."""
    return rules.match_customers_by_email and "@" in draft.email


def facts_of(draft: CustomerDraft) -> str:
    """A digest of what a customer's record says, to see that it changed. It tells nobody's name."""
    told = replace(draft, key="", why=())
    return _digest(json.dumps(astuple(told)))[:16]


def entity_of(draft: CustomerDraft) -> str:
    """A digest of who the buyer is in law: a person, or the company of that name."""
    return _digest("" if draft.individual else draft.company.casefold())[:16]


def registration_of(draft: CustomerDraft) -> str:
    """A digest of the number that a company is registered under, "" where the order has none."""
    number = registration(draft.vat_number, draft.siret)
    return _digest(number)[:16] if number else ""


def registration(vat_number: str, siret: str) -> str:
    """The SIREN, else the VAT number; "" without either."""
    number, register = (
        "".join(char for char in text.upper() if char.isalnum()) for text in (vat_number, siret)
    )
    siren = register[:9] or (number[4:] if number.startswith("FR") else "")
    return siren or number


def is_another(customer: LedgerEntry, draft: CustomerDraft) -> bool:
    """Another company, or another number of it: an account may buy for several."""
    return any(
        there and here and there != here
        for there, here in (
            (customer.entity, entity_of(draft)),
            (customer.registration, registration_of(draft)),
        )
    )


def buyer_locks(draft: CustomerDraft) -> tuple[str, str]:
    """The ledger keys that all orders of one buyer share, so that two first orders make one customer: by the
    company's name, and by its number too, for a second company of that name at this e-mail."""
    company = "" if draft.individual else draft.company[:LONGEST_NAME].rstrip()
    number = registration(draft.vat_number, draft.siret)
    return buyer_lock(company, draft.email), buyer_lock(f"{company}|{number}", draft.email)


def buyer_lock(company: str, email: str) -> str:
    """`company`: "" for a person."""
    return f"buyer:{_digest(f'{company.casefold()}|{email.strip().casefold()}')[:32]}"


def customer_of(buyer: CustomerDraft, rules: Rules, made: Mapping[str, LedgerEntry]) -> LedgerEntry | None:
    """The customer that stands for this buyer, as the last order of any shop left it."""
    mine = made.get(buyer.key)
    if mine is None or not matched_by_email(buyer, rules):
        return mine
    if is_another(mine, buyer):
        return None
    shared = [made[lock] for lock in buyer_locks(buyer) if lock in made and made[lock].id == mine.id]
    return max([mine, *shared], key=lambda entry: entry.as_of)


SAID: Mapping[str, Callable[[CustomerDraft], Iterable[str]]] = {
    "company": lambda draft: (draft.company,),
    "person": lambda draft: (f"{draft.first_name} {draft.last_name}".strip() if draft.individual else "",),
    "address": lambda draft: (
        *draft.street.splitlines(),
        " ".join(filter(None, (draft.postcode, draft.city))),
        draft.country,
    ),
    "vat_number": lambda draft: (f"n° de TVA {draft.vat_number}" if draft.vat_number else "",),
    "siret": lambda draft: (f"SIRET {draft.siret}" if draft.siret else "",),
}
"""What a document must say of its buyer (CGI ann. II art. 242 nonies A), by parts that are true together."""


def as_sold(invoice: InvoiceDraft, buyer: CustomerDraft, customer: LedgerEntry) -> InvoiceDraft:
    """The invoice with what its customer's record says otherwise: others made it, or a newer order has since
    changed it."""
    differs = customer.differs if customer.facts == facts_of(buyer) else tuple(SAID)
    told = ", ".join(text for part in differs for text in SAID[part](buyer) if text)
    if not told:
        return invoice
    text = f"Acheteur, d'après la commande : {told}."
    why = "La fiche du client dit autre chose que la commande : la facture porte l'acheteur de la commande."
    information = "\n".join(filter(None, (invoice.information, text)))
    return replace(invoice, information=information, why=(*invoice.why, why))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
