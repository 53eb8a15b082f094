"""Subscriptions of the app whose key is used; those made in the shop's admin are visible to no API.

https://shopify.dev/docs/api/admin-rest/latest/resources/webhook
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.errors import UnreadableBody
from bridge.sources.reading import Id, Payload, Text, entries, glimpse
from bridge.sources.shopify.topics import HANDLED
from bridge.sources.subscribing import Call, Subscription

TOPICS: tuple[str, ...] = tuple(sorted(HANDLED))
PATH: Final = "webhooks.json?limit=250"


class _Webhook(Payload):
    id: Id
    topic: Id
    address: Text


def subscriptions(body: bytes) -> tuple[Subscription, ...]:
    """See `Subscribing.subscriptions`. One that failed too often is deleted, not paused."""
    found = [glimpse(_Webhook, entry) for entry in entries(body, "webhooks")]
    if None in found:
        raise UnreadableBody("a subscription has another form")
    return tuple(
        Subscription(id=each.id, topics=frozenset((each.topic,)), address=each.address)
        for each in found
        if each
    )


def create(topics: Sequence[str], address: str, secret: str) -> tuple[Call, ...]:
    """See `Subscribing.create`. The app's client secret signs."""
    return tuple(
        Call(
            method="POST",
            path="webhooks.json",
            content={"webhook": {"topic": topic, "address": address, "format": "json"}},
        )
        for topic in topics
    )


def mend(subscription: Subscription, topics: Sequence[str], address: str, secret: str) -> Call:
    """See `Subscribing.mend`."""
    return Call(
        method="PUT",
        path=f"webhooks/{subscription.id}.json",
        content={"webhook": {"id": subscription.id, "address": address}},
    )
