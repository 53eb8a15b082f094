"""From all that Shopify sent about one order to what the order is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import Event, Folded, Ignored, Order, Unfinished, legal_date, utc
from bridge.reasons import because
from bridge.sources.base import FETCHED
from bridge.sources.reading import read
from bridge.sources.shopify.disputes import disputes_of
from bridge.sources.shopify.lines import in_time, lines_of
from bridge.sources.shopify.parties import customer_of
from bridge.sources.shopify.payloads import (
    DeletedPayload,
    DisputePayload,
    EditedPayload,
    OrderEdit,
    OrderPayload,
    RefundPayload,
    Transaction,
    slug,
)
from bridge.sources.shopify.payments import (
    STATUS,
    given_back,
    latest_moves,
    movements_of,
    paid_when,
    receipts_of,
)
from bridge.sources.shopify.problems import problems_of
from bridge.sources.shopify.reductions import Told, reductions_alone, reductions_of
from bridge.sources.shopify.topics import PLATFORM, SNAPSHOTS

SAMPLE_ORDER = "820982911946154508"
"""The order of every test notification, whatever its topic; it never existed."""
NAMES_OF_PAYMENTS = ("order_id", "payment_id", "payment_intent", "transaction_id", "capture_id", "charge_id")
"""Ends of the names under which such apps keep the payment: "amazon-order-id"."""
EDIT_GRACE = timedelta(seconds=5)
"""An edit and the snapshot that holds it may differ by their rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the events of one order say, read and sorted. `snapshots` come with the bytes they came as;
    `paid_told`: the time of the first `orders/paid`."""

    snapshots: list[tuple[OrderPayload, bytes]]
    refunds: list[Told]
    moves: list[Transaction]
    edits: list[OrderEdit]
    disputes: list[DisputePayload]
    deleted: bool
    paid_told: datetime | None

    @property
    def edited_at(self) -> datetime | None:
        return max((edit.committed_at for edit in self.edits), default=None)

    @property
    def newest(self) -> OrderPayload:
        return max(self.snapshots, key=_newness)[0]


def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
    """The newest snapshot is the order; refunds and transactions are united from wherever they stand."""
    key = Key.parse(order_key)
    known = _read_all(key, events)
    if not known.snapshots:
        return _without_order(key, known)
    if known.edited_at and known.edited_at > known.newest.changed_at + EDIT_GRACE:
        return Unfinished(reason=because("shopify_edited"))
    return _order(key, known)


def _read_all(key: Key, events: Sequence[Event]) -> _Known:
    by_topic: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda each: (each.topic, each.body)):
        by_topic["orders/*" if event.topic in {FETCHED, *SNAPSHOTS} else event.topic].append(event)
    paid = [read(OrderPayload, event, key).changed_at for event in events if event.topic == "orders/paid"]
    known = _Known(
        snapshots=[(read(OrderPayload, event, key), event.body) for event in by_topic.pop("orders/*", [])],
        refunds=[
            Told(payload=read(RefundPayload, event, key), heard_at=event.received_at)
            for event in by_topic.pop("refunds/create", [])
        ],
        moves=[read(Transaction, event, key) for event in by_topic.pop("order_transactions/create", [])],
        edits=[read(EditedPayload, event, key).order_edit for event in by_topic.pop("orders/edited", [])],
        disputes=[
            read(DisputePayload, event, key)
            for topic in ("disputes/create", "disputes/update")
            for event in by_topic.pop(topic, [])
        ],
        deleted=bool([read(DeletedPayload, event, key) for event in by_topic.pop("orders/delete", [])]),
        paid_told=min(paid, default=None),
    )
    if by_topic:
        raise NeedsPerson(because("foreign_event", order=key.id, shop=key.shop, topic=min(by_topic)))
    return known


def _without_order(key: Key, known: _Known) -> Ignored | Unfinished:
    if key.id == SAMPLE_ORDER:
        return Ignored(reason=because("shopify_sample_order"))
    if known.deleted and not known.refunds and not known.moves:
        return Ignored(reason=because("deleted_unseen"))
    money = latest_moves(
        [*known.moves, *(move for each in known.refunds for move in each.payload.transactions)]
    )
    return Unfinished(
        reason=because("shopify_order_awaited"),
        reductions=reductions_alone(known.refunds, money),
        disputes=disputes_of(known.disputes),
    )


def _newness(snapshot: tuple[OrderPayload, bytes]) -> tuple[datetime, bool, int, int, bytes]:
    """Snapshots of one second differ by how far the order is; bytes settle the rest."""
    order, body = snapshot
    progress, _ = STATUS.get(order.financial_status, (0, False))
    return order.changed_at, order.cancelled_at is not None, progress, len(order.refunds), body


def _noted(order: OrderPayload) -> Iterator[str]:
    """What apps that copy orders of other channels wrote down of the payment there."""
    return (each.text for each in order.note_attributes if slug(each.name).endswith(NAMES_OF_PAYMENTS))


def _order(key: Key, known: _Known) -> Order:
    order = known.newest
    snapshots = [snapshot for snapshot, _ in known.snapshots]
    told = [*known.refunds, *(Told(payload=each) for snapshot in snapshots for each in snapshot.refunds)]
    moves = [move for each in told for move in each.payload.transactions]
    money = latest_moves([*known.moves, *moves])
    paid_at = paid_when(order, snapshots, receipts_of(money), known.paid_told)
    lines = in_time(lines_of(order), snapshots, known.edits, paid=paid_at is not None)
    cancelled_at = order.cancelled_at
    if known.deleted and cancelled_at is None and paid_at is None:
        cancelled_at = order.changed_at
    number = order.name or f"#{order.id}"
    movements = movements_of(order, money, paid=paid_at is not None)
    return Order(
        key=str(key),
        platform=PLATFORM,
        shop=key.shop,
        id=order.id,
        number=number,
        currency=order.currency,
        total=order.total_price,
        placed_at=utc(order.processed_at or order.created_at),
        lines=lines,
        customer=customer_of(order),
        paid_at=paid_at,
        due_on=legal_date(order.due_at) if order.due_at else None,
        movements=movements,
        reductions=reductions_of(snapshots, order, lines, told, money),
        disputes=disputes_of(known.disputes),
        cancelled_at=utc(cancelled_at) if cancelled_at else None,
        delivered_on=legal_date(order.shipped_at) if order.shipped_at else None,
        # a test notification is not confirmed and voided, even where its `test` is filtered out
        test=order.test or (order.confirmed is False and order.financial_status == "voided"),
        at_till=order.source_name == "pos",
        purchase_number=order.po_number,
        payment_ids=tuple(filter(None, (order.source_identifier, *_noted(order)))),
        channel=order.source_name,
        problems=tuple(problems_of(order, number, lines, given_back(movements), deleted=known.deleted)),
    )
