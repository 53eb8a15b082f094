"""Brings a range of a shop's past, or one sale of it, because a person wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast

from redis.asyncio import Redis

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.looking.arrivals import Arrivals
from bridge.looking.asking import Platform
from bridge.looking.pages import walk
from bridge.orders import ZERO
from bridge.reasons import because
from bridge.sources.base import ForOrder
from bridge.sources.listing import Created, Listed, Listing, Named, Sale
from bridge.store.store import PREFIX, Store
from bridge.valkey.scripts import redis_errors

KEPT: Final = timedelta(days=7)
"""So long an import that was broken off can be taken up where it was."""


@dataclass(slots=True)
class Survey:
    """The sales of a range. `known`: the keys of those that the bridge has heard of."""

    sales: dict[str, Sale] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    @property
    def sums(self) -> dict[str, Decimal]:
        """Currency → what was sold in it."""
        sums: dict[str, Decimal] = {}
        for sale in self.sales.values():
            sums[sale.currency] = sums.get(sale.currency, ZERO) + sale.total
        return sums


def listing_of(platform: Platform) -> Listing:
    """How this platform lists. Raises NeedsPerson where it does not."""
    if platform.source.LISTING is None:
        raise NeedsPerson(because("platform_lists_nothing", platform=platform.source.TITLE))
    return platform.source.LISTING


async def entries_between(platform: Platform, since: datetime, until: datetime) -> AsyncIterator[Listed]:
    """All that was placed then. Raises RetryLater and NeedsPerson, as `walk` does."""
    async for walked in walk(platform, listing_of(platform), Created(since=since, until=until)):
        for entry in walked.page.listed:
            yield entry


async def survey(
    store: Store, platform: Platform, since: datetime, until: datetime, hear: Callable[[int], None]
) -> Survey:
    """What an import of this range is about. `hear`: how many sales were seen so far."""
    seen = Survey()
    async for entry in entries_between(platform, since, until):
        if entry.sale:
            seen.sales[entry.sale.key] = entry.sale
            hear(len(seen.sales))
    seen.known = await known_of(store.redis, seen.sales)
    return seen


async def known_of(redis: Redis, keys: Iterable[str]) -> set[str]:
    """Those orders that the bridge has heard of."""
    asked = list(keys)
    with redis_errors("known"):
        async with redis.pipeline(transaction=False) as pipe:
            for key in asked:
                pipe.exists(f"{PREFIX}order:{key}")
            answers = await pipe.execute()
    return {key for key, there in zip(asked, answers, strict=True) if there}


class Import:
    """One import: of a shop, since a day, until a day. Broken off, the same one goes on where it was."""

    def __init__(self, store: Store, platform: Platform, since: datetime, until: datetime | None) -> None:
        self._store = store
        self._platform = platform
        self._since = since
        self._key = f"{PREFIX}import:{platform.shop}:{since.isoformat()}:{until.isoformat() if until else ''}"
        self._until = until

    async def until(self, now: datetime) -> datetime:
        """Up to when: as asked for, or up to the moment when this import was first begun."""
        if self._until:
            return self._until
        with redis_errors("import"):
            await cast("Awaitable[int]", self._store.redis.hsetnx(self._key, "until", now.isoformat()))
            begun = await cast("Awaitable[bytes]", self._store.redis.hget(self._key, "until"))
            await self._store.redis.expire(self._key, KEPT)
        return datetime.fromisoformat(begun.decode())

    async def run(self, until: datetime, hear: Callable[[int], None]) -> Arrivals:
        """Records all of it, also what `invoice_from` would leave out: a person wants it. `hear`: how many
        sales were recorded so far. Raises what `walk` does; what was recorded stays."""
        redis, arrivals = self._store.redis, Arrivals(self._store, self._platform, taken_in=True)
        with redis_errors("import"):
            kept = await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(self._key))
        onward = {start.decode(): path.decode() for start, path in kept.items() if start != b"until"}
        question, sales = Created(since=self._since, until=until), set[str]()
        try:
            async for walked in walk(self._platform, listing_of(self._platform), question, onward):
                for entry in walked.page.listed:
                    await arrivals.record(entry)
                    sales |= {entry.sale.key} if entry.sale else set()
                hear(len(sales))
                with redis_errors("import"):
                    await cast("Awaitable[int]", redis.hset(self._key, walked.start, walked.page.next))
                    await redis.expire(self._key, KEPT)
        except NeedsPerson:
            await self._forget()  # the place where it was may be what the platform refuses: begin anew
            raise
        await self._forget()
        return arrivals

    async def _forget(self) -> None:
        with redis_errors("import"):
            await self._store.redis.delete(self._key)


async def fetch_sale(store: Store, platform: Platform, name: str) -> tuple[str, Arrivals]:
    """Records the sale of this number or id, and what is told of it. Returns its order's key.

    Raises NeedsPerson when the platform lists none.
    """
    question = Named(name=name)
    entries = [
        entry
        async for walked in walk(platform, listing_of(platform), question)
        for entry in walked.page.listed
    ]
    wanted = next(filter(None, (_named(entry, name) for entry in entries)), "")
    if not wanted:
        raise NeedsPerson(because("sale_not_listed", name=name, shop=platform.shop))
    arrivals = Arrivals(store, platform, taken_in=True)
    for entry in entries:
        if isinstance(entry.identity, ForOrder) and entry.identity.order_key in (None, wanted):
            await arrivals.record(entry)
    return wanted, arrivals


def _named(entry: Listed, name: str) -> str:
    """The key of the order that this entry tells, when it is the wanted one: a search finds more."""
    key = entry.identity.order_key if isinstance(entry.identity, ForOrder) else None
    if not key:
        return ""
    numbers = {Key.parse(key).id, entry.sale.number.removeprefix("#") if entry.sale else ""}
    return key if name.removeprefix("#") in numbers - {""} else ""
