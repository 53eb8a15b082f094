"""Reads from a platform's own API what its webhook left out. Read-only, one GET at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import httpx

from bridge.errors import NeedsPerson, RetryLater
from bridge.failpoints import failpoint
from bridge.orders import Event, Folded, Incomplete
from bridge.reasons import because
from bridge.sources.base import FETCHED, NOTHING, Source, answer_to
from bridge.sync.exactly_once import Clock
from bridge.sync.shop import Fetch, Shop

PAGES = 40
"""At most so many answers are fetched from a platform for one order."""


class Keeping(Protocol):
    """What fetching needs of the store."""

    async def keep_fetched(self, order_key: str, path: str, body: bytes) -> None: ...


def fetcher(http: httpx.AsyncClient, source: Source, shop: str, key: str, base_url: str) -> Fetch:
    """path → body, with this shop's key. `base_url`: "" for the platform's own address."""

    async def fetch(path: str) -> bytes:
        request = source.api_request(path, key, base_url)
        try:
            answer = await http.get(request.url, headers=request.headers)
        except httpx.HTTPError as exc:
            raise RetryLater(
                because("shop_unreachable", platform=source.PLATFORM, error=type(exc).__name__)
            ) from exc
        if answer.status_code == 200:
            return answer.content
        if answer.status_code == 429 or answer.status_code >= 500:
            after = answer.headers.get("retry-after", "")
            raise RetryLater(
                because("shop_answers", platform=source.PLATFORM, status=answer.status_code),
                after=float(after) if after.isdigit() else None,
            )
        raise NeedsPerson(
            because(
                "shop_refuses_read",
                platform=source.PLATFORM,
                status=answer.status_code,
                path=path.partition("?")[0],
                shop=shop,
            )
        )

    return fetch


async def folded_whole(
    shop: Shop, order_key: str, events: Sequence[Event], store: Keeping, clock: Clock
) -> Folded:
    """The order as its events say, after fetching what the platform left out."""
    asked: set[str] = set()
    while True:
        failpoint("sync", "fold")
        folded = shop.source.fold(shop.name, order_key, events)
        if not isinstance(folded, Incomplete):
            return folded
        if folded.path in asked or len(asked) >= PAGES:
            raise NeedsPerson(folded.reason)
        asked.add(folded.path)
        known = (e for e in events if (e.topic, e.id) != (FETCHED, folded.path))
        events = (*known, answer_to(folded, await _body(shop, order_key, folded, store), clock.now()))


async def _body(shop: Shop, order_key: str, wanted: Incomplete, store: Keeping) -> bytes:
    """What the platform answers, kept; nothing where it is not needed and cannot be had."""
    try:
        if shop.fetch is None:
            raise NeedsPerson(wanted.reason)
        body = await shop.fetch(wanted.path)
    except NeedsPerson:
        if wanted.needed:
            raise
        return NOTHING
    await store.keep_fetched(order_key, wanted.path, body)
    return body
