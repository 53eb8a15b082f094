"""What in an order only a person can settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.keys import Key
from bridge.orders import ZERO
from bridge.reasons import Reason, because
from bridge.sources.woocommerce.history import FAILED, REFUNDED, Snapshot
from bridge.sources.woocommerce.lines import items_of, parts_of, slack
from bridge.sources.woocommerce.payloads import OrderBody
from bridge.sources.woocommerce.payments import deposit_of


def problems_of(history: Sequence[Snapshot], key: Key) -> Iterable[Reason]:
    """What does not fit together in the order's last state, or contradicts an earlier one."""
    newest = history[-1].order
    yield from _tax_problems(newest, key)
    order, shop = key.id, key.shop
    paid = newest.date_paid_gmt is not None
    if not paid and any(snapshot.order.date_paid_gmt for snapshot in history):
        yield because("woo_payment_gone", order=order, shop=shop)
    if paid and newest.status == FAILED:
        yield because("woo_payment_failed", order=order, shop=shop)
    if paid and newest.status == REFUNDED and not newest.refunds and newest.due:
        yield because("woo_refunded_without_refund", order=order, shop=shop)
    if (deposit := deposit_of(newest)) is not None:
        yield because(
            "woo_deposit",
            order=order,
            shop=shop,
            deposit=deposit,
            total=newest.due,
            currency=newest.currency,
        )
    known = {note.id for snapshot in history for note in snapshot.order.refunds if note.total}
    if gone := sorted(known - {note.id for note in newest.refunds}):
        yield because("woo_refund_deleted", refund=", ".join(gone), order=order, shop=shop)


def _tax_problems(order: OrderBody, key: Key) -> Iterable[Reason]:
    """Lines whose VAT is not what their rates make, beyond rounding: which of the two is wrong is a guess."""
    for _, item in items_of(order):
        parts = parts_of(item)
        made = sum((amount for _, amount in parts), ZERO)
        if parts and abs(made - item.total_tax) > slack(order.place, parts):
            yield because(
                "woo_tax_differs",
                line=item.id,
                order=key.id,
                shop=key.shop,
                stated=item.total_tax,
                made=made,
                currency=order.currency,
            )
