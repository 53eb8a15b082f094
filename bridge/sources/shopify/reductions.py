"""By how much the sale became smaller, and of what. A refund of money alone is none.

A refund of Shopify's holds lines, money, both or neither: an edit that removes a line writes one without
money, and the money follows in another without lines. What the order counts as its present total tells which
is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bridge.orders import ZERO, Line, LineKind, Reduction, RefundState, Tax, to_cents, utc
from bridge.sources.shopify.line_payloads import LineItem
from bridge.sources.shopify.payloads import OrderPayload, RefundPayload, Transaction
from bridge.sources.shopify.payments import state_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A refund as it was heard of. `heard_at`: None where the order itself lists it."""

    payload: RefundPayload
    heard_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class _Record:
    """One refund. `told`: what its lines and adjustments come to; `amount`: by how much the sale shrank."""

    payload: RefundPayload
    lines: tuple[Line, ...]
    told: Decimal
    money: Decimal
    paid_back: Decimal
    state: RefundState
    heard_at: datetime | None
    amount: Decimal = ZERO

    @property
    def bare(self) -> bool:
        """Nothing but money is known of it."""
        return not self.lines and not self.payload.discrepancies


def reductions_of(
    snapshots: Sequence[OrderPayload],
    order: OrderPayload,
    lines: Sequence[Line],
    refunds: Iterable[Told],
    money: Mapping[str, Transaction],
) -> tuple[Reduction, ...]:
    """Each refund once, from the version that tells most, and what left without one, oldest first."""
    listed = {refund.id for refund in order.refunds}
    richest: dict[str, RefundPayload] = {}
    heard: dict[str, datetime] = {}
    for told in refunds:
        payload = told.payload
        richest[payload.id] = max(richest.get(payload.id, payload), payload, key=_richness)
        if told.heard_at and payload.id not in listed:
            heard[payload.id] = min(heard.get(payload.id, told.heard_at), told.heard_at)
    by_id = {line.id: line for line in lines}
    records = [_record(order, by_id, each, money, heard.get(each.id)) for each in richest.values()]
    records.sort(key=lambda record: (_moment(record.payload), record.payload.id))
    untold = _reconcile(order, records)
    return tuple(
        sorted(
            [
                *(
                    _reduction(record)
                    for record in records
                    if record.amount or record.state is RefundState.FAILED
                ),
                *_removed(snapshots, order, by_id, records, untold),
            ],
            key=lambda each: (each.at, each.id),
        )
    )


def _richness(refund: RefundPayload) -> tuple[int, int, int, str]:
    return (
        len(refund.transactions),
        len(refund.refund_line_items),
        len(refund.refund_shipping_lines) + len(refund.order_adjustments) + len(refund.duties),
        refund.model_dump_json(),
    )


def _moment(refund: RefundPayload) -> datetime:
    return utc(refund.processed_at or refund.created_at)


def _record(
    order: OrderPayload,
    sold: Mapping[str, Line],
    payload: RefundPayload,
    money: Mapping[str, Transaction],
    heard_at: datetime | None,
) -> _Record:
    """While one of its payments is pending, the whole refund is, so that one credit note can cover it."""
    moves = [money[move.id] for move in payload.transactions if move.kind == "refund"]
    states = {state_of(move) for move in moves}
    state = RefundState.PENDING if RefundState.PENDING in states else RefundState.DONE
    if states == {RefundState.FAILED}:
        state = RefundState.FAILED
    failed = state is RefundState.FAILED
    counted = [move for move in moves if failed or state_of(move) is not RefundState.FAILED]
    lines = tuple(_refunded_lines(order, sold, payload))
    stated = sum((line.gross for line in lines), ZERO)
    return _Record(
        payload=payload,
        lines=lines,
        told=stated - sum((each.amount + each.tax_amount for each in payload.discrepancies), ZERO),
        money=sum((abs(move.amount) for move in counted), ZERO),
        paid_back=ZERO if failed else sum((abs(move.amount) for move in counted), ZERO),
        state=state,
        heard_at=heard_at,
    )


def _reconcile(order: OrderPayload, records: Sequence[_Record]) -> Decimal:
    """Gives each refund its amount; what the order has become smaller beyond all of them comes back.

    The lines and adjustments tell it, or the money where there are none of the latter (a fee was kept back,
    as old versions do not tell). Where that is not what the order lost, money went back alone, or lines did.
    """
    for record in records:
        sure = record.payload.discrepancies or not record.money
        record.amount = record.told if sure else record.money
    if order.current_total_price is None:
        return ZERO
    listed = {refund.id for refund in order.refunds}
    counted = [record for record in records if record.payload.id in listed]
    missing = order.total_price - order.current_total_price - sum((each.amount for each in counted), ZERO)
    wrong = [record for record in counted if record.told != record.amount]
    wrong.sort(key=lambda record: record.told - record.amount != missing)
    for record in wrong:
        off = record.told - record.amount
        step = max(off, missing) if missing < 0 else min(off, missing)
        if off * missing > 0:
            record.amount += step
            missing -= step
    _owed_back(order, [record for record in records if record.payload.id not in listed])
    return missing


def _owed_back(order: OrderPayload, unlisted: Iterable[_Record]) -> None:
    """Money that the order owes back (it was paid twice, or a line left) makes no sale smaller."""
    owed = max(-order.total_outstanding, ZERO)
    for record in unlisted:
        if record.bare and record.money <= owed:
            owed -= record.money
            record.amount = ZERO


def _reduction(record: _Record) -> Reduction:
    return Reduction(
        id=record.payload.id,
        at=_moment(record.payload),
        amount=record.amount or record.money,
        state=record.state,
        lines=record.lines,
        paid_back=record.paid_back,
        heard_at=record.heard_at if record.bare else None,
        note=record.payload.note,
    )


def _removed(
    snapshots: Sequence[OrderPayload],
    order: OrderPayload,
    sold: Mapping[str, Line],
    records: Iterable[_Record],
    untold: Decimal,
) -> Iterable[Reduction]:
    """Lines of which less is left than refunds tell, if that is all that is missing of the order's total."""
    gone: dict[str, Decimal] = {}
    for told in (line for record in records for line in record.payload.refund_line_items):
        gone[told.line_item_id] = gone.get(told.line_item_id, ZERO) + told.quantity
    left = [
        (item, quantity)
        for item in order.line_items
        if item.current_quantity is not None
        and item.quantity
        and (quantity := item.quantity - item.current_quantity - gone.get(item.id, ZERO)) > 0
    ]
    parts = [
        (item, _part(order, sold[item.id], to_cents(item.base * quantity / item.quantity), quantity=quantity))
        for item, quantity in left
    ]
    if untold <= 0 or sum((part.gross for _, part in parts), ZERO) != untold:
        return
    for item, part in parts:
        since = _since(snapshots, item)
        yield Reduction(id=_removal_id(item), at=since, amount=part.gross, lines=(part,))


def _removal_id(item: LineItem) -> str:
    """Shopify gives none: the line's, with what is left of it."""
    return f"{item.id}-{item.current_quantity}"


def _since(snapshots: Sequence[OrderPayload], item: LineItem) -> datetime:
    """The first time that no more was left of it than now."""
    for snapshot in sorted(snapshots, key=lambda each: each.changed_at):
        same = next((each for each in snapshot.line_items if each.id == item.id), None)
        if (
            same
            and same.current_quantity is not None
            and same.current_quantity <= (item.current_quantity or 0)
        ):
            return utc(snapshot.changed_at)
    raise ValueError("the line is not in its own order")


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
        if adjustment.of_shipping:
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
