"""What came back, line by line, as a refund of Shopify's tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from bridge.orders import ZERO, Line, LineKind, Tax, to_cents
from bridge.sources.shopify.payloads import RefundPayload


def refunded_lines(included: bool, sold: Mapping[str, Line], payload: RefundPayload) -> Iterable[Line]:
    for item in payload.refund_line_items:
        line = sold.get(item.line_item_id) or _lost_line(item.line_item_id, LineKind.PRODUCT, item.title)
        yield part(included, line, item.base, tax=item.tax, quantity=item.quantity)
    yield from _refunded_shipping(included, sold, payload)
    for duty in payload.duties:
        line = sold.get(duty.duty_id) or _lost_line(duty.duty_id, LineKind.DUTY, "Droits de douane")
        yield part(included, line, duty.amount_set.shop_money.amount)


def _refunded_shipping(included: bool, sold: Mapping[str, Line], payload: RefundPayload) -> Iterable[Line]:
    """Shopify may state the same shipping refund twice; `refund_shipping_lines` (2024-10) comes first.

    https://shopify.dev/docs/api/admin-rest/latest/resources/refund, order_adjustments
    """
    for shipping in payload.refund_shipping_lines:
        line = sold.get(shipping.shipping_line_id) or _lost_line(shipping.shipping_line_id, LineKind.SHIPPING)
        yield part(included, line, shipping.subtotal_amount_set.shop_money.amount)
    if payload.refund_shipping_lines:
        return
    sold_shipping = [line for line in sold.values() if line.kind is LineKind.SHIPPING]
    line = sold_shipping[0] if len(sold_shipping) == 1 else _lost_line("", LineKind.SHIPPING)
    for adjustment in payload.order_adjustments:
        if adjustment.of_shipping:
            net, tax = abs(adjustment.amount), abs(adjustment.tax_amount)
            yield part(included, line, net + tax if included else net, tax=tax)


def _lost_line(line_id: str, kind: LineKind, title: str = "Livraison") -> Line:
    """Stands in for a line that the snapshot does not have."""
    return Line(id=line_id, kind=kind, title=title, gross=ZERO)


def part(
    included: bool,
    line: Line,
    base: Decimal,
    *,
    tax: Decimal | None = None,
    quantity: Decimal = Decimal(1),
) -> Line:
    """What is given back of a sold line. Without `tax`, the line's own tax in proportion."""
    if tax is None:
        whole = line.gross if included else line.net
        tax = to_cents(line.tax * base / whole) if whole else ZERO
    return Line(
        id=line.id,
        kind=line.kind,
        title=line.title,
        sku=line.sku,
        quantity=quantity,
        gross=base if included else base + tax,
        taxes=_split(line.taxes, tax),
        supply=line.supply,
    )


def _split(taxes: Sequence[Tax], amount: Decimal) -> tuple[Tax, ...]:
    """`amount` over the taxes of a line, as they were charged; the last one takes the rounding."""
    if not taxes:
        return (Tax(amount=amount),) if amount else ()
    whole = sum((tax.amount for tax in taxes), ZERO)
    shares = [to_cents(amount * tax.amount / whole) if whole else ZERO for tax in taxes[:-1]]
    shares.append(amount - sum(shares, ZERO))
    return tuple(replace(tax, amount=share) for tax, share in zip(taxes, shares, strict=True))
