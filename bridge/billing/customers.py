"""Who is invoiced: the buyer as the order names them, never a company turned into a person."""

from __future__ import annotations

from bridge.billing.drafts import CustomerDraft
from bridge.billing.identifiers import siret, vat_number
from bridge.billing.rules import Rules
from bridge.billing.text import clean, clean_lines
from bridge.keys import CUSTOMER, Key
from bridge.orders import Address, Customer, Order

LANGUAGES = frozenset({"fr", "en", "es", "nl"})
FRENCH_SPEAKING = frozenset({"FR", "MC", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "NC", "PF", "WF"})


def customer_key(order: Order) -> str:
    """The buyer's key in the ledger: by customer id, else e-mail, else one customer for this order."""
    customer = order.customer
    identity = customer.id.strip() or customer.email.strip().lower() or f"order:{order.id}"
    return str(Key(order.platform, order.shop, CUSTOMER, identity))


def address_of(customer: Customer) -> Address:
    """Where the invoice goes: the billing address, else the shipping address, else nothing."""
    empty = Address()
    return next((one for one in (customer.billing, customer.shipping) if one and one != empty), empty)


def customer_for(order: Order, rules: Rules) -> CustomerDraft:
    """The customer to invoice."""
    customer = order.customer
    address = address_of(customer)
    number, register = vat_number(customer), siret(customer)
    company = clean(customer.company)
    individual = not (company or number or register)
    first, last = clean(customer.first_name), clean(customer.last_name)
    person = " ".join(filter(None, (first, last))) or clean(address.recipient)
    if not individual and not company:
        company = person or customer.email.strip() or f"Client {order.number}"
    if individual and not first and not last:
        last = person or customer.email.strip() or f"Client de la commande {order.number}"
    return CustomerDraft(
        key=customer_key(order),
        individual=individual,
        company=company,
        first_name=first,
        last_name=last,
        street=clean_lines(address.street),
        postcode=clean(address.postcode),
        city=clean(address.city),
        country=_country(address),
        email=customer.email.strip(),
        phone=clean(customer.phone),
        language=language_of(customer, rules),
        vat_number=number,
        siret=register,
        why=_why(order, company=company, number=number, register=register),
    )


def language_of(customer: Customer, rules: Rules) -> str:
    """The language of the documents: the shop's choice, else the buyer's where it exists, else fr or en."""
    wanted = (rules.language or customer.language)[:2].lower()
    if wanted in LANGUAGES:
        return wanted
    country = address_of(customer).country
    in_france = country in FRENCH_SPEAKING if country else not wanted
    return "fr" if in_france else "en"


def _country(address: Address) -> str:
    """ISO alpha-2, or "" where the shop wrote something else."""
    country = address.country.strip().upper()
    return country if len(country) == 2 and country.isascii() and country.isalpha() else ""


def _why(order: Order, *, company: str, number: str, register: str) -> tuple[str, ...]:
    customer = order.customer
    why = [_identity(customer)]
    if not (company or number or register):
        why.append("Particulier : ni société, ni numéro de TVA, ni SIRET valides dans la commande.")
        return (*why, *_left_out(customer, number, register))
    proofs = [
        name for name, found in (("société", company), ("n° de TVA", number), ("SIRET", register)) if found
    ]
    why.append(f"Professionnel d'après : {', '.join(proofs)}.")
    if address_of(customer).country in {"FR", "MC"} and not register:
        why.append("Société en France sans SIRET ni SIREN : à compléter.")
    elif len(register) == 9:
        why.append("SIREN seul connu, le SIRET n'est pas dans la commande.")
    return (*why, *_left_out(customer, number, register))


def _identity(customer: Customer) -> str:
    if customer.id.strip():
        return "Client reconnu par son identifiant dans la boutique."
    if customer.email.strip():
        return "Achat sans compte : client reconnu par son adresse électronique."
    return "Acheteur anonyme : un client pour cette seule commande."


def _left_out(customer: Customer, number: str, register: str) -> tuple[str, ...]:
    left_out = []
    if customer.vat_number.strip() and not number:
        left_out.append("N° de TVA de la commande écarté : mal formé ou d'un autre pays que l'adresse.")
    if customer.siret.strip() and not register:
        left_out.append("SIRET de la commande écarté : mal formé.")
    return tuple(left_out)
