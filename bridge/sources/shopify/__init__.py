"""Shopify: webhooks of an app or of the shop's own settings, in the shape of the REST resources.

Delivery, headers and signature: https://shopify.dev/docs/apps/build/webhooks/subscribe/https. Retries carry
the original body; nothing is ordered; every topic may come twice. The order comes in several topics, each
with the whole of it, so the newest by `updated_at` is the order. Refunds and payments also come alone.

Here: which event it is. `folding` says what the order is; `payloads` is Shopify's shape of things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from bridge.errors import NeedsPerson
from bridge.sources.base import ApiRequest, Identity, digest, peek, verify_base64_hmac, whole
from bridge.sources.shopify import privacy
from bridge.sources.shopify.folding import SNAPSHOTS, fold

__all__ = [
    "HANDLED",
    "IGNORED",
    "KEPT_HEADERS",
    "PLATFORM",
    "api_request",
    "fold",
    "identify",
    "is_ping",
    "verify",
]

PLATFORM = "shopify"
API_VERSION = "2026-07"
ORDER_ID_AT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(sorted(SNAPSHOTS), ("id",)),
    "orders/delete": ("id",),
    "orders/edited": ("order_edit", "order_id"),
    "refunds/create": ("order_id",),
    "order_transactions/create": ("order_id",),
}
HANDLED = frozenset(ORDER_ID_AT)


class _Ids(TypedDict, total=False):
    """Where `ORDER_ID_AT` looks."""

    id: Any
    order_id: Any
    order_edit: Any


KEPT_HEADERS: frozenset[str] = frozenset()

_QUOTE = "a draft order is a quote; the sale comes as orders/create"
_BUYER = "the order itself says who the buyer is"
_CATALOGUE = "the order itself says what was sold, at which price"
_CART = "nothing is sold before the order"
_DELIVERY = "delivery changes no invoice"
_SETTING = "a setting of the shop changes no invoice"
_MONEY = "the order, its transactions and its refunds say which money moved"
_SUBSCRIPTION = "each instalment comes as an order of its own"
_CRUD = "create update delete"
# https://shopify.dev/docs/api/webhooks (2026-07) lists every topic
_IGNORED_BY_RESOURCE: Mapping[str, tuple[str, str]] = {
    "draft_orders": (_CRUD, _QUOTE),
    "orders": ("link_requested risk_assessment_changed shopify_protect_eligibility_changed", _MONEY),
    "payment_schedules": ("due", _MONEY),
    "payment_terms": (_CRUD, _MONEY),
    "tender_transactions": ("create", _MONEY),
    "returns": ("approve cancel close decline reopen request update", _MONEY),
    "customers": (f"{_CRUD} enable disable merge purchasing_summary", _BUYER),
    "customer_groups": (_CRUD, _BUYER),
    "customer_payment_methods": ("create revoke update", _BUYER),
    "customers_email_marketing_consent": ("update", _BUYER),
    "customers_marketing_consent": ("update", _BUYER),
    "companies": (_CRUD, _BUYER),
    "company_contacts": (_CRUD, _BUYER),
    "company_contact_roles": ("assign revoke", _BUYER),
    "company_locations": (_CRUD, _BUYER),
    "segments": (_CRUD, _BUYER),
    "carts": ("create update", _CART),
    "checkouts": (_CRUD, _CART),
    "products": (_CRUD, _CATALOGUE),
    "product_listings": ("add remove update", _CATALOGUE),
    "collections": (_CRUD, _CATALOGUE),
    "collection_listings": ("add remove update", _CATALOGUE),
    "discounts": (f"{_CRUD} redeemcode_added redeemcode_removed", _CATALOGUE),
    "variants": ("in_stock out_of_stock", _CATALOGUE),
    "inventory_items": (_CRUD, _CATALOGUE),
    "inventory_levels": ("connect disconnect update", _CATALOGUE),
    "selling_plan_groups": (_CRUD, _CATALOGUE),
    "fulfillments": ("create update", _DELIVERY),
    "fulfillment_events": ("create delete", _DELIVERY),
    "fulfillment_holds": ("added released", _DELIVERY),
    "fulfillment_orders": ("cancelled hold_released moved order_routing_complete placed_on_hold", _DELIVERY),
    "subscription_contracts": ("activate cancel create expire fail pause update", _SUBSCRIPTION),
    "shop": ("update", _SETTING),
    "locations": ("activate create deactivate delete update", _SETTING),
    "markets": (_CRUD, _SETTING),
    "themes": ("create delete publish update", _SETTING),
}
IGNORED: Mapping[str, str] = {
    f"{resource}/{verb}": reason
    for resource, (verbs, reason) in _IGNORED_BY_RESOURCE.items()
    for verb in verbs.split()
}
ALARMING: Mapping[str, str] = {
    "app/uninstalled": (
        "the app was uninstalled: no more orders will come; if that was a mistake, install it again"
    ),
    "disputes/create": "a buyer disputes a payment: if it is lost, decide on a credit note by hand",
    "disputes/update": "a payment dispute has moved on: if it is lost, decide on a credit note by hand",
}


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Shopify never tries an address unsigned."""
    return False


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """HMAC of the raw body; no time is signed, so none is checked. A rotated secret may sign for an hour.

    https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook
    """
    verify_base64_hmac(headers.get("x-shopify-hmac-sha256"), body, secrets)


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """The delivery id tells repetitions apart; `X-Shopify-Event-Id` ties *different* deliveries together.

    https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
    """
    data = peek(body, _Ids)
    topic = headers.get("x-shopify-topic", "").strip().lower()[:80]
    event_id = f"{topic}:{headers.get('x-shopify-webhook-id') or digest(body)}"
    if topic in IGNORED:
        return Identity(event_id=event_id, topic=topic, ignored=IGNORED[topic])
    if topic in privacy.TERMS:
        alarm = privacy.reason_of(shop, event_id, topic, whole(body))
        return Identity(event_id=event_id, topic=topic, alarm=alarm)
    if topic in ALARMING:
        return Identity(event_id=event_id, topic=topic, alarm=f"{topic}: {ALARMING[topic]}")
    if topic not in HANDLED:
        alarm = f"the bridge does not know Shopify's topic {topic or '(none)'}: unsubscribe it, or report it"
        return Identity(event_id=event_id, topic=topic, alarm=alarm)
    order_id = _id_at(data, ORDER_ID_AT[topic])
    if not order_id:
        alarm = f"the {topic} event of Shopify names no order; look at its payload"
        return Identity(event_id=event_id, topic=topic, alarm=alarm)
    return Identity(event_id=event_id, topic=topic, order_key=f"{PLATFORM}:{shop}:order:{order_id}")


def _id_at(data: object, path: Sequence[str]) -> str:
    """Ids go past 2^53: a whole number or digits, never a float. "" where there is none."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    text = str(data) if isinstance(data, int | str) else ""
    return text if text.isascii() and text.isdigit() else ""


def api_request(path: str, key: str, base_url: str) -> ApiRequest:
    """Shopify's payloads are whole, so `fold` never asks for more; `base_url` is the shop's own address."""
    if not base_url:
        raise NeedsPerson("Shopify's API has an address for each shop; give it as base_url")
    return ApiRequest(
        url=f"{base_url.rstrip('/')}/admin/api/{API_VERSION}/{path.lstrip('/')}",
        headers={"x-shopify-access-token": key},
    )
