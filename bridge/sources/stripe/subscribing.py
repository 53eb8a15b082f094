"""Webhook endpoints: one has all its topics. https://docs.stripe.com/api/webhook_endpoints"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.errors import NeedsPerson, UnreadableBody
from bridge.reasons import because
from bridge.sources.reading import Id, Payload, Text, entries, glimpse
from bridge.sources.stripe.topics import HANDLED
from bridge.sources.subscribing import Call, Subscription

TOPICS: tuple[str, ...] = tuple(sorted(HANDLED))
PATH: Final = "/v1/webhook_endpoints?limit=100"
_ALL: Final = "*"


class _Endpoint(Payload):
    id: Id
    url: Text
    status: Id
    enabled_events: tuple[Id, ...]


def subscriptions(body: bytes) -> tuple[Subscription, ...]:
    """See `Subscribing.subscriptions`."""
    found = [glimpse(_Endpoint, entry) for entry in entries(body, "data")]
    if None in found:
        raise UnreadableBody("an endpoint has another form")
    return tuple(
        Subscription(
            id=each.id,
            topics=HANDLED if _ALL in each.enabled_events else frozenset(each.enabled_events),
            address=each.url,
            active=each.status == "enabled",
        )
        for each in found
        if each
    )


def create(topics: Sequence[str], address: str, secret: str) -> tuple[Call, ...]:
    """See `Subscribing.create`. Stripe chooses the secret and tells it once: a person must write it down."""
    raise NeedsPerson(because("stripe_endpoint_by_hand", address=address))


def mend(subscription: Subscription, topics: Sequence[str], address: str, secret: str) -> Call:
    """See `Subscribing.mend`."""
    content = {"url": address, "disabled": "false", "enabled_events[]": list(topics)}
    return Call(method="POST", path=f"/v1/webhook_endpoints/{subscription.id}", content=content, form=True)
