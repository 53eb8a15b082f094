"""Shopify's three compliance topics: what each asks, of whom, and in which time.

Shapes and terms: https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance. The signature covers
the body, not the topic's header, so each body must have the shape of its own topic: an old
customers/data_request that is sent again as shop/redact asks for nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bridge.errors import NeedsPerson, UnreadableBody
from bridge.keys import CUSTOMER, EVENT, ORDER, Key
from bridge.reasons import NO_REASON, Reason, because
from bridge.sources.base import UNNAMED
from bridge.sources.privacy import PrivacyRequest, Wanted
from bridge.sources.reading import number_of, plain_text, whole
from bridge.sources.shopify.topics import PLATFORM

TERM: Final = timedelta(days=30)
WANTED: Final[Mapping[str, Wanted]] = {
    "customers/data_request": Wanted.REPORT,
    "customers/redact": Wanted.ERASE_BUYER,
    "shop/redact": Wanted.ERASE_SHOP,
}
TERMS: Final[Mapping[str, timedelta]] = dict.fromkeys(WANTED, TERM)
ORDERS_AT: Final[Mapping[str, str]] = {
    "customers/data_request": "orders_requested",
    "customers/redact": "orders_to_redact",
}
TELLING: Final = {"shop_id", "shop_domain", "customer", *ORDERS_AT.values()}
"""What tells the three bodies from each other, and from those of other topics."""
NAMED: Final = 5
"""So many orders are named in a reason."""


def request_of(shop: str, topic: str, body: bytes) -> PrivacyRequest:
    """See PrivacySource."""
    try:
        data = whole(body)
    except UnreadableBody:
        data = None
    return _request(shop, topic, data)


def _request(shop: str, topic: str, data: Any) -> PrivacyRequest:
    wanted = WANTED[topic]
    expected = {"customer", ORDERS_AT[topic]} if topic in ORDERS_AT else set()
    if not isinstance(data, dict) or data.keys() & TELLING != {"shop_id", "shop_domain"} | expected:
        raise NeedsPerson(because("shopify_request_shape"))
    name = plain_text(str(data["shop_domain"]))[:100]
    if wanted is Wanted.ERASE_SHOP:
        return PrivacyRequest(wanted=wanted, shop=name)
    customer = data["customer"] if isinstance(data["customer"], dict) else {}
    customer_id, email = number_of(customer.get("id")), customer.get("email")
    named = data[ORDERS_AT[topic]]
    orders = [number_of(each) for each in named] if isinstance(named, list) else [""]
    if not (customer_id or (isinstance(email, str) and "@" in email)) or not all(orders):
        raise NeedsPerson(because("shopify_request_nobody"))
    return PrivacyRequest(
        wanted=wanted,
        shop=name,
        customer=str(Key(PLATFORM, shop, CUSTOMER, customer_id)) if customer_id else "",
        email=email.strip().lower() if isinstance(email, str) else "",
        orders=tuple(str(Key(PLATFORM, shop, ORDER, each)) for each in orders),
    )


def reason_of(shop: str, event_id: str, topic: str, data: Any) -> Reason:
    """What is asked, of whom by Shopify's numbers, and of which request; this goes into a command."""
    try:
        asked = _request(shop, topic, data)
    except NeedsPerson as exc:
        return because("shopify_request_odd", topic=topic, why=exc.reason, days=TERM.days)
    request = shlex.quote(str(Key(PLATFORM, shop, EVENT, event_id)))
    told = {"topic": topic, "days": str(TERM.days), "request": request}
    if asked.wanted is Wanted.ERASE_SHOP:
        return because("shopify_asks_erase_shop", name=asked.shop or UNNAMED, **told)
    code = "shopify_asks_report" if asked.wanted is Wanted.REPORT else "shopify_asks_erase_buyer"
    customer = Key.parse(asked.customer).id or UNNAMED
    return because(code, customer=customer, orders=_named(asked.orders), **told)


def _named(orders: tuple[str, ...]) -> Reason:
    numbers = [Key.parse(key).id for key in orders]
    named, more = ", ".join(numbers[:NAMED]), len(numbers) - NAMED
    if more > 0:
        return because("with_orders_and_more", orders=named, more=more)
    return because("with_orders" if len(numbers) > 1 else "with_order", orders=named) if named else NO_REASON


def is_about(request: PrivacyRequest, topic: str, body: bytes) -> bool:
    """See PrivacySource. A customers/* event is the customer; others hold one, or name its `customer_id`."""
    try:
        data = whole(body)
    except UnreadableBody:
        return False
    if not isinstance(data, dict):
        return False
    customer = data["customer"] if isinstance(data.get("customer"), dict) else {}
    ids = {number_of(customer.get("id")), number_of(data.get("customer_id"))}
    if topic.startswith("customers/"):
        ids.add(number_of(data.get("id")))
    mine = Key.parse(request.customer).id
    emails = {str(each.get("email") or "").strip().lower() for each in (data, customer)}
    return bool((mine and mine in ids) or (request.email and request.email in emails))
