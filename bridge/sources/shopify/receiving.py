"""Which event is this, and to which order does it belong. Nothing else is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from bridge.keys import ORDER, Key
from bridge.reasons import Reason, because
from bridge.sources.base import UNNAMED, Alarm, ForOrder, Identity, Ignored
from bridge.sources.reading import digest, number_of, peek, whole
from bridge.sources.shopify import privacy
from bridge.sources.shopify.topics import (
    ALARMING,
    HANDLED,
    IGNORED,
    ORDER_ID_AT,
    PLATFORM,
    header,
)


class _Ids(TypedDict, total=False):
    """Where `ORDER_ID_AT` looks."""

    id: Any
    order_id: Any
    order_edit: Any


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Shopify never tries an address unsigned."""
    return False


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """The delivery id tells repetitions apart; `X-Shopify-Event-Id` ties *different* deliveries together.

    https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
    """
    data = peek(body, _Ids)
    topic = header(headers, "topic").strip().lower()[:80]
    event_id = f"{topic}:{header(headers, 'webhook-id') or digest(body)}"
    if topic in IGNORED:
        return Ignored(event_id=event_id, topic=topic, reason=IGNORED[topic])
    if topic in HANDLED and (order_id := _id_at(data, ORDER_ID_AT[topic])):
        return ForOrder(event_id=event_id, topic=topic, order_key=str(Key(PLATFORM, shop, ORDER, order_id)))
    return Alarm(event_id=event_id, topic=topic, reason=_alarm(shop, event_id, topic, body))


def _alarm(shop: str, event_id: str, topic: str, body: bytes) -> Reason:
    if topic in HANDLED:
        return because("shopify_no_order", topic=topic)
    if topic in privacy.TERMS:
        return privacy.reason_of(shop, event_id, topic, whole(body))
    return ALARMING.get(topic) or because("shopify_unknown_topic", topic=topic or UNNAMED)


def _id_at(data: object, path: Sequence[str]) -> str:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return number_of(data)
