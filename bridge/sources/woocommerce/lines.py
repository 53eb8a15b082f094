"""Items of an order or a refund → lines: what was charged, its VAT by rate, and whether the sum is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from decimal import Decimal

from bridge.currencies import payable
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
    """The lines, and a problem when they do not come to what the goods cost."""
    if lines := lines_that_come_to(order.due, items_of(order), order):
        return lines, ()
    stated = lines_of(items_of(order), order, exact=False)
    cards = order.due - order.charged
    problem = because(
        "woo_lines_differ",
        order=key.id,
        shop=key.shop,
        lines=to_cents(gross_of(stated)),
        currency=order.currency,
        total=order.due,
        cards=because("woo_by_gift_card", cards=cards) if order.stored_value else NO_REASON,
    )
    return stated, (problem,)


def lines_that_come_to(amount: Decimal, items: Items, order: OrderBody) -> tuple[Line, ...]:
    """The lines as stated or unrounded, whichever come to `amount`; () when neither does.

    WooCommerce sends as many decimals as the shop shows. Where it rounds its VAT at the subtotal, or has no
    decimals, the lines as stated miss the total, or only happen to meet it; the unrounded amounts come to it:
    exactly, or with the order's own VAT, which then is rounded once for each rate.
    """
    for exact in (False, True) if order.place <= CENT else (True, False):
        lines = lines_of(items, order, exact=exact)
        if payable(gross_of(lines), order.currency) == amount:
            return lines
        net = sum((line.net for line in lines), ZERO)
        if exact and amount == order.due == payable(net + order.total_tax, order.currency):
            return lines
    return ()


def gross_of(lines: Iterable[Line]) -> Decimal:
    return sum((line.gross for line in lines), ZERO)


def lines_of(items: Items, order: OrderBody, *, exact: bool) -> tuple[Line, ...]:
    rates = {tax.rate_id: tax for tax in order.tax_lines}
    labels = tuple(sorted({coupon.code for coupon in order.coupon_lines if coupon.code}))
    taxed = {item.tax_class for kind, item in items if kind is LineKind.PRODUCT and item.taxes}
    lines = []
    for kind, item in items:
        tax = payable(item.total_tax, order.currency)
        net = payable(item.total + item.total_tax, order.currency) - tax
        if exact:
            net, tax = _unrounded(item, rates, order.place)
        net, tax = _in_cents(net, tax, item, rates, order.place)
        lines.append(_line(kind, item, rates, labels, _untaxed(kind, item, order, taxed), net, tax))
    return tuple(lines)


def _untaxed(kind: LineKind, item: Item, order: OrderBody, taxed: Set[str]) -> ZeroTaxReason | None:
    """Why VAT was not even looked for: the buyer, or the tax status, which products only show by having no
    rate while others of their tax class have one."""
    if order.vat_exempt:
        return ZeroTaxReason.CUSTOMER_EXEMPT
    alone = kind is LineKind.PRODUCT and not item.taxes and item.tax_class in taxed
    return ZeroTaxReason.PRODUCT_EXEMPT if alone or item.tax_status == "none" else None


def _line(
    kind: LineKind,
    item: Item,
    rates: Mapping[str, TaxLine],
    labels: tuple[str, ...],
    untaxed: ZeroTaxReason | None,
    net: Decimal,
    tax: Decimal,
) -> Line:
    taxes = _taxes(net, tax, parts_of(item), rates)
    if untaxed and not tax:
        taxes = (Tax(amount=ZERO, rate=ZERO, reason=untaxed),)
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
        tax_class=item.tax_class,
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
    named_zero = ZeroTaxReason.ZERO_RATED if not (amount or fraction) and rate.label else None
    return Tax(
        amount=amount,
        rate=None if contradicted else fraction,
        title=rate.label,
        country=rate.country,
        reason=named_zero,
    )


def slack(place: Decimal, parts: Parts) -> Decimal:
    """By how much the VAT that is stated may differ from what the rates make, each rounded to `place`."""
    return max(HALF_CENT, place / 2) * (len(parts) + 1)


def _unrounded(item: Item, rates: Mapping[str, TaxLine], place: Decimal) -> tuple[Decimal, Decimal]:
    """Net and VAT before WooCommerce rounded them to `place`, where that can be seen; else as stated."""
    parts = parts_of(item)
    tax = sum((amount for _, amount in parts), ZERO)
    if abs(tax - item.total_tax) > slack(place, parts):
        tax = item.total_tax
    candidates = [] if item.price is None else [item.price * item.quantity]
    if len(parts) == 1:
        rate = rates.get(parts[0][0])
        if rate and rate.rate_percent:
            candidates.append(parts[0][1] * 100 / rate.rate_percent)
    near = (net for net in candidates if abs(net - item.total) <= max(HALF_CENT, place / 2))
    return next(near, item.total).quantize(MICRO), tax


def _in_cents(
    net: Decimal, tax: Decimal, item: Item, rates: Mapping[str, TaxLine], place: Decimal
) -> tuple[Decimal, Decimal]:
    """Net and VAT as the rate makes them of both, where a shop without cents has rounded them apart."""
    parts = parts_of(item)
    rate = rates.get(parts[0][0]) if place > CENT and len(parts) == 1 else None
    if rate is None or not rate.rate_percent or abs(net * rate.rate_percent / 100 - tax) <= CENT:
        return net, tax
    within = to_cents((net + tax) * rate.rate_percent / (100 + rate.rate_percent))
    return (net + tax - within, within) if abs(within - tax) <= place else (net, tax)
