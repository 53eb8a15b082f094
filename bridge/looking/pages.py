"""Walks over a platform's lists: page after page, with patience, and never in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.errors import NeedsPerson, RetryLater, UnreadableBody
from bridge.looking.asking import Answer, Platform
from bridge.reasons import because
from bridge.sources.listing import Listing, Named, Page, Question

NOT_FOUND: Final = "404"
"""What platforms answer that name a single thing in the path."""
TRIES: Final = 6
PAUSE: Final = 1.0
"""Seconds before the second try; each further one waits twice as long, unless the platform says how long."""
LONGEST_PAUSE: Final = 60.0
MOST_PAGES: Final = 20_000
"""Of one list: five million orders."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One page. `start`: the first path of its list, which names the list. `at`: the platform's clock."""

    start: str
    page: Page
    at: datetime | None


async def walk(
    platform: Platform, listing: Listing, question: Question, onward: Mapping[str, str] | None = None
) -> AsyncIterator[Walked]:
    """All pages of all lists that answer `question`. `onward`: first path of a list → the path where an
    earlier walk got to, "" where it was through. Raises RetryLater when patience ends, and NeedsPerson."""
    for start in listing.paths(question):
        path = (onward or {}).get(start, start)
        seen: set[str] = set()
        while path:
            if path in seen or len(seen) >= MOST_PAGES:
                raise NeedsPerson(
                    because("list_without_end", shop=platform.shop, platform=platform.source.TITLE)
                )
            seen.add(path)
            try:
                answer = await _patiently(platform, path)
            except NeedsPerson as exc:
                if isinstance(question, Named) and exc.reason.fact("status") == NOT_FOUND:
                    break
                raise
            page = _read(platform, listing, path, answer)
            yield Walked(start, page, answer.at)
            path = page.next


async def _patiently(platform: Platform, path: str) -> Answer:
    for tried in range(1, TRIES):
        try:
            return await platform.get(path)
        except RetryLater as exc:
            pause = PAUSE * 2 ** (tried - 1) if exc.after is None else exc.after
            if pause > LONGEST_PAUSE:
                raise
            await asyncio.sleep(pause)
    return await platform.get(path)


def _read(platform: Platform, listing: Listing, path: str, answer: Answer) -> Page:
    try:
        return listing.page(platform.shop, path, answer.headers, answer.body)
    except UnreadableBody as exc:
        where = path.partition("?")[0]
        raise NeedsPerson(
            because("list_not_understood", shop=platform.shop, platform=platform.source.TITLE, path=where)
        ) from exc
