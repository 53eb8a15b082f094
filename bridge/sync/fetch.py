"""Reads from a platform's own API what its webhook left out. Read-only, one GET at a time."""

from __future__ import annotations

import httpx

from bridge.errors import NeedsPerson, RetryLater
from bridge.reasons import because
from bridge.sources.base import Source
from bridge.sync.shop import Fetch


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
