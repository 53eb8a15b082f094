"""By how much the sale became smaller, and of what. A refund of money alone is none.

A refund of Shopify's holds lines, money, both or neither: an edit that removes a line writes one without
money, and the money follows in another without lines. What the order counts as its present total tells which
is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bridge.orders import ZERO, Line, Reduction, RefundState, to_cents, utc
from bridge.sources.shopify.line_payloads import LineItem
from bridge.sources.shopify.payloads import OrderPayload, RefundPayload, Transaction
from bridge.sources.shopify.payments import state_of
from bridge.sources.shopify.refunded_lines import part, refunded_lines


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
    refunds = tuple(refunds)
    richest = _richest(refunds)
    heard: dict[str, datetime] = {}
    for told in refunds:
        name = told.payload.id
        if told.heard_at and name not in listed:
            heard[name] = min(heard.get(name, told.heard_at), told.heard_at)
    by_id = {line.id: line for line in lines}
    records = [
        _record(order.taxes_included, by_id, each, money, heard.get(each.id)) for each in richest.values()
    ]
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


def reductions_alone(refunds: Iterable[Told], money: Mapping[str, Transaction]) -> tuple[Reduction, ...]:
    """Of refunds whose order is not told any more. Whether VAT is inside their lines' amounts, what was paid
    back tells; one without money is left out."""
    found = []
    for each in _richest(refunds).values():
        either = [_record(included, {}, each, money, None) for included in (True, False)]
        record = min(either, key=lambda record: abs(record.told - record.money))
        record.amount = record.told if record.payload.discrepancies else record.money
        if record.money:
            found.append(_reduction(record))
    return tuple(sorted(found, key=lambda each: (each.at, each.id)))


def _richest(refunds: Iterable[Told]) -> dict[str, RefundPayload]:
    found: dict[str, RefundPayload] = {}
    for each in refunds:
        name = each.payload.id
        found[name] = max(found.get(name, each.payload), each.payload, key=_richness)
    return found


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
    included: bool,
    sold: Mapping[str, Line],
    payload: RefundPayload,
    money: Mapping[str, Transaction],
    heard_at: datetime | None,
) -> _Record:
    """While one of its payments is pending, the whole refund is, so that one credit note can cover it.
    `included`: VAT is inside the amounts."""
    moves = [money[move.id] for move in payload.transactions if move.kind == "refund"]
    states = {state_of(move) for move in moves}
    state = RefundState.PENDING if RefundState.PENDING in states else RefundState.DONE
    if states == {RefundState.FAILED}:
        state = RefundState.FAILED
    failed = state is RefundState.FAILED
    counted = [move for move in moves if failed or state_of(move) is not RefundState.FAILED]
    lines = tuple(refunded_lines(included, sold, payload))
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
    refunded: dict[str, Decimal] = {}
    for told in (line for record in records for line in record.payload.refund_line_items):
        refunded[told.line_item_id] = refunded.get(told.line_item_id, ZERO) + told.quantity
    left = [
        (item, quantity)
        for item in order.line_items
        if item.current_quantity is not None
        and item.quantity
        and (quantity := item.quantity - item.current_quantity - refunded.get(item.id, ZERO)) > 0
    ]
    parts = [
        (
            item,
            part(
                order.taxes_included,
                sold[item.id],
                to_cents(item.base * quantity / item.quantity),
                quantity=quantity,
            ),
        )
        for item, quantity in left
    ]
    if untold <= 0 or sum((gone.gross for _, gone in parts), ZERO) != untold:
        return
    for item, gone in parts:
        since = _since(snapshots, item)
        yield Reduction(id=_removal_id(item), at=since, amount=gone.gross, lines=(gone,))


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
