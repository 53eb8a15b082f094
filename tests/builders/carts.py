"""Random carts as each platform would send them, priced, discounted, taxed and rounded by the platform's own
arithmetic (Shopify, Stripe: each line's VAT to the cent; WooCommerce: each line's, or each rate's sum).

Nothing of the bridge is used here: what the platform charged is the yardstick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

CENT, MICRO = Decimal("0.01"), Decimal("0.000001")
RATES = tuple(map(Decimal, ("0.2", "0.2", "0.2", "0.1", "0.055", "0.021")))
LIKED = (90, 99, 490, 990, 999, 1490, 1990, 2499, 3999, 9999)

HOME = {"address1": "12 rue des Lilas", "zip": "69003", "city": "Lyon", "country_code": "FR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What a shop sends, and what it charged: `total`, and `vat` by rate."""

    shop: str
    topic: str
    key: str
    payload: dict[str, Any]
    total: Decimal
    vat: Mapping[Decimal, Decimal]
    lines: int
    refunds: Sequence[dict[str, Any]] = field(default=())


def cents(amount: Decimal, how: str = ROUND_HALF_UP) -> Decimal:
    return amount.quantize(CENT, rounding=how)


def vat_of(base: Decimal, rate: Decimal, *, inside: bool) -> Decimal:
    """The VAT of a base, unrounded, that contains it or not."""
    return base * rate / (1 + rate) if inside else base * rate


def spread(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """In cents and in proportion; the last one takes what is left."""
    whole = sum(weights)
    shares = [cents(amount * weight / whole) for weight in weights[:-1]]
    return [*shares, amount - sum(shares)]


class VatByRate(dict[Decimal, Decimal]):
    """A sum for each rate."""

    def add(self, rate: Decimal, amount: Decimal) -> None:
        self[rate] = self.get(rate, Decimal(0)) + amount


def _price(chance: Random) -> Decimal:
    return (chance.choice(LIKED) if chance.random() < 0.5 else chance.randint(30, 30000)) * CENT


def _quantity(chance: Random) -> int:
    return chance.choice((1, 1, 1, 1, 2, 3, 4, 7, 12, 36))


def shopify(chance: Random, id_: int) -> Charged:
    """Prices with or without VAT, a discount across the cart, shipping under one or several rates, a tip, a
    gift card sold; for some, the money goes back in two refunds."""
    now = datetime.now(UTC).isoformat()
    inside, vat = chance.random() < 0.7, VatByRate()
    rates = chance.sample(RATES, chance.randint(1, 3))
    goods = [(_price(chance), _quantity(chance), chance.choice(rates)) for _ in range(chance.randint(1, 6))]
    gross = [price * quantity for price, quantity, _ in goods]
    off = spread(cents(sum(gross, Decimal(0)) * chance.choice((0, 0, 10, 15, 33)) / 100), gross)
    items: list[dict[str, Any]] = []
    bases: list[Decimal] = []
    for n, ((price, quantity, rate), less) in enumerate(zip(goods, off, strict=True), start=1):
        base = price * quantity - less
        tax = cents(vat_of(base, rate, inside=inside))
        vat.add(rate, tax)
        bases.append(base)
        items.append(
            {"id": n, "title": f"Article {n}", "quantity": quantity, "price": str(price)}
            | {"tax_lines": [{"title": "TVA", "rate": float(rate), "price": str(tax)}]}
            | {"discount_allocations": [{"amount": str(less)}] if less else [], "requires_shipping": True}
        )
    total = sum(bases, Decimal(0))
    for kind in ({"tip": None}, {"gift_card": True}):
        if chance.random() < 0.1:
            items.append(
                {"id": 90 + len(items), "title": "Merci", "quantity": 1, "price": "5.00"} | dict(kind)
            )
            total += 5
    shipping = []
    if chance.random() < 0.6:
        price = chance.choice((490, 590, 690, 999)) * CENT
        used = sorted({rate for _, _, rate in goods}) if chance.random() < 0.5 else [goods[0][2]]
        weights = [
            sum((base for base, (*_, rate) in zip(bases, goods, strict=True) if rate == each), Decimal(0))
            for each in used
        ]
        if all(weights):
            taxes = [{"title": "TVA", "rate": 0.0, "price": "0.00"}] if len(used) > 1 else []
            for rate, part in zip(used, spread(price, weights), strict=True):
                tax = cents(vat_of(part, rate, inside=inside))
                vat.add(rate, tax)
                taxes.append({"title": "TVA", "rate": float(rate), "price": str(tax)})
            shipping = [{"id": 80, "title": "Colissimo", "price": str(price), "tax_lines": taxes}]
            total += price
    total += 0 if inside else sum(vat.values(), Decimal(0))
    order = {
        "id": id_,
        "name": f"#{id_}",
        "email": "acheteur@example.com",
        **dict.fromkeys(("created_at", "processed_at", "updated_at"), now),
        "currency": "EUR",
        "financial_status": "paid",
        "taxes_included": inside,
        "total_price": str(total),
        "payment_gateway_names": ["shopify_payments"],
        "billing_address": HOME | {"first_name": "Camille", "last_name": "Martin"},
        "customer": {"id": 7, "email": "acheteur@example.com"},
        "line_items": items,
        "shipping_lines": shipping,
    }
    part, returned = chance.randint(1, int(total * 100)) * CENT, []
    if chance.random() < 0.6:  # the first article comes back, then all the rest is given back as an amount
        tax = Decimal(items[0]["tax_lines"][0]["price"])
        part = bases[0] + (0 if inside else tax)
        returned = [
            {"line_item_id": 1, "quantity": goods[0][1], "subtotal": str(bases[0]), "total_tax": str(tax)}
        ]
    refunds = [
        _shopify_refund(id_, n, amount, lines)
        for n, (amount, lines) in enumerate(((part, returned), (total - part, [])), start=1)
        if amount
    ]
    return Charged(
        shop="boutique",
        topic="orders/paid",
        key=f"shopify:boutique:order:{id_}",
        payload=order,
        total=total,
        vat=vat,
        lines=len(items) + len(shipping) * len(vat),
        refunds=refunds if chance.random() < 0.4 else (),
    )


def _shopify_refund(
    order: int, number: int, amount: Decimal, lines: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    id_, now = order * 10 + number, datetime.now(UTC).isoformat()
    money = {"id": id_ * 100, "kind": "refund", "status": "success", "amount": str(amount), "currency": "EUR"}
    return {"id": id_, "order_id": order, "created_at": now, "refund_line_items": lines} | {
        "transactions": [money]
    }


def woocommerce(chance: Random, id_: int) -> Charged:
    """Prices typed with or without VAT, VAT rounded line by line or rate by rate, a coupon, shipping, a fee,
    a gift card that pays for a part."""
    inside, at_subtotal, vat = chance.random() < 0.6, chance.random() < 0.4, VatByRate()
    how = ROUND_HALF_DOWN if inside else ROUND_HALF_UP  # wc_round_tax_total()
    rates = sorted({chance.choice(RATES) for _ in range(chance.randint(1, 3))})
    ids = {rate: n for n, rate in enumerate(rates, start=1)}
    exact: dict[Decimal, Decimal] = {}
    nets = Decimal(0)

    def item(n: int, typed: Decimal, quantity: int, rate: Decimal, kept: Decimal) -> dict[str, Any]:
        nonlocal nets
        before = typed * quantity - vat_of(typed * quantity, rate, inside=inside) * inside
        net, tax = before * kept, before * kept * rate
        exact[rate] = exact.get(rate, Decimal(0)) + tax
        nets += net if at_subtotal and inside else cents(net)
        vat.add(rate, cents(tax, how))
        return {
            "id": n,
            "name": f"Article {n}",
            "quantity": quantity,
            "price": float(net / quantity),
            "subtotal": str(cents(before)),
            "subtotal_tax": str(cents(before * rate, how)),
            "total": str(cents(net)),
            "total_tax": str(cents(tax, how)),
            "taxes": [{"id": ids[rate], "total": str(tax.quantize(MICRO))}],
        }

    kept = 1 - Decimal(chance.choice((0, 0, 10, 15))) / 100
    sold = [
        item(n, _price(chance), _quantity(chance), chance.choice(rates), kept)
        for n in range(1, chance.randint(2, 7))
    ]
    shipping = [item(80, Decimal("5.90"), 1, rates[0], Decimal(1))] if chance.random() < 0.5 else []
    fees = [item(90, Decimal("2.50"), 1, rates[-1], Decimal(1))] if chance.random() < 0.2 else []
    if at_subtotal:
        vat = VatByRate({rate: cents(amount, how) for rate, amount in exact.items()})
    total = cents(nets + sum(vat.values(), Decimal(0)))
    card = min(Decimal("10.00"), total - CENT) if chance.random() < 0.15 else Decimal(0)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    order = {
        "id": id_,
        "number": str(id_),
        "status": "processing",
        "currency": "EUR",
        "prices_include_tax": inside,
        "total": str(total - card),
        "total_tax": str(sum(vat.values(), Decimal(0))),
        **dict.fromkeys(("date_created_gmt", "date_modified_gmt", "date_paid_gmt"), now),
        "customer_id": 7,
        "payment_method": "stripe",
        "billing": {
            "first_name": "Camille",
            "last_name": "Martin",
            "email": "a@example.com",
            "country": "FR",
        },
        "line_items": sold,
        "shipping_lines": shipping,
        "fee_lines": fees,
        "tax_lines": [{"rate_id": n, "label": "TVA", "rate_percent": float(r * 100)} for r, n in ids.items()],
        "gift_cards": [{"id": 1, "amount": str(card)}] if card else [],
        "refunds": [],
    }
    return Charged(
        shop="atelier",
        topic="order.updated",
        key=f"woocommerce:atelier:order:{id_}",
        payload=order,
        total=total,
        vat=vat,
        lines=len(sold) + len(shipping) + len(fees),
    )


def stripe(chance: Random, id_: int) -> Charged:
    """Inclusive and exclusive taxes, with a percentage or only the id of their rate; discounts; shipping."""
    named, vat, now = chance.random() < 0.5, VatByRate(), int(datetime.now(UTC).timestamp())
    inside = chance.random() < 0.5
    rates = chance.sample(RATES, chance.randint(1, 2))
    lines, total = [], Decimal(0)

    def tax_of(base: Decimal, rate: Decimal) -> dict[str, Any]:
        nonlocal total
        tax = cents(vat_of(base, rate, inside=inside))
        vat.add(rate, tax)
        total += base if inside else base + tax
        known = {"id": f"txr_{rate}".replace(".", "_"), "percentage": float(rate * 100)}
        return {
            "amount": int(tax * 100),
            "tax_behavior": "inclusive" if inside else "exclusive",
            "tax_rate_details": {"tax_rate": known if named else known["id"]},
        }

    for n in range(1, chance.randint(2, 7)):
        price, quantity, rate = _price(chance), _quantity(chance), chance.choice(rates)
        amount = price * quantity
        less = cents(amount * chance.choice((0, 0, 0, 10, 33)) / 100)
        lines.append(
            {"id": f"il_{id_}_{n}", "amount": int(amount * 100), "description": f"Prestation {n}"}
            | {"quantity": quantity, "pricing": {"unit_amount_decimal": str(int(price * 100))}}
            | {"discount_amounts": [{"amount": int(less * 100), "discount": "di_1"}] if less else []}
            | {"taxes": [tax_of(amount - less, rate)]}
        )
    shipping = None
    if chance.random() < 0.3:
        before, rate, base = total, rates[0], Decimal("7.90")
        tax = tax_of(base, rate)
        shipping = {"amount_tax": tax["amount"], "amount_total": int((total - before) * 100), "taxes": [tax]}
    invoice = {
        "id": f"in_{id_}",
        "number": f"X-{id_}",
        "status": "paid",
        "currency": "eur",
        "total": int(total * 100),
        "amount_paid": int(total * 100),
        "created": now,
        "status_transitions": {"finalized_at": now, "paid_at": now},
        "customer": "cus_7",
        "customer_name": "Camille Martin",
        "customer_email": "abonnee@example.com",
        "customer_address": {"country": "FR", "postal_code": "69003"},
        "lines": {"data": lines, "has_more": False},
        "shipping_cost": shipping,
        "total_taxes": [{"amount": int(sum(vat.values(), Decimal(0)) * 100)}],
    }
    event = {"id": f"evt_{id_}", "object": "event", "type": "invoice.paid", "created": now, "livemode": True}
    return Charged(
        shop="abonnements",
        topic="invoice.paid",
        key=f"stripe:abonnements:invoice:in_{id_}",
        payload=event | {"data": {"object": invoice}},
        total=total,
        vat=vat,
        lines=len(lines) + 1,
    )


CARTS: Mapping[str, Callable[[Random, int], Charged]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "stripe": stripe,
}
