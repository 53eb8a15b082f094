"""Asks each shop, again and again, what has changed: a webhook that never came is missed for minutes only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from bridge.errors import BridgeError, NeedsPerson, RetryLater
from bridge.looking.arrivals import Arrivals
from bridge.looking.asking import Platform
from bridge.looking.pages import walk
from bridge.looking.polls import Polls
from bridge.reasons import NO_REASON, because
from bridge.sources.listing import Changed, Created, Listing, Question
from bridge.store.store import Store
from bridge.tasks import end

OVERLAP: Final = timedelta(minutes=10)
"""Each poll asks for so much again: a shop's replicas lag, and its clock may be set back a little."""
TICK: Final = 5.0
"""Seconds between two looks at whether a poll is due, at the most."""
REFUSED: Final = timedelta(minutes=15)
"""After a failed poll a shop is asked again no later than this."""

log = structlog.get_logger("bridge.looking")


class Clock(Protocol):
    """Real time and chance."""

    def now(self) -> datetime: ...
    def token(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Watched:
    """A shop that is polled, so often."""

    platform: Platform
    listing: Listing
    every: timedelta


class Poller:
    """Polls these shops, one worker each at a time."""

    def __init__(self, store: Store, shops: Iterable[Watched], clock: Clock) -> None:
        self._store = store
        self._shops = tuple(shops)
        self._clock = clock
        self._polls = Polls(store.redis)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Polls meanwhile."""
        async with AsyncExitStack() as stack:
            for shop in self._shops:
                stack.push_async_callback(end, asyncio.create_task(self._watch(shop)))
            yield

    async def _watch(self, shop: Watched) -> None:
        while True:
            wait = shop.every
            try:
                wait = await self.tend(shop)
            except BridgeError as exc:
                log.info("poll put off", step="poll", shop=shop.platform.shop, error=str(exc))
            except Exception:
                log.warning("unexpected", step="poll", shop=shop.platform.shop, exc_info=True)
            await asyncio.sleep(min(TICK, wait.total_seconds()))

    async def tend(self, shop: Watched) -> timedelta:
        """Polls the shop if that is due and nobody else is at it. Returns how long it may be left alone."""
        name, token = shop.platform.shop, self._clock.token()
        wait, cursor = await self._polls.begin(name, token)
        if wait:
            return wait
        arrivals = Arrivals(self._store, shop.platform)
        try:
            reached = await self._poll(shop, cursor, arrivals, token)
        except (RetryLater, NeedsPerson) as exc:
            again = min(shop.every, REFUSED)
            log.warning("poll failed", step="poll", shop=name, code=exc.reason.code)
            await self._polls.end(name, token, again=again, cursor=None, problem=exc.reason)
            return again
        await self._polls.end(name, token, again=shop.every, cursor=reached, problem=NO_REASON)
        log.info("polled", step="poll", shop=name, seen=dict(arrivals.fates))
        return shop.every

    async def _poll(self, shop: Watched, cursor: datetime | None, arrivals: Arrivals, token: str) -> datetime:
        """Records all that changed since `cursor`. Returns the next: the platform's clock when it was first
        asked, never past ours, so that one that ran ahead hides nothing."""
        now = self._clock.now()
        told: datetime | None = None
        for question in questions_since(cursor or now, now, shop.listing):
            async for walked in walk(shop.platform, shop.listing, question):
                told = told or walked.at
                for entry in walked.page.listed:
                    await arrivals.record(entry)
                if not await self._polls.extend(shop.platform.shop, token):
                    raise RetryLater(because("poll_taken_over"))
        return min(told or now, now)


def questions_since(cursor: datetime, now: datetime, listing: Listing) -> Sequence[Question]:
    """What tells all that changed since then, also what the platform's short memory has lost."""
    since = cursor - OVERLAP
    asked: list[Question] = [Changed(since=since)]
    if listing.MEMORY and since < now - listing.MEMORY:
        asked.append(Created(since=since, until=now))
    return asked
