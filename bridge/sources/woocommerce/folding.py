"""All events of one order → the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import Event, Folded, Ignored, Incomplete, Order, legal_date
from bridge.reasons import because
from bridge.sources.base import ANSWER
from bridge.sources.reading import read
from bridge.sources.woocommerce.history import TRASH, Snapshot, added_when, cancelled_when
from bridge.sources.woocommerce.lines import order_lines
from bridge.sources.woocommerce.parties import PAYMENT_KEYS, customer_of
from bridge.sources.woocommerce.payloads import OrderBody
from bridge.sources.woocommerce.payments import movements_of, on_account, paid_when
from bridge.sources.woocommerce.problems import problems_of
from bridge.sources.woocommerce.reductions import reductions_of
from bridge.sources.woocommerce.topics import DELETED, PLATFORM

SPLIT = ("has_sub_order", "wcfm_has_sub_order")
"""What marketplaces write on an order that they split by vendor: https://dokan.co/docs/,
https://wclovers.com/knowledgebase/."""
DRAFTS: Mapping[str, str] = {
    "auto-draft": "woo_auto_draft",
    "draft": "woo_draft",
    "checkout-draft": "woo_checkout_draft",
}
"""Status → the reason why it is no order yet."""


def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
    """The newest snapshot is the order; older ones only date what happened.

    Raises NeedsPerson when an event cannot be understood.
    """
    key = Key.parse(order_key)
    orders = [
        (event, read(OrderBody, event, key)) for event in events if event.topic not in (DELETED, ANSWER)
    ]
    history = sorted(
        (_snapshot(event, order, key) for event, order in orders if order.status not in DRAFTS),
        key=lambda snapshot: snapshot.rank,
    )
    if not history:
        drafts = sorted(DRAFTS[order.status] for _, order in orders)
        return Ignored(reason=because(drafts[0] if drafts else "deleted_unseen"))
    newest = history[-1].order
    paid = newest.date_paid_gmt is not None
    if not paid and all(snapshot.order.status == TRASH for snapshot in history):
        return Ignored(reason=because("woo_binned_unpaid"))
    reductions = reductions_of(newest, events, history, key)
    if isinstance(reductions, Incomplete):
        return reductions
    lines, problem = order_lines(newest, key)
    return Order(
        key=order_key,
        platform=PLATFORM,
        shop=shop,
        id=key.id,
        number=newest.number or key.id,
        currency=newest.currency.upper(),
        total=newest.due,
        placed_at=newest.date_created_gmt or history[0].modified,
        lines=tuple(replace(line, since=added_when(history, line.id)) for line in lines),
        customer=customer_of(newest),
        payment_ids=tuple(newest.meta_data[key] for key in PAYMENT_KEYS if key in newest.meta_data),
        channel=newest.created_via,
        part_of="" if newest.parent_id == "0" else newest.parent_id,
        has_parts=any(newest.meta_data.get(key) for key in SPLIT),
        paid_at=paid_when(newest),
        on_account=on_account(newest) and paid,
        movements=movements_of(newest, reductions),
        reductions=reductions,
        cancelled_at=cancelled_when(history, [event for event in events if event.topic == DELETED]),
        delivered_on=legal_date(newest.date_completed_gmt) if newest.date_completed_gmt else None,
        problems=(*problem, *problems_of(history, key)),
    )


def _snapshot(event: Event, order: OrderBody, key: Key) -> Snapshot:
    if order.date_modified_gmt is None:
        raise NeedsPerson(because("woo_no_clock", order=key.id, shop=key.shop, topic=event.topic))
    return Snapshot(event=event, order=order, modified=order.date_modified_gmt)
