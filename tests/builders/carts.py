"""Random carts as each platform would send them, priced, discounted, taxed and rounded by the platform's own
arithmetic (Shopify, Stripe: each line's VAT to the cent; WooCommerce: each line's, or each rate's sum).

Nothing of the bridge is used here: what the platform charged is the yardstick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from tests.builders import stripe as stripe_payloads
from tests.builders import woocommerce as woo_payloads
from tests.builders.shopify import carriage, item, shopify_order, shopify_refund
from tests.builders.shopify import tax as shopify_tax

CENT, MICRO = Decimal("0.01"), Decimal("0.000001")
RATES = tuple(map(Decimal, ("0.2", "0.2", "0.2", "0.1", "0.055", "0.021")))
LIKED = (90, 99, 490, 990, 999, 1490, 1990, 2499, 3999, 9999)


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
        items.append(item(str(price), str(rate), quantity, id_=n, off=less, vat=tax))
    total = sum(bases, Decimal(0))
    for kind in ({"tip": None}, {"gift_card": True}):
        if chance.random() < 0.1:
            untaxed = {"id": 90 + len(items), "title": "Merci", "quantity": 1, "price": "5.00"}
            items.append(untaxed | dict(kind))
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
            taxes = [shopify_tax("0", Decimal("0.00"))] if len(used) > 1 else []
            for rate, part in zip(used, spread(price, weights), strict=True):
                tax = cents(vat_of(part, rate, inside=inside))
                vat.add(rate, tax)
                taxes.append(shopify_tax(rate, tax))
            shipping = [carriage(str(price), *taxes)]
            total += price
    total += 0 if inside else sum(vat.values(), Decimal(0))
    order = shopify_order(
        id_, items, buyer=7, taxes_included=inside, total_price=str(total), shipping_lines=shipping
    )
    part, returned = chance.randint(1, int(total * 100)) * CENT, {}
    if chance.random() < 0.6:  # the first article comes back, then all the rest is given back as an amount
        part = bases[0] + (0 if inside else Decimal(items[0]["tax_lines"][0]["price"]))
        returned = {1: goods[0][1]}
    refunds = [
        shopify_refund(order, id_ * 10 + n, amount, lines)
        for n, (amount, lines) in enumerate(((part, returned), (total - part, {})), start=1)
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


def woocommerce(chance: Random, id_: int) -> Charged:
    """Prices typed with or without VAT, VAT rounded line by line or rate by rate, a coupon, shipping, a fee,
    a gift card that pays for a part."""
    inside, at_subtotal, vat = chance.random() < 0.6, chance.random() < 0.4, VatByRate()
    how = ROUND_HALF_DOWN if inside else ROUND_HALF_UP  # wc_round_tax_total()
    rates = sorted({chance.choice(RATES) for _ in range(chance.randint(1, 3))})
    ids = {rate: n for n, rate in enumerate(rates, start=1)}
    exact: dict[Decimal, Decimal] = {}
    nets = Decimal(0)

    def sell(n: int, typed: Decimal, quantity: int, rate: Decimal, kept: Decimal) -> dict[str, Any]:
        nonlocal nets
        before = typed * quantity - vat_of(typed * quantity, rate, inside=inside) * inside
        net, tax = before * kept, before * kept * rate
        exact[rate] = exact.get(rate, Decimal(0)) + tax
        nets += net if at_subtotal and inside else cents(net)
        vat.add(rate, cents(tax, how))
        line = woo_payloads.line(
            *(cents(net), cents(tax, how)),
            id_=n,
            quantity=quantity,
            rate=ids[rate],
            exact=tax.quantize(MICRO),
            before=(cents(before), cents(before * rate, how)),
        )
        return line | {"price": float(net / quantity)}

    kept = 1 - Decimal(chance.choice((0, 0, 10, 15))) / 100
    sold = [
        sell(n, _price(chance), _quantity(chance), chance.choice(rates), kept)
        for n in range(1, chance.randint(2, 7))
    ]
    shipping = [sell(80, Decimal("5.90"), 1, rates[0], Decimal(1))] if chance.random() < 0.5 else []
    fees = [sell(90, Decimal("2.50"), 1, rates[-1], Decimal(1))] if chance.random() < 0.2 else []
    if at_subtotal:
        vat = VatByRate({rate: cents(amount, how) for rate, amount in exact.items()})
    total = cents(nets + sum(vat.values(), Decimal(0)))
    card = min(Decimal("10.00"), total - CENT) if chance.random() < 0.15 else Decimal(0)
    order = woo_payloads.woocommerce_order(
        *(id_, sold),
        rates={n: rate for rate, n in ids.items()},
        prices_include_tax=inside,
        total=str(total - card),
        total_tax=str(sum(vat.values(), Decimal(0))),
        customer_id=7,
        shipping_lines=shipping,
        fee_lines=fees,
        gift_cards=[{"id": 1, "amount": str(card)}] if card else [],
    )
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
    named, vat = chance.random() < 0.5, VatByRate()
    inside = chance.random() < 0.5
    rates = chance.sample(RATES, chance.randint(1, 2))
    lines, total = [], Decimal(0)

    def tax_of(base: Decimal, rate: Decimal) -> dict[str, Any]:
        nonlocal total
        tax = cents(vat_of(base, rate, inside=inside))
        vat.add(rate, tax)
        total += base if inside else base + tax
        id_ = f"txr_{rate}".replace(".", "_")
        known = {"id": id_, "percentage": float(rate * 100)}
        return stripe_payloads.tax(int(tax * 100), known if named else id_, inside=inside)

    for n in range(1, chance.randint(2, 7)):
        price, quantity, rate = _price(chance), _quantity(chance), chance.choice(rates)
        amount = price * quantity
        less = cents(amount * chance.choice((0, 0, 0, 10, 33)) / 100)
        lines.append(
            stripe_payloads.line(
                *(int(amount * 100), tax_of(amount - less, rate)),
                id_=f"il_{id_}_{n}",
                quantity=quantity,
                off=int(less * 100),
            )
        )
    shipping = None
    if chance.random() < 0.3:
        before, rate, base = total, rates[0], Decimal("7.90")
        tax = tax_of(base, rate)
        shipping = {"amount_tax": tax["amount"], "amount_total": int((total - before) * 100), "taxes": [tax]}
    changed: dict[str, Any] = dict.fromkeys(("total", "amount_due", "amount_paid"), int(total * 100))
    changed["total_taxes"] = [{"amount": int(sum(vat.values(), Decimal(0)) * 100)}]
    invoice = stripe_payloads.invoice(id_, lines, shipping_cost=shipping, **changed)
    return Charged(
        shop="abonnements",
        topic="invoice.paid",
        key=f"stripe:abonnements:invoice:in_{id_}",
        payload=stripe_payloads.event("invoice.paid", invoice, id_),
        total=total,
        vat=vat,
        lines=len(lines) + 1,
    )


CARTS: Mapping[str, Callable[[Random, int], Charged]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "stripe": stripe,
}
