"""What a payload stands for that came without its headers: the topic is one of them."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sources.base import Delivery
from bridge.sources.reading import topic_of_shape, whole

SHAPES: Mapping[str, tuple[str, ...]] = {
    "refunds/create": ("order_id", "refund_line_items"),
    "draft_orders/update": ("invoice_sent_at", "line_items"),
    "orders/edited": ("order_edit",),
    "order_transactions/create": ("order_id", "kind", "gateway"),
    "customers/data_request": ("shop_domain", "orders_requested"),
    "customers/redact": ("shop_domain", "orders_to_redact"),
    "shop/redact": ("shop_id", "shop_domain"),
    "orders/updated": ("line_items", "taxes_included"),
}
"""Topic → the keys that only its payloads have together; the first that fits counts."""


def recognise(data: object) -> str:
    """See `Source.recognise`."""
    return topic_of_shape(data, SHAPES)


def as_delivered(body: bytes, topic: str) -> Delivery:
    """See `Source.as_delivered`. What has no shape that we know is taken for an order."""
    told = topic or recognise(whole(body)) or "orders/updated"
    return Delivery(topic=told, body=body, guessed=not topic)
