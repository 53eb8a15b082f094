"""Shopify's own list of orders: the REST resource, whose orders have the shape of the webhooks' bodies.

https://shopify.dev/docs/api/admin-rest/latest/resources/order#get-orders?status=any. Why not GraphQL:
docs/adr/0025.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from pydantic import AwareDatetime, Field

from bridge.keys import ORDER, Key
from bridge.orders import ZERO, RefundState, utc
from bridge.reasons import because
from bridge.sources.base import FETCHED, Alarm, ForOrder
from bridge.sources.listing import Changed, Created, Listed, Named, Page, Question, Sale
from bridge.sources.reading import Amount, Id, Payload, Text, digest, entries, glimpse, number_of, whole
from bridge.sources.shopify.line_payloads import Flag, Many
from bridge.sources.shopify.payloads import Transaction
from bridge.sources.shopify.payments import STATUS, state_of
from bridge.sources.shopify.topics import PLATFORM

EVERY = timedelta(minutes=60)
MEMORY: timedelta | None = None
PAGE = 250
"""https://shopify.dev/docs/api/usage/pagination-rest: the most that a page may hold."""
_LINK = re.compile(r'<([^<>]+)>;\s*rel="?next"?')


class _Refund(Payload):
    transactions: Many[Transaction] = ()


class _Order(Payload):
    """The money of an order, as the list says it."""

    name: Text = ""
    created_at: AwareDatetime
    processed_at: AwareDatetime | None = None
    cancelled_at: AwareDatetime | None = None
    currency: Text = Field(min_length=3)
    total_price: Amount
    current_total_price: Amount = ZERO
    total_outstanding: Amount = ZERO
    financial_status: Id = ""
    test: Flag = False
    refunds: Many[_Refund] = ()


def paths(question: Question) -> tuple[str, ...]:
    """See `Listing.paths`. Without `status=any` only open orders are listed."""
    match question:
        case Changed(since=since):
            asked = {"updated_at_min": utc(since).isoformat(), "order": "updated_at asc"}
        case Created(since=since, until=until):
            asked = {
                "created_at_min": utc(since).isoformat(),
                "created_at_max": utc(until).isoformat(),
                "order": "created_at asc",
            }
        case Named(name=name):
            ids = (f"orders.json?status=any&ids={name}",) if number_of(name) else ()
            return (*ids, f"orders.json?status=any&name={quote(name)}")
    return (f"orders.json?{urlencode({'status': 'any', 'limit': PAGE} | asked)}",)


def page(shop: str, path: str, headers: Mapping[str, str], body: bytes) -> Page:
    """See `Listing.page`. The next page is named in a header, as a whole address:
    https://shopify.dev/docs/api/usage/pagination-rest"""
    following = _LINK.search(headers.get("link", ""))
    address = urlsplit(following[1]) if following else None
    name = address.path.rpartition("/")[2] if address else ""
    return Page(
        listed=tuple(_listed(shop, entry) for entry in entries(body, "orders")),
        next=f"{name}?{address.query}" if address else "",
    )


def _listed(shop: str, body: bytes) -> Listed:
    data = whole(body)
    order_id = number_of(data.get("id")) if isinstance(data, dict) else ""
    if not order_id:
        reason = because("shopify_no_order", topic=FETCHED)
        return Listed(identity=Alarm(event_id=digest(body), topic=FETCHED, reason=reason), body=body)
    stamp = str(data.get("updated_at"))[:40]
    key = Key(PLATFORM, shop, ORDER, order_id)
    event_id = f"{FETCHED}:{order_id}:{stamp}:{digest(body)}"
    return Listed(
        identity=ForOrder(event_id=event_id, topic=FETCHED, order_key=str(key)),
        body=body,
        at=_moment(stamp),
        sale=_sale(key, body),
    )


def _moment(stamp: str) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(stamp))
    except ValueError:
        return None


def _sale(key: Key, body: bytes) -> Sale | None:
    order = glimpse(_Order, body)
    if order is None:
        return None
    total = max(order.total_price, order.current_total_price)
    _, paid = STATUS.get(order.financial_status, (0, False))
    outstanding = order.total_outstanding if order.financial_status == "partially_paid" else total
    moves = [move for refund in order.refunds for move in refund.transactions]
    refunded = [move.amount for move in moves if move.kind == "refund" and state_of(move) is RefundState.DONE]
    return Sale(
        key=str(key),
        number=order.name or f"#{key.id}",
        placed_at=utc(order.processed_at or order.created_at),
        total=total,
        paid=total if paid else total - outstanding,
        refunded=sum(refunded, ZERO),
        currency=order.currency,
        test=order.test,
        cancelled=order.cancelled_at is not None,
    )
