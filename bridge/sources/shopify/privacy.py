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
from bridge.sources.base import plain_text, whole
from bridge.sources.privacy import PrivacyRequest, Wanted

PLATFORM: Final = "shopify"
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
        raise NeedsPerson("its body has not the shape that Shopify describes")
    name = plain_text(str(data["shop_domain"]))[:100]
    if wanted is Wanted.ERASE_SHOP:
        return PrivacyRequest(wanted=wanted, shop=name)
    customer = data["customer"] if isinstance(data["customer"], dict) else {}
    customer_id, email = _id(customer.get("id")), customer.get("email")
    named = data[ORDERS_AT[topic]]
    orders = [_id(each) for each in named] if isinstance(named, list) else [""]
    if not (customer_id or (isinstance(email, str) and "@" in email)) or not all(orders):
        raise NeedsPerson("its body names no customer, or an order without a number")
    return PrivacyRequest(
        wanted=wanted,
        shop=name,
        customer=f"{PLATFORM}:{shop}:customer:{customer_id}" if customer_id else "",
        email=email.strip().lower() if isinstance(email, str) else "",
        orders=tuple(f"{PLATFORM}:{shop}:order:{each}" for each in orders),
    )


def _id(value: object) -> str:
    """Ids go past 2^53: a whole number or digits, never a float. "" for anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() else ""


def reason_of(shop: str, event_id: str, topic: str, data: Any) -> str:
    """What a person is told: what is asked, of whom by Shopify's numbers, and the command that does it."""
    request = shlex.quote(f"{PLATFORM}:{shop}:event:{event_id}")  # as Store.record names it
    in_time = f"within {TERM.days} days"
    todo = f"{in_time}: run `bridge privacy carry-out {request}`"
    try:
        asked = _request(shop, topic, data)
    except NeedsPerson as exc:
        return f"{topic}: {exc.reason}: look at its payload; if Shopify did send it, act {in_time}"
    buyer = f"customer {asked.customer.rpartition(':')[2] or '(without a number)'}{_named(asked.orders)}"
    match asked.wanted:
        case Wanted.REPORT:
            return f"{topic}: Shopify passes on that {buyer} asks what is kept about them; answer {todo}"
        case Wanted.ERASE_BUYER:
            return f"{topic}: Shopify asks to erase {buyer} {todo}; issued invoices are kept"
        case Wanted.ERASE_SHOP:
            return (
                f"{topic}: Shopify asks to erase shop {asked.shop or '(without a name)'}, which uninstalled "
                f"the app, {todo}; issued invoices are kept"
            )


def _named(orders: tuple[str, ...]) -> str:
    numbers = [key.rpartition(":")[2] for key in orders]
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f" with order{'s' * (len(numbers) > 1)} {', '.join(numbers[:NAMED])}{more}" if numbers else ""


def is_about(request: PrivacyRequest, topic: str, body: bytes) -> bool:
    """See PrivacySource. A customers/* event is the customer; others hold one, or name its `customer_id`."""
    try:
        data = whole(body)
    except UnreadableBody:
        return False
    if not isinstance(data, dict):
        return False
    customer = data["customer"] if isinstance(data.get("customer"), dict) else {}
    ids = {_id(customer.get("id")), _id(data.get("customer_id"))}
    if topic.startswith("customers/"):
        ids.add(_id(data.get("id")))
    mine = request.customer.rpartition(":")[2]
    emails = {str(each.get("email") or "").strip().lower() for each in (data, customer)}
    return bool((mine and mine in ids) or (request.email and request.email in emails))
