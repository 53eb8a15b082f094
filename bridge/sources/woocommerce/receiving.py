"""Which WooCommerce event is this, and to which order does it belong. Nothing else is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from bridge.keys import ORDER, Key
from bridge.reasons import Reason, because
from bridge.sources.base import UNNAMED, Alarm, ForOrder, Identity, Ignored
from bridge.sources.reading import digest, number_of, peek
from bridge.sources.woocommerce.topics import DELETED, HANDLED, IGNORED, PLATFORM

_PING = re.compile(rb"webhook_id=\d+")
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


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """Event and order of a delivery.

    Delivery ids are no help: every delivery of one webhook in one second has the same. Only a deletion, whose
    body is always `{"id":N}`, needs it, to tell a second deletion of the same order from the first.
    """
    topic = headers.get("x-wc-webhook-topic", "")
    content = peek(body, _Heading)
    data: dict[str, Any] = content if isinstance(content, dict) else {}
    resource = number_of(data.get("id"))
    stamp = headers.get("x-wc-webhook-delivery-id", "") if topic == DELETED else _stamp(data)
    event_id = f"{topic}:{resource}:{stamp}:{digest(body)}"
    if topic in IGNORED:
        return Ignored(event_id=event_id, topic=topic, reason=IGNORED[topic])
    if topic in HANDLED and resource:
        return ForOrder(event_id=event_id, topic=topic, order_key=str(Key(PLATFORM, shop, ORDER, resource)))
    reason = _no_order(data) if topic in HANDLED else _unknown_topic(topic)
    return Alarm(event_id=event_id, topic=topic, reason=reason)


def _stamp(data: Mapping[str, Any]) -> str:
    """When the order was last changed, if it says so as WordPress does."""
    stamp = data.get("date_modified_gmt")
    return stamp if isinstance(stamp, str) and _STAMP.fullmatch(stamp) else ""


def _unknown_topic(topic: str) -> Reason:
    code = "woo_action_webhook" if topic.startswith("action.") else "woo_unknown_topic"
    return because(code, topic=topic[:80] or UNNAMED)


def _no_order(data: Mapping[str, Any]) -> Reason:
    """Why a signed body is no order. A user without rights is answered with an error, and that is sent:
    https://github.com/woocommerce/woocommerce/issues/26926
    """
    code = data.get("code")
    if "message" in data and isinstance(code, str):
        return because("woo_error_sent", error=code if _ERROR_CODE.fullmatch(code) else "error")
    return because("woo_no_order")
