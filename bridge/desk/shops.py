"""Signs of life of a shop, as `record.lua` and `refused.lua` note them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from redis.asyncio import Redis

from bridge.sources.registry import REGISTRY
from bridge.store.store import PREFIX
from bridge.store.values import moment
from bridge.valkey.scripts import redis_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSigns:
    """`topics`: those handled; `last`: topic → its last delivery. `refused`: deliveries in a row without a
    valid signature, of which `refused_since` is the first; a good event makes that 0 again. `refused_at`:
    the last such delivery ever."""

    name: str
    platform: str
    topics: tuple[str, ...]
    last_event: datetime | None
    last: Mapping[str, datetime]
    refused: int
    refused_since: datetime | None
    refused_at: datetime | None


async def signs_of(redis: Redis, shop: str, platform: str) -> ShopSigns:
    """What is known of the shop. Raises StoreUnavailable."""
    with redis_errors("shop"):
        fields = await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(f"{PREFIX}shop:{shop}"))
    last_event, refused_at = moment(fields.get(b"last_event")), moment(fields.get(b"refused_at"))
    # As pulse.lua: a good event that came after them made the wrong ones void.
    void = refused_at is None or (last_event is not None and last_event > refused_at)
    return ShopSigns(
        name=shop,
        platform=platform,
        topics=tuple(sorted(REGISTRY[platform].HANDLED)),
        last_event=last_event,
        last=_by_topic(fields),
        refused=0 if void else int(fields.get(b"bad_signatures", 0)),
        refused_since=None if void else moment(fields.get(b"refused_since")),
        refused_at=refused_at,
    )


def _by_topic(fields: Mapping[bytes, bytes]) -> dict[str, datetime]:
    found = {}
    for name, at in fields.items():
        kind, _, topic = name.decode().partition(":")
        last = moment(at)
        if kind == "last" and last:
            found[topic] = last
    return found
