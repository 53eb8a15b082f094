"""By how much the sale became smaller, and of what.

A webhook names refunds with their amount only. One of everything explains itself; any other asks for its
lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from bridge.currencies import payable
from bridge.keys import Key
from bridge.orders import ZERO, Event, Incomplete, Line, Reduction, to_cents
from bridge.reasons import because
from bridge.sources.base import ANSWER
from bridge.sources.reading import read
from bridge.sources.woocommerce.history import REFUNDED, Snapshot
from bridge.sources.woocommerce.lines import gross_of, items_of, lines_of, lines_that_come_to
from bridge.sources.woocommerce.payloads import OrderBody, RefundBody, RefundList, RefundNote


def reductions_of(
    order: OrderBody, events: Sequence[Event], history: Sequence[Snapshot], key: Key
) -> tuple[Reduction, ...] | Incomplete:
    """The refunds of the order's last state, oldest first; or the question that only the API can answer."""
    described = _described(events, key)
    notes = [note for note in order.refunds if note.total]
    if not _is_full(order, notes) and any(note.id not in described for note in notes):
        # https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-refunds
        return Incomplete(
            path=f"/wp-json/wc/v3/orders/{key.id}/refunds?per_page=100",
            reason=because("woo_refund_lines_unknown", order=key.id, shop=key.shop),
        )
    reductions = [_reduction(note, described.get(note.id), order, history) for note in notes]
    return tuple(sorted(reductions, key=lambda each: (each.at, each.id)))


def _described(events: Sequence[Event], key: Key) -> dict[str, RefundBody]:
    """Refund id → what the API's answers say of it."""
    answers = sorted((event for event in events if event.topic == ANSWER), key=lambda event: event.body)
    return {refund.id: refund for event in answers for refund in read(RefundList, event, key).refunds}


def _is_full(order: OrderBody, notes: Iterable[RefundNote]) -> bool:
    """The refunds give everything back, gift cards too: no line needs to be known."""
    back = sum((note.amount for note in notes), ZERO)
    return order.status == REFUNDED and payable(back, order.currency) == order.due


def _reduction(
    note: RefundNote, described: RefundBody | None, order: OrderBody, history: Sequence[Snapshot]
) -> Reduction:
    """The money is what the order says of the refund; its lines and its day, what the API says. Lines that
    are worth more were given back on gift cards for the rest, as far as some were used."""
    seen = next(
        snapshot.modified
        for snapshot in history
        if any(known.id == note.id for known in snapshot.order.refunds)
    )
    amount = payable(note.amount, order.currency)
    lines = _refund_lines(described, amount, order) if described else ()
    by_card = to_cents(gross_of(lines)) - amount
    return Reduction(
        id=note.id,
        at=(described and described.date_created_gmt) or seen,
        amount=amount + (by_card if ZERO < by_card <= order.due - order.charged else ZERO),
        lines=lines,
        paid_back=amount,
        note=note.reason,
    )


def _refund_lines(refund: RefundBody, amount: Decimal, order: OrderBody) -> tuple[Line, ...]:
    """What was given back, positive, under the ids of the order's lines; empty for a refund by amount.

    Their sum may differ from the money: a shop may give back less or more than the lines it takes back.
    """
    items = items_of(refund)
    lines = lines_that_come_to(-amount, items, order) or lines_of(items, order, exact=False)
    return tuple(
        replace(
            line,
            id=item.meta_data.get("_refunded_item_id", line.id),
            quantity=abs(line.quantity),
            gross=-line.gross,
            taxes=tuple(replace(tax, amount=-tax.amount) for tax in line.taxes),
            discount=ZERO,
            discount_labels=(),
        )
        for (_, item), line in zip(items, lines, strict=True)
        if line.gross or line.tax
    )
