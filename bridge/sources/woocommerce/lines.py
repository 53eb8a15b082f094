"""Items of an order or a refund → lines: what was charged, its VAT by rate, and whether the sum is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from bridge.keys import Key
from bridge.orders import CENT, ZERO, Line, LineKind, Tax, ZeroTaxReason, to_cents
from bridge.reasons import NO_REASON, Reason, because
from bridge.sources.woocommerce.payloads import Item, OrderBody, RefundBody, TaxLine

# Parts of a bundle or a composite: Product Bundles, Composite Products, Mix and Match, WPC Product Bundles.
CHILD_KEYS = ("_bundled_by", "_composite_parent", "_mnm_container", "_woosb_parent_id")

TITLES: Mapping[LineKind, str] = {
    LineKind.PRODUCT: "Article",
    LineKind.SHIPPING: "Livraison",
    LineKind.FEE: "Frais",
}
"""What a line is called, in the buyer's invoice, when the shop gave it no name."""

HALF_CENT = CENT / 2
MICRO = Decimal("0.000001")

Items = Sequence[tuple[LineKind, Item]]


def items_of(source: OrderBody | RefundBody) -> Items:
    """All positions in the buyer's order, without the parts of a bundle that cost nothing themselves."""
    products = [(LineKind.PRODUCT, item) for item in source.line_items if not _is_free_part(item)]
    shipping = [(LineKind.SHIPPING, item) for item in source.shipping_lines]
    return [*products, *shipping, *((LineKind.FEE, item) for item in source.fee_lines)]


def _is_free_part(item: Item) -> bool:
    charged = (item.subtotal or ZERO, item.total, item.total_tax)
    return not any(charged) and any(key in item.meta_data for key in CHILD_KEYS)


def order_lines(order: OrderBody, key: Key) -> tuple[tuple[Line, ...], tuple[Reason, ...]]:
    """The lines, and a problem when they do not come to what the goods cost.

    WooCommerce sends two decimals. Where the shop rounds its VAT at the subtotal, they come to a cent more or
    less than the order, and the unrounded amounts are used, which come to it: exactly, or with the order's
    own VAT, which then is rounded once for each rate.
    """
    items = items_of(order)
    stated = lines_of(items, order, exact=False)
    if to_cents(gross_of(stated)) == order.due:
        return stated, ()
    exact = lines_of(items, order, exact=True)
    net = sum((line.net for line in exact), ZERO)
    if order.due in (to_cents(gross_of(exact)), to_cents(net + order.total_tax)):
        return exact, ()
    cards = order.due - order.total
    problem = because(
        "woo_lines_differ",
        order=key.id,
        shop=key.shop,
        lines=to_cents(gross_of(stated)),
        currency=order.currency,
        total=order.due,
        cards=because("woo_by_gift_card", cards=cards) if order.gift_cards else NO_REASON,
    )
    return stated, (problem,)


def gross_of(lines: Iterable[Line]) -> Decimal:
    return sum((line.gross for line in lines), ZERO)


def lines_of(items: Items, order: OrderBody, *, exact: bool) -> tuple[Line, ...]:
    rates = {tax.rate_id: tax for tax in order.tax_lines}
    labels = tuple(sorted({coupon.code for coupon in order.coupon_lines if coupon.code}))
    return tuple(_line(kind, item, rates, labels, order.vat_exempt, exact) for kind, item in items)


def _line(
    kind: LineKind,
    item: Item,
    rates: Mapping[str, TaxLine],
    labels: tuple[str, ...],
    vat_exempt: bool,
    exact: bool,
) -> Line:
    parts = parts_of(item)
    net, tax = _unrounded(item, parts, rates) if exact else (item.total, item.total_tax)
    taxes = _taxes(net, tax, parts, rates)
    if vat_exempt and not tax:
        taxes = (Tax(amount=ZERO, rate=ZERO, reason=ZeroTaxReason.CUSTOMER_EXEMPT),)
    discount = ZERO
    if item.subtotal is not None:
        discount = max(ZERO, item.subtotal + item.subtotal_tax - item.total - item.total_tax)
    return Line(
        id=item.id,
        kind=kind,
        title=item.name or item.method_title or item.sku or TITLES[kind],
        sku=item.sku,
        quantity=item.quantity or Decimal(1),
        gross=net + tax,
        taxes=taxes,
        discount=discount,
        discount_labels=labels if discount else (),
    )


Parts = Sequence[tuple[str, Decimal]]
"""Rate id and unrounded VAT."""


def parts_of(item: Item) -> Parts:
    """What each rate makes of the VAT. Where one makes something, those that make nothing are left out."""
    parts = [(part.id, part.total) for part in item.taxes if part.total is not None]
    return [part for part in parts if part[1]] or parts


def _taxes(net: Decimal, tax: Decimal, parts: Parts, rates: Mapping[str, TaxLine]) -> tuple[Tax, ...]:
    """The line's VAT, shared among its rates by their unrounded parts: the largest takes the remainder."""
    if not parts:
        return (Tax(amount=tax),) if tax else ()
    largest = max(range(len(parts)), key=lambda place: abs(parts[place][1]))
    shares = [to_cents(amount) for _, amount in parts]
    shares[largest] = tax - sum((share for place, share in enumerate(shares) if place != largest), ZERO)
    return tuple(
        _tax(net, share, rates.get(rate_id), alone=len(parts) == 1)
        for (rate_id, _), share in zip(parts, shares, strict=True)
    )


def _tax(net: Decimal, amount: Decimal, rate: TaxLine | None, *, alone: bool) -> Tax:
    """Without a rate when it is unknown, when it is put on top of another tax, and when nothing was charged
    although it says something should have been."""
    if rate is None or rate.rate_percent is None or (rate.compound and not alone):
        return Tax(amount=amount, title=rate.label if rate else "", country=rate.country if rate else "")
    fraction = rate.rate_percent / 100
    contradicted = not amount and abs(net * fraction) > HALF_CENT
    return Tax(amount=amount, rate=None if contradicted else fraction, title=rate.label, country=rate.country)


def _unrounded(item: Item, parts: Parts, rates: Mapping[str, TaxLine]) -> tuple[Decimal, Decimal]:
    """Net and VAT before WooCommerce rounded them to cents, where that can be seen; else as stated."""
    tax = sum((amount for _, amount in parts), ZERO)
    if abs(tax - item.total_tax) > HALF_CENT * (len(parts) + 1):
        tax = item.total_tax
    candidates = [] if item.price is None else [item.price * item.quantity]
    if len(parts) == 1:
        rate = rates.get(parts[0][0])
        if rate and rate.rate_percent:
            candidates.append(parts[0][1] * 100 / rate.rate_percent)
    near = (net for net in candidates if abs(net - item.total) <= HALF_CENT)
    return next(near, item.total).quantize(MICRO), tax
