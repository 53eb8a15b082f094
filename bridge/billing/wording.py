"""What the buyer reads on a document: line titles, and the notes below them. French."""

from __future__ import annotations

from decimal import Decimal

from bridge.billing.bands import Band
from bridge.billing.paying import METHODS, Paid
from bridge.billing.rules import Rules
from bridge.billing.text import clean, clean_lines, day, money, percent
from bridge.billing.vat import Vat
from bridge.orders import Address, Line, LineKind, Order

_NAMES: dict[LineKind, str] = {
    LineKind.SHIPPING: "Livraison",
    LineKind.TIP: "Pourboire",
    LineKind.DUTY: "Droits de douane",
    LineKind.GIFT_CARD: "Carte cadeau",
}
"""How a line is announced; the others bear their own title."""


def line_title(band: Band, currency: str) -> str:
    """Name, SKU, period and discount; the rate where one line is billed under several."""
    line = band.line
    title = _name(line)
    if line.sku and clean(line.sku) not in title:
        title += f" [{clean(line.sku)}]"
    if line.period:
        title += f" - du {day(line.period[0])} au {day(line.period[1])}"
    if line.discount > 0:
        codes = ", ".join(label for label in (clean(text) for text in line.discount_labels) if label)
        taxed = " TTC" if band.rate else ""
        title += f" - dont remise {money(line.discount, currency)}{taxed}" + (f" ({codes})" if codes else "")
    if band.several:
        title += f" - part à {percent(band.rate)}"
    return title


def _name(line: Line) -> str:
    title, kind = clean(line.title), _NAMES.get(line.kind)
    if kind is None:
        return title or "Article"
    if not title or title.lower().startswith(kind.lower()):
        return title or kind
    return f"{kind} : {title}"


def is_shown(line: Line) -> bool:
    """Free lines are noise (parts of a bundle, free shipping), unless a discount made a product free."""
    return bool(line.gross) or (line.discount > 0 and line.kind is LineKind.PRODUCT)


def exempted(vat: Vat) -> list[str]:
    """The VAT number that an exemption rests on, for the customer's record may be others' and lack it; and
    which lines each of several mentions is for."""
    notes = [f"N° de TVA de l'acheteur : {vat.number}."] if vat.number else []
    if len(vat.exempt) > 1:
        notes += [f"{text} : {', '.join(dict.fromkeys(map(clean, titles)))}." for text, titles in vat.exempt]
    return notes


def from_template(template: str, order: Order) -> str:
    """The shop's own text with {number}, {shop} and {platform} filled in; other braces stay."""
    for name in ("number", "shop", "platform"):
        template = template.replace("{" + name + "}", clean(getattr(order, name)))
    return clean_lines(template)


def information(order: Order, rules: Rules, paid: Paid, vat: Vat, in_euros: str = "") -> str:
    """The notes of an invoice: the shop's text, what its exemptions rest on, its VAT `in_euros`, where it was
    delivered, how it was paid when in several parts, what the law wants of a document to be paid later."""
    notes = [from_template(rules.information, order), *exempted(vat), in_euros]
    customer = order.customer
    if customer.shipping and customer.billing and _differs(customer.shipping, customer.billing):
        notes.append(f"Adresse de livraison : {_on_one_line(customer.shipping)}")
    discounts = sum((line.discount for line in order.lines if is_shown(line)), Decimal(0))
    if discounts > 0:
        taxed = " TTC" if any(line.tax for line in order.lines) else ""
        notes.append(f"Remises déjà déduites : {money(discounts, order.currency)}{taxed}.")
    if paid.note is None:
        notes.append(from_template(rules.late_terms, order))
    if len(paid.all) > 1:
        notes += [
            f"Réglé {money(amount, order.currency)} {METHODS[move.method]}."
            for move, amount in paid.all
            if amount
        ]
    return "\n".join(note for note in notes if note)


def _differs(one: Address, other: Address) -> bool:
    return (
        one != other
        and bool(_on_one_line(one))
        and _on_one_line(one).casefold() != _on_one_line(other).casefold()
    )


def _on_one_line(address: Address) -> str:
    town = " ".join(filter(None, (clean(address.postcode), clean(address.city))))
    parts = (
        clean(address.recipient),
        clean(address.street),
        town,
        clean(address.region),
        clean(address.country),
    )
    return ", ".join(part for part in parts if part)
