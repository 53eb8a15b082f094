"""Webhooks of a shop: each has one topic. After failures in a row WooCommerce turns one off and tells nobody.

https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.errors import UnreadableBody
from bridge.sources.reading import Id, Payload, Text, entries, glimpse
from bridge.sources.subscribing import Call, Subscription
from bridge.sources.woocommerce.topics import HANDLED

TOPICS: tuple[str, ...] = tuple(sorted(HANDLED))
PATH: Final = "/wp-json/wc/v3/webhooks?per_page=100"
_ACTIVE: Final = "active"


class _Webhook(Payload):
    id: Id
    topic: Id
    status: Id
    delivery_url: Text


def subscriptions(body: bytes) -> tuple[Subscription, ...]:
    """See `Subscribing.subscriptions`."""
    found = [glimpse(_Webhook, entry) for entry in entries(body)]
    if None in found:
        raise UnreadableBody("a webhook has another form")
    return tuple(
        Subscription(
            id=each.id,
            topics=frozenset((each.topic,)),
            address=each.delivery_url,
            active=each.status == _ACTIVE,
        )
        for each in found
        if each
    )


def create(topics: Sequence[str], address: str, secret: str) -> tuple[Call, ...]:
    """See `Subscribing.create`."""
    return tuple(
        Call(
            method="POST",
            path="/wp-json/wc/v3/webhooks",
            content={
                "name": f"Facturation.pro {topic}",
                "topic": topic,
                "delivery_url": address,
                "secret": secret,
                "status": _ACTIVE,
            },
        )
        for topic in topics
    )


def mend(subscription: Subscription, topics: Sequence[str], address: str, secret: str) -> Call:
    """See `Subscribing.mend`. The secret cannot be read: it is set again."""
    return Call(
        method="PUT",
        path=f"/wp-json/wc/v3/webhooks/{subscription.id}",
        content={"status": _ACTIVE, "delivery_url": address, "secret": secret},
    )
