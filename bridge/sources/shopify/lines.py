"""What was sold: everything that the order's total is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from bridge.orders import ZERO, Line, LineKind, Supply, Tax, ZeroTaxReason, utc
from bridge.sources.shopify.line_payloads import Allocation, Duty, LineItem, ShippingLine, TaxLine
from bridge.sources.shopify.payloads import OrderEdit, OrderPayload

SUPPLY: Mapping[bool | None, Supply] = {True: Supply.GOODS, False: Supply.SERVICES, None: Supply.UNKNOWN}
"""`requires_shipping`: what is no physical product is a service, also when it is a download."""


def lines_of(order: OrderPayload) -> tuple[Line, ...]:
    """Everything that the total is made of, as placed; edits and refunds do not change these lines."""
    lines: list[Line] = []
    for item in order.line_items:
        lines.append(_item_line(order, item))
        if not order.duties_included:  # otherwise they are inside the price
            lines.extend(_duty_line(order, duty) for duty in item.duties)
    lines.extend(_shipping_line(order, shipping) for shipping in order.shipping_lines)
    fees = order.original_total_additional_fees_set
    if fees and fees.shop_money.amount:
        lines.append(_line(order, LineKind.FEE, "fees", "Frais supplémentaires", fees.shop_money.amount, ()))
    return tuple(lines)


def in_time(
    lines: Sequence[Line], snapshots: Sequence[OrderPayload], edits: Iterable[OrderEdit], *, paid: bool
) -> tuple[Line, ...]:
    """The lines with the time when they were added, and what is owed of them although the order was
    `paid`."""
    ordered = sorted(snapshots, key=lambda snapshot: snapshot.changed_at)
    known = [(snapshot.changed_at, {line.id: line for line in lines_of(snapshot)}) for snapshot in ordered]
    committed = {name: edit.committed_at for edit in edits for name in edit.added}
    settled = [state for snapshot, (_, state) in zip(ordered, known, strict=True) if _settled(snapshot)]
    before = settled[-1] if paid and settled and ordered[-1].total_outstanding > 0 else None
    found = []
    for line in lines:
        first = next((at for at, state in known if line.id in state), ordered[0].changed_at)
        since = None if line.id in known[0][1] else min(first, committed.get(line.id, first))
        owed = ZERO
        if before is not None:
            owed = line.gross - (before[line.id].gross if line.id in before else ZERO)
        found.append(replace(line, since=utc(since) if since else None, owed=max(owed, ZERO)))
    return tuple(found)


def _settled(order: OrderPayload) -> bool:
    return order.financial_status in ("paid", "partially_refunded") and order.total_outstanding <= 0


_SUPPLIES = {True: Supply.GOODS, False: Supply.SERVICES, None: Supply.UNKNOWN}
"""By `requires_shipping`: what is not shipped is a service, also a download."""


def _item_line(order: OrderPayload, item: LineItem) -> Line:
    kind = LineKind.TIP if item.is_tip else LineKind.GIFT_CARD if item.gift_card else LineKind.PRODUCT
    return _line(
        order,
        kind,
        item.id,
        item.name or item.title or "Article",
        item.base,
        item.tax_lines,
        item.discount_allocations,
        sku=item.sku,
        quantity=item.quantity,
        supply=SUPPLY[item.requires_shipping],
        untaxed=_exempt_product(item),
    )


def _exempt_product(item: LineItem) -> bool:
    """Gift cards and tips, which are never taxable there, have reasons of their own."""
    return item.taxable is False and not (item.gift_card or item.is_tip)


def _duty_line(order: OrderPayload, duty: Duty) -> Line:
    base = duty.shop_money.amount
    return _line(order, LineKind.DUTY, duty.id, "Droits de douane", base, duty.tax_lines)


def _shipping_line(order: OrderPayload, line: ShippingLine) -> Line:
    title = line.title or "Livraison"
    return _line(
        order,
        LineKind.SHIPPING,
        line.id,
        title,
        line.base,
        line.tax_lines,
        line.discount_allocations,
        untaxed=all(_exempt_product(item) for item in order.line_items),
    )


def _line(
    order: OrderPayload,
    kind: LineKind,
    line_id: str,
    title: str,
    base: Decimal,
    tax_lines: Iterable[TaxLine],
    discounts: Iterable[Allocation] = (),
    *,
    sku: str = "",
    quantity: Decimal = Decimal(1),
    supply: Supply = Supply.UNKNOWN,
    untaxed: bool = False,
) -> Line:
    """`base`: after discounts, VAT inside or not as the order says. `untaxed`: what it is bears no tax."""
    taxes = tuple(_tax(order, tax) for tax in tax_lines)
    reason = _exemption(order) or (ZeroTaxReason.PRODUCT_EXEMPT if untaxed else None)
    if not taxes and reason:
        taxes = (Tax(amount=ZERO, rate=ZERO, reason=reason),)
    added = ZERO if order.taxes_included else sum((tax.amount for tax in taxes), ZERO)
    return Line(
        id=line_id,
        kind=kind,
        title=title,
        sku=sku,
        quantity=quantity,
        gross=base + added,
        taxes=taxes,
        discount=sum((discount.amount for discount in discounts), ZERO),
        discount_labels=_labels(order, discounts),
        supply=supply,
        tags=(*order.tags, *(order.customer.tags if order.customer else ())),
    )


def _tax(order: OrderPayload, tax: TaxLine) -> Tax:
    """A rate without money is a tax that was *not* charged; the buyer's exemptions may say why. A rate of 0
    that has a name is the shop's own."""
    reason = None if tax.price else _exemption(order)
    if not tax.price and tax.rate == 0 and tax.title:
        reason = reason or ZeroTaxReason.ZERO_RATED
    return Tax(amount=tax.price, rate=tax.rate, title=tax.title, country=tax.country, reason=reason)


def _exemption(order: OrderPayload) -> ZeroTaxReason | None:
    """https://shopify.dev/docs/api/admin-graphql/latest/enums/TaxExemption"""
    buyer = order.customer
    if buyer and "EU_REVERSE_CHARGE_EXEMPTION_RULE" in buyer.tax_exemptions:
        return ZeroTaxReason.REVERSE_CHARGE
    if order.tax_exempt or (buyer and buyer.tax_exempt):
        return ZeroTaxReason.CUSTOMER_EXEMPT
    return None


def _labels(order: OrderPayload, discounts: Iterable[Allocation]) -> tuple[str, ...]:
    labels = []
    for discount in discounts:
        index = discount.discount_application_index
        if index is not None and 0 <= index < len(order.discount_applications):
            applied = order.discount_applications[index]
            labels.append(applied.code or applied.title or applied.description)
    return tuple(dict.fromkeys(label for label in labels if label))
