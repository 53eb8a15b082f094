"""WooCommerce's own list of orders, whose entries have the form of the webhooks' bodies.

https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders; its parameters:
https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/rest-api/
Controllers/Version3/class-wc-rest-crud-controller.php
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.keys import ORDER, Key
from bridge.orders import ZERO
from bridge.reasons import because
from bridge.sources.base import FETCHED, Alarm, ForOrder
from bridge.sources.listing import Changed, Created, Listed, Named, Page, Question, Sale
from bridge.sources.reading import Amount, Id, Payload, Text, digest, entries, glimpse, number_of, whole
from bridge.sources.woocommerce.history import CANCELLED, TRASH
from bridge.sources.woocommerce.payloads import Many, Moment, RefundNote
from bridge.sources.woocommerce.topics import PLATFORM

EVERY = timedelta(minutes=15)
MEMORY: timedelta | None = None
PAGE: Final = 100
"""The most that a page may hold."""
ORDERS: Final = "/wp-json/wc/v3/orders"
SECOND = timedelta(seconds=1)
"""`after` and `modified_after` leave their own second out."""


class _Order(Payload):
    """The money of an order, as the list says it."""

    number: Text = ""
    status: Id = ""
    currency: Text
    total: Amount
    date_created_gmt: Moment = None
    date_paid_gmt: Moment = None
    refunds: Many[RefundNote] = ()


class _Clock(Payload):
    date_created_gmt: Moment = None
    date_modified_gmt: Moment = None


def paths(question: Question) -> tuple[str, ...]:
    """See `Listing.paths`. `status=any` is all but drafts and the bin."""
    match question:
        case Changed(since=since):
            return (_path(orderby="modified", modified_after=_written(since - SECOND)),)
        case Created(since=since, until=until):
            return (_path(orderby="date", after=_written(since - SECOND), before=_written(until)),)
        case Named(name=name):
            ids = (f"{ORDERS}?{urlencode({'include': name})}",) if number_of(name) else ()
            return (*ids, f"{ORDERS}?{urlencode({'search': name, 'per_page': PAGE})}")


def _path(**asked: str | int) -> str:
    shown = {"status": "any", "dates_are_gmt": "true", "order": "asc", "per_page": PAGE, "page": 1}
    return f"{ORDERS}?{urlencode(shown | asked)}"


def _written(moment: datetime) -> str:
    """GMT without saying so, to the second, as WordPress compares."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def page(shop: str, path: str, headers: Mapping[str, str], body: bytes) -> Page:
    """See `Listing.page`."""
    found = entries(body)
    asked = dict(parse_qsl(urlsplit(path).query))
    pages = _count(headers, "x-wp-totalpages")
    # A page may hold less than was asked for: entries that the key may not read are left out.
    more = len(found) >= PAGE if pages is None else int(asked.get("page", 1)) < pages
    return Page(
        listed=tuple(_listed(shop, entry) for entry in found),
        next=_next(asked, glimpse(_Clock, found[-1]) if found else None) if more else "",
        total=_count(headers, "x-wp-total"),
    )


def _count(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _next(asked: Mapping[str, str], last: _Clock | None) -> str:
    """From the last entry's second on. Counting pages would step over an order for each that is changed
    meanwhile and so leaves its page for the last; it is done only where one second fills a whole page."""
    bound = "modified_after" if "modified_after" in asked else "after"
    if bound not in asked:
        return ""
    at = last and (last.date_modified_gmt if bound == "modified_after" else last.date_created_gmt)
    begins = _written(at - SECOND) if at else ""
    if begins > asked[bound]:
        return f"{ORDERS}?{urlencode({**asked, bound: begins, 'page': 1})}"
    return f"{ORDERS}?{urlencode({**asked, 'page': int(asked['page']) + 1})}"


def _listed(shop: str, body: bytes) -> Listed:
    data = whole(body)
    order_id = number_of(data.get("id")) if isinstance(data, dict) else ""
    if not order_id:
        reason = because("woo_no_order")
        return Listed(identity=Alarm(event_id=digest(body), topic=FETCHED, reason=reason), body=body)
    clock = glimpse(_Clock, body)
    at = clock.date_modified_gmt if clock else None
    key = Key(PLATFORM, shop, ORDER, order_id)
    event_id = f"{FETCHED}:{order_id}:{_written(at) if at else ''}:{digest(body)}"
    return Listed(
        identity=ForOrder(event_id=event_id, topic=FETCHED, order_key=str(key)),
        body=body,
        at=at,
        sale=_sale(key, body),
    )


def _sale(key: Key, body: bytes) -> Sale | None:
    order = glimpse(_Order, body)
    if order is None or order.date_created_gmt is None:
        return None
    return Sale(
        key=str(key),
        number=order.number or key.id,
        placed_at=order.date_created_gmt,
        total=order.total,
        paid=order.total if order.date_paid_gmt else ZERO,
        refunded=sum((note.amount for note in order.refunds), ZERO),
        currency=order.currency.upper(),
        cancelled=order.status in (CANCELLED, TRASH),
    )
