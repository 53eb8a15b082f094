"""Which money went back, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from bridge.orders import ZERO, Line, LineKind, Refund, RefundState, Tax, to_cents, utc
from bridge.sources.shopify.payloads import OrderPayload, RefundPayload, Transaction
from bridge.sources.shopify.payments import state_of


def refunds_of(
    order: OrderPayload,
    lines: Sequence[Line],
    payloads: Iterable[RefundPayload],
    money: Mapping[str, Transaction],
) -> tuple[Refund, ...]:
    """Each refund once, from the version that tells most, oldest first."""
    richest: dict[str, RefundPayload] = {}
    for payload in payloads:
        richest[payload.id] = max(richest.get(payload.id, payload), payload, key=_richness)
    by_id = {line.id: line for line in lines}
    refunds = [_refund(order, by_id, payload, money) for payload in richest.values()]
    return tuple(sorted(refunds, key=lambda refund: (refund.at, refund.id)))


def _richness(refund: RefundPayload) -> tuple[int, int, int, str]:
    return (
        len(refund.transactions),
        len(refund.refund_line_items),
        len(refund.refund_shipping_lines) + len(refund.order_adjustments) + len(refund.duties),
        refund.model_dump_json(),
    )


def _refund(
    order: OrderPayload, sold: Mapping[str, Line], payload: RefundPayload, money: Mapping[str, Transaction]
) -> Refund:
    """The transactions are the money; lines can say more or less. Nothing moved: amount 0, without lines.

    While one transaction is pending the whole refund is, so that one credit note can cover it.
    """
    moves = [money[move.id] for move in payload.transactions if move.kind == "refund"]
    states = {state_of(move) for move in moves}
    state = RefundState.PENDING if RefundState.PENDING in states else RefundState.DONE
    if states == {RefundState.FAILED}:
        state = RefundState.FAILED
    counted = [
        move for move in moves if state is RefundState.FAILED or state_of(move) is not RefundState.FAILED
    ]
    amount = sum((abs(move.amount) for move in counted), ZERO)
    return Refund(
        id=payload.id,
        at=utc(payload.processed_at or payload.created_at),
        amount=amount,
        state=state,
        lines=tuple(_refunded_lines(order, sold, payload)) if amount else (),
        note=payload.note,
    )


def _refunded_lines(order: OrderPayload, sold: Mapping[str, Line], payload: RefundPayload) -> Iterable[Line]:
    for item in payload.refund_line_items:
        line = sold.get(item.line_item_id) or _lost_line(item.line_item_id, LineKind.PRODUCT, item.title)
        yield _part(order, line, item.base, tax=item.tax, quantity=item.quantity)
    yield from _refunded_shipping(order, sold, payload)
    for duty in payload.duties:
        line = sold.get(duty.duty_id) or _lost_line(duty.duty_id, LineKind.DUTY, "Droits de douane")
        yield _part(order, line, duty.amount_set.shop_money.amount)


def _refunded_shipping(
    order: OrderPayload, sold: Mapping[str, Line], payload: RefundPayload
) -> Iterable[Line]:
    """Shopify may state the same shipping refund twice; `refund_shipping_lines` (2024-10) comes first.

    https://shopify.dev/docs/api/admin-rest/latest/resources/refund, order_adjustments
    """
    for shipping in payload.refund_shipping_lines:
        line = sold.get(shipping.shipping_line_id) or _lost_line(shipping.shipping_line_id, LineKind.SHIPPING)
        yield _part(order, line, shipping.subtotal_amount_set.shop_money.amount)
    if payload.refund_shipping_lines:
        return
    sold_shipping = [line for line in sold.values() if line.kind is LineKind.SHIPPING]
    line = sold_shipping[0] if len(sold_shipping) == 1 else _lost_line("", LineKind.SHIPPING)
    for adjustment in payload.order_adjustments:
        if adjustment.kind == "shipping_refund":  # a refund_discrepancy shows in the money already
            net, tax = abs(adjustment.amount), abs(adjustment.tax_amount)
            yield _part(order, line, net + tax if order.taxes_included else net, tax=tax)


def _lost_line(line_id: str, kind: LineKind, title: str = "Livraison") -> Line:
    """Stands in for a line that the snapshot does not have."""
    return Line(id=line_id, kind=kind, title=title, gross=ZERO)


def _part(
    order: OrderPayload,
    line: Line,
    base: Decimal,
    *,
    tax: Decimal | None = None,
    quantity: Decimal = Decimal(1),
) -> Line:
    """What is given back of a sold line. Without `tax`, the line's own tax in proportion."""
    if tax is None:
        whole = line.gross if order.taxes_included else line.net
        tax = to_cents(line.tax * base / whole) if whole else ZERO
    return Line(
        id=line.id,
        kind=line.kind,
        title=line.title,
        sku=line.sku,
        quantity=quantity,
        gross=base if order.taxes_included else base + tax,
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
