"""What a payload stands for that is not the event which would have carried it, but a bare object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.sources.base import Delivery
from bridge.sources.reading import whole

TYPES: Mapping[str, str] = {
    "invoice": "invoice.paid",
    "credit_note": "credit_note.created",
    "checkout.session": "checkout.session.completed",
    "charge": "charge.refunded",
    "refund": "refund.created",
}
"""Kind of object → the type of event that is likely to have brought it."""


def recognise(data: object) -> str:
    """See `Source.recognise`. Every object of Stripe's says in `object` what it is."""
    if not isinstance(data, dict):
        return ""
    thing = data["object"] if isinstance(data.get("object"), dict) else data
    kind = thing.get("object")
    if not isinstance(kind, str) or not kind:
        return ""
    return str(thing.get("type", "")) if kind == "event" else TYPES.get(kind, f"{kind}.updated")


def as_delivered(body: bytes, topic: str) -> Delivery:
    """See `Source.as_delivered`. An event says its type itself."""
    data = whole(body)
    if not isinstance(data, dict) or data.get("object") == "event":
        return Delivery(topic=recognise(data), body=body)
    thing: dict[str, Any] = data["object"] if isinstance(data.get("object"), dict) else data
    type_ = topic or recognise(thing) or "unknown"
    event = {
        "id": "evt_preview",
        "object": "event",
        "type": type_,
        "created": thing.get("created", 0),
        "livemode": bool(thing.get("livemode")),
        "data": {"object": thing},
    }
    return Delivery(topic=type_, body=json.dumps(event).encode(), guessed=not topic)
