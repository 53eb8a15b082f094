"""What a list told enters by the one way that events have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bridge.looking.asking import Platform
from bridge.reasons import Reason
from bridge.sources.base import FETCHED, Ignored, Source
from bridge.sources.listing import Listed
from bridge.sources.reading import digest
from bridge.store.store import Store
from bridge.store.values import Fate


def keeper(store: Store, shop: str, source: Source) -> Callable[[Reason, bytes], Awaitable[object]]:
    """Shows an answer that nobody could read among the shop's events, where people look for it."""

    async def keep(why: Reason, body: bytes) -> None:
        identity = Ignored(event_id=f"{FETCHED}:{digest(body)}", topic=FETCHED, reason=why)
        await store.record(shop, source.PLATFORM, identity, {}, body, found=True)

    return keep


@dataclass(slots=True)
class Arrivals:
    """Records entries of one shop's lists, and counts what became of them. `taken_in`: a person wants these
    orders invoiced, whenever they were placed."""

    store: Store
    platform: Platform
    taken_in: bool = False
    fates: Counter[Fate] = field(default_factory=Counter)

    async def record(self, entry: Listed) -> str:
        """Returns the key of the order that it belongs to, "" for none. Raises StoreUnavailable."""
        fate, order_key = await self.store.record(
            self.platform.shop,
            self.platform.source.PLATFORM,
            entry.identity,
            {},
            entry.body,
            found=True,
            taken_in=self.taken_in,
        )
        self.fates[fate] += 1
        return order_key
