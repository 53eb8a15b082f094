"""Asks a platform's own API. Read-only, one GET at a time, never where an answer would lead it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from bridge.errors import NeedsPerson, RetryLater, UnreadableBody
from bridge.looking.credential import Credential
from bridge.orders import utc
from bridge.reasons import Reason, because
from bridge.sources.base import Source
from bridge.sources.reading import json_in


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform answered. `headers`: names in lower case. `body`: its JSON, and nothing before it.
    `at`: the platform's clock, where it tells."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Platform:
    """One shop's API. `base_url`: "" for the platform's own address. `unreadable` hears of answers that are
    no JSON, and why that matters."""

    http: httpx.AsyncClient
    source: Source
    shop: str
    credential: Credential
    base_url: str
    unreadable: Callable[[Reason, bytes], Awaitable[object]] | None = None

    async def get(self, path: str) -> Answer:
        """The answer to `path`, readable. Raises RetryLater or NeedsPerson."""
        answer = await self._send(path)
        try:
            body = json_in(answer.content)
        except UnreadableBody as exc:
            where = path.partition("?")[0]
            why = because("shop_answer_unreadable", platform=self.source.TITLE, path=where, shop=self.shop)
            if self.unreadable:
                await self.unreadable(why, answer.content)
            raise RetryLater(why) from exc
        return Answer(answer.headers, body, _date_of(answer.headers.get("date", "")))

    async def fetch(self, path: str) -> bytes:
        """The body of the answer alone."""
        return (await self.get(path)).body

    async def _send(self, path: str) -> httpx.Response:
        source = self.source
        request = source.api_request(path, await self.credential.key(), self.base_url)
        try:
            # A key goes to the host that its owner named, and to no other.
            answer = await self.http.get(request.url, headers=request.headers, follow_redirects=False)
        except httpx.HTTPError as exc:
            raise RetryLater(
                because("shop_unreachable", platform=source.PLATFORM, error=type(exc).__name__)
            ) from exc
        status = answer.status_code
        if status == 200:
            return answer
        if status == 401:
            self.credential.refused()
        if status == 429 or status >= 500:
            raise RetryLater(
                because("shop_answers", platform=source.PLATFORM, status=status),
                after=_seconds(answer.headers.get("retry-after", "")),
            )
        if answer.is_redirect and (host := urlsplit(answer.headers.get("location", "")).hostname):
            raise NeedsPerson(because("shop_redirects", platform=source.TITLE, host=host, shop=self.shop))
        where = path.partition("?")[0]
        raise NeedsPerson(
            because("shop_refuses_read", platform=source.PLATFORM, status=status, path=where, shop=self.shop)
        )


def _seconds(text: str) -> float | None:
    """Shopify writes "2.0": https://shopify.dev/docs/api/usage/limits. A date is left to our own pace."""
    try:
        return min(max(float(text), 0.0), 3600.0)
    except ValueError:
        return None


def _date_of(text: str) -> datetime | None:
    try:
        return utc(parsedate_to_datetime(text))
    except ValueError:
        return None
