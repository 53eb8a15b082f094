"""All events of one order → the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import ZERO, Event, Folded, Ignored, Incomplete, Order, Refund
from bridge.sources.base import FETCHED
from bridge.sources.reading import read
from bridge.sources.woocommerce.lines import order_lines, refund_lines, tax_problems
from bridge.sources.woocommerce.parties import customer_of, payments_of
from bridge.sources.woocommerce.payloads import OrderBody, RefundBody, RefundList, RefundNote
from bridge.sources.woocommerce.topics import DELETED, PLATFORM

WEBHOOKS_PAGE = "WooCommerce › Settings › Advanced › Webhooks"
DRAFTS: Mapping[str, str] = {
    "auto-draft": "the order is an empty form in the shop's administration",
    "draft": "the order is a draft in the shop's administration",
    "checkout-draft": "the checkout was opened, nothing has been ordered yet",
}
"""Status → why it is no order yet."""
TRASH, CANCELLED, REFUNDED, FAILED = "trash", "cancelled", "refunded", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """One state of the order, and the event that brought it. `modified` is the order's own clock."""

    event: Event
    order: OrderBody
    modified: datetime

    @property
    def rank(self) -> tuple[datetime, bool, int, bytes]:
        """Oldest first; of the same second, what knows of a payment or of more refunds comes later."""
        paid = self.order.date_paid_gmt is not None
        return self.modified, paid, len(self.order.refunds), self.event.body


def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
    """The newest snapshot is the order; older ones only date what happened. See the module's docstring.

    Raises NeedsPerson when an event cannot be understood.
    """
    number = Key.parse(order_key).id
    what = f"order {number} of shop {shop}"
    orders = [
        (event, read(OrderBody, event, what)) for event in events if event.topic not in (DELETED, FETCHED)
    ]
    history = sorted(
        (_snapshot(event, order, what) for event, order in orders if order.status not in DRAFTS),
        key=lambda snapshot: snapshot.rank,
    )
    if not history:
        reasons = sorted(DRAFTS[order.status] for _, order in orders)
        return Ignored(reason=reasons[0] if reasons else "the order was deleted before we knew more of it")
    newest = history[-1].order
    paid = newest.date_paid_gmt is not None
    if not paid and all(snapshot.order.status == TRASH for snapshot in history):
        return Ignored(reason="the order was put in the bin before it was paid")
    described = _described_refunds(events, what)
    notes = [note for note in newest.refunds if note.total]
    if not _is_full(newest, notes) and any(note.id not in described for note in notes):
        return _refunds_wanted(shop, number, what)
    lines, problem = order_lines(newest, what)
    return Order(
        key=order_key,
        platform=PLATFORM,
        shop=shop,
        id=number,
        number=newest.number or number,
        currency=newest.currency.upper(),
        total=newest.due,
        placed_at=newest.date_created_gmt or history[0].modified,
        lines=lines,
        customer=customer_of(newest),
        paid_at=newest.date_paid_gmt,
        payments=payments_of(newest) if paid else (),
        refunds=tuple(
            sorted(
                (_refund(note, described.get(note.id), newest, history) for note in notes),
                key=lambda refund: (refund.at, refund.id),
            )
        ),
        cancelled_at=_cancelled_at(history, [event for event in events if event.topic == DELETED]),
        problems=(*problem, *tax_problems(newest, what), *_contradictions(history, what)),
    )


def _snapshot(event: Event, order: OrderBody, what: str) -> _Snapshot:
    if order.date_modified_gmt is None:
        raise NeedsPerson(
            f"{what}: the {event.topic} event has no date_modified_gmt; in {WEBHOOKS_PAGE} set the webhook's "
            "API version to WP REST API Integration v3, then save the order again in the shop"
        )
    return _Snapshot(event=event, order=order, modified=order.date_modified_gmt)


def _described_refunds(events: Sequence[Event], what: str) -> dict[str, RefundBody]:
    """Refund id → what the API's answers say of it."""
    answers = sorted((event for event in events if event.topic == FETCHED), key=lambda event: event.body)
    return {refund.id: refund for event in answers for refund in read(RefundList, event, what).refunds}


def _refunds_wanted(shop: str, number: str, what: str) -> Incomplete:
    """https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-refunds"""
    return Incomplete(
        path=f"/wp-json/wc/v3/orders/{number}/refunds?per_page=100",
        reason=f"{what} was refunded in part, and WooCommerce's webhook does not say which lines: set "
        f'shops.{shop}.platform_api_key = "ck_…:cs_…" (a key with read rights, made in WooCommerce › '
        "Settings › Advanced › REST API), then retry the order",
    )


def _is_full(order: OrderBody, notes: Iterable[RefundNote]) -> bool:
    """The refunds give everything back, gift cards too: no line needs to be known."""
    return order.status == REFUNDED and sum((note.amount for note in notes), ZERO) == order.due


def _cancelled_at(history: Sequence[_Snapshot], deletions: Sequence[Event]) -> datetime | None:
    """Since when the order is off: the first of the snapshots at the end that say so, else the deletion."""
    newest = history[-1].order
    paid = newest.date_paid_gmt is not None
    if newest.status == CANCELLED or (newest.status == TRASH and not paid):
        since = history[-1].modified
        for snapshot in reversed(history):
            if snapshot.order.status not in (CANCELLED, TRASH):
                break
            since = snapshot.modified
        return since
    if paid:
        return None
    alive = max(snapshot.event.received_at for snapshot in history if snapshot.order.status != TRASH)
    return min((event.received_at for event in deletions if event.received_at >= alive), default=None)


def _contradictions(history: Sequence[_Snapshot], what: str) -> Iterable[str]:
    """What the order now says against what it said before, or against itself."""
    newest = history[-1].order
    paid = newest.date_paid_gmt is not None
    if not paid and any(snapshot.order.date_paid_gmt for snapshot in history):
        yield f"{what} was paid and now is not: look at its payment in WooCommerce"
    if paid and newest.status == FAILED:
        yield f"the payment of {what} failed after it had been counted: look at it in the payment provider"
    if paid and newest.status == REFUNDED and not newest.refunds and newest.due:
        yield f"{what} has the status refunded but no refund: record the refund in WooCommerce"
    known = {note.id for snapshot in history for note in snapshot.order.refunds if note.total}
    gone = sorted(known - {note.id for note in newest.refunds})
    if gone:
        yield (
            f"refund {', '.join(gone)} of {what} was deleted in WooCommerce: check whether the money went "
            "back, and whether its credit note must be withdrawn"
        )


def _refund(
    note: RefundNote, described: RefundBody | None, order: OrderBody, history: Sequence[_Snapshot]
) -> Refund:
    """The money is what the order says of the refund; its lines and its day, what the API says."""
    seen = next(
        snapshot.modified
        for snapshot in history
        if any(known.id == note.id for known in snapshot.order.refunds)
    )
    return Refund(
        id=note.id,
        at=(described and described.date_created_gmt) or seen,
        amount=note.amount,
        lines=refund_lines(described, note, order) if described else (),
        note=note.reason,
    )
