"""A shop that sends until it is answered, to several web processes in turn."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import httpx

from tests.builders.sales import Delivery, Sale


class InsistentShop:
    """`urls`: the web processes. `acknowledged`: what was answered 200, by name. `refused`: answers that were
    not 200, and connections that came to nothing."""

    def __init__(self, http: httpx.AsyncClient, urls: Sequence[str]) -> None:
        self._http = http
        self._urls = itertools.cycle(urls)
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []

    async def place(self, sales: Iterable[Sale], *, within: float = 15) -> None:
        """Sends all webhooks of these sales at once, each until it is taken."""
        await asyncio.gather(*(self._insist(each, within) for sale in sales for each in sale.deliveries))

    async def _insist(self, delivery: Delivery, within: float) -> None:
        deadline = time.monotonic() + within
        while not await self._taken(delivery, next(self._urls)):
            assert time.monotonic() < deadline, f"{delivery.name} is never taken: {self.refused[-5:]}"
            await asyncio.sleep(0.05)

    async def _taken(self, delivery: Delivery, url: str) -> bool:
        try:
            answer = await self._http.post(
                f"{url}/webhooks/{delivery.shop}",
                content=delivery.body,
                headers=delivery.headers(datetime.now(UTC)),
            )
        except httpx.TransportError as exc:
            self.refused.append(type(exc).__name__)
            return False
        if answer.status_code != 200:
            self.refused.append(str(answer.status_code))
            return False
        self.acknowledged.add(delivery.name)
        return True


async def ready(http: httpx.AsyncClient, url: str) -> bool:
    """Whether this process could store an event now."""
    try:
        return (await http.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False
