"""Which WooCommerce event is this, is it genuine, and to which order does it belong. Nothing else is read."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from bridge.sources.base import Identity, digest, peek, verify_base64_hmac

PLATFORM = "woocommerce"
DELETED = "order.deleted"
HANDLED = frozenset({"order.created", "order.updated", "order.restored", DELETED})
IGNORED: Mapping[str, str] = {
    "coupon.created": "a coupon counts only in the orders that use it",
    "coupon.updated": "a coupon counts only in the orders that use it",
    "coupon.deleted": "a coupon counts only in the orders that use it",
    "coupon.restored": "a coupon counts only in the orders that use it",
    "customer.created": "a customer is invoiced with the data of their order",
    "customer.updated": "a customer is invoiced with the data of their order",
    "customer.deleted": "a customer is invoiced with the data of their order",
    "product.created": "a product is invoiced as its order names it",
    "product.updated": "a product is invoiced as its order names it",
    "product.deleted": "a product is invoiced as its order names it",
    "product.restored": "a product is invoiced as its order names it",
    # WooCommerce Subscriptions: https://woocommerce.com/document/subscriptions/develop/webhooks/
    "subscription.created": "each payment of a subscription comes as an order of its own",
    "subscription.updated": "each payment of a subscription comes as an order of its own",
    "subscription.deleted": "each payment of a subscription comes as an order of its own",
    "subscription.switched": "each payment of a subscription comes as an order of its own",
}

WEBHOOKS_PAGE = "WooCommerce › Settings › Advanced › Webhooks"

_DIGITS = re.compile(r"[1-9]\d{0,19}", re.ASCII)
_PING = re.compile(rb"webhook_id=\d+")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#x0*(?:22|26|27));", re.IGNORECASE)
_STAMP = re.compile(r"[0-9T:.-]{1,32}")
_ERROR_CODE = re.compile(r"\w{1,60}", re.ASCII)


class _Heading(TypedDict, total=False):
    """What is read of an order, or of the error that came instead."""

    id: Any
    date_modified_gmt: Any
    code: Any
    message: Any


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """A new webhook tries its address: form-encoded, without any X-WC header, and wants exactly 200."""
    return (
        headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        and not any(name.startswith("x-wc-") for name in headers)
        and _PING.fullmatch(body) is not None
    )


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raises BadSignature unless one of the secrets signed the body. There is no stamp, so no age.

    WooCommerce signs with the secret after `wp_specialchars_decode(…, ENT_QUOTES)`: one that was typed with
    `&amp;` signs with `&`, so both forms are tried.
    https://developer.wordpress.org/reference/functions/wp_specialchars_decode/
    """
    forms = [
        form
        for secret in secrets
        for form in {secret: None, _ENTITY.sub(lambda entity: html.unescape(entity[0]), secret): None}
    ]
    verify_base64_hmac(headers.get("x-wc-webhook-signature"), body, forms)


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """Event and order of a delivery.

    Delivery ids are no help: every delivery of one webhook in one second has the same. Only a deletion, whose
    body is always `{"id":N}`, needs it, to tell a second deletion of the same order from the first.
    """
    topic = headers.get("x-wc-webhook-topic", "")
    content = peek(body, _Heading)
    data: dict[str, Any] = content if isinstance(content, dict) else {}
    resource = _resource_id(data.get("id"))
    stamp = headers.get("x-wc-webhook-delivery-id", "") if topic == DELETED else _stamp(data)
    event_id = f"{topic}:{resource}:{stamp}:{digest(body)}"
    if topic in IGNORED:
        return Identity(event_id=event_id, topic=topic, ignored=IGNORED[topic])
    if topic not in HANDLED:
        return Identity(event_id=event_id, topic=topic, alarm=_unknown_topic(topic))
    if not resource:
        return Identity(event_id=event_id, topic=topic, alarm=_no_order(data))
    return Identity(event_id=event_id, topic=topic, order_key=f"{PLATFORM}:{shop}:order:{resource}")


def _resource_id(value: object) -> str:
    """The resource's id as text; "" when it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < 10**20 else ""
    return value if isinstance(value, str) and _DIGITS.fullmatch(value) else ""


def _stamp(data: Mapping[str, Any]) -> str:
    """When the order was last changed, if it says so as WordPress does."""
    stamp = data.get("date_modified_gmt")
    return stamp if isinstance(stamp, str) and _STAMP.fullmatch(stamp) else ""


def _unknown_topic(topic: str) -> str:
    if topic.startswith("action."):
        return (
            f"{topic[:80]}: an action webhook names an order but does not describe it; delete it in "
            f"{WEBHOOKS_PAGE} and add the topics Order created, updated, deleted and restored"
        )
    return (
        f"unknown topic {topic[:80] or '(none)'}; if it is not needed, delete this webhook in {WEBHOOKS_PAGE}"
    )


def _no_order(data: Mapping[str, Any]) -> str:
    """Why a signed body is no order. A user without rights is answered with an error, and that is sent:
    https://github.com/woocommerce/woocommerce/issues/26926
    """
    code = data.get("code")
    if "message" in data and isinstance(code, str):
        shown = code if _ERROR_CODE.fullmatch(code) else "error"
        return (
            f"WooCommerce sent an error instead of an order ({shown}): the webhook's owner lost the right to "
            "read orders. Give it back, or delete the webhook and make it again as an administrator, in "
            f"{WEBHOOKS_PAGE}; then backfill the orders since"
        )
    return f"the body is no order; in {WEBHOOKS_PAGE} set the API version to WP REST API Integration v3"
