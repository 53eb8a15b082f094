"""A bridge without its worker loop, for tests of the desk: events come, `settle` runs what is due."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bridge.desk.actions import Desk
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import Sandbox
from bridge.sources.registry import REGISTRY
from tests.builders.shopify import as_body, carriage, item, shopify_order
from tests.worlds.in_process import calibrate, served, settings_for

CUSTOMER = {"id": 7001, "email": "camille.martin@example.com", "first_name": "Camille"}


def paid_order(number: int = 1042, **changed: Any) -> bytes:
    """Two mugs, a book and shipping for 64.70 EUR, placed now; its id is 5000000 + `number`."""
    named: dict[str, Any] = {"name": f"#{number}", "email": CUSTOMER["email"], "customer": CUSTOMER}
    items = [item("19.90", quantity=2, id_=1), item("18.00", "0.055", id_=2)]
    shipping = [carriage("6.90")]
    order = shopify_order(5_000_000 + number, items, shipping_lines=shipping, **(named | changed))
    return as_body(order)


def key_of(number: int = 1042) -> str:
    return f"shopify:boutique:order:{5_000_000 + number}"


@dataclass(slots=True)
class World:
    """Everything in one process; time is real."""

    redis: Any
    sandbox: Sandbox
    services: Services
    desk: Desk
    sent: int = field(default=0)

    async def receive(self, body: bytes, topic: str = "orders/paid", *, shop: str = "boutique") -> str:
        """An event comes, as through the door; returns its order."""
        self.sent += 1
        source = REGISTRY[self.services.settings.shops[shop].platform]
        headers = {
            "x-shopify-topic": topic,
            "x-shopify-webhook-id": f"w{self.sent}",
            "x-wc-webhook-topic": topic,
        }
        identity = source.identify(shop, headers, body)
        kept = {name: value for name, value in headers.items() if name in source.KEPT_HEADERS}
        _, key = await self.services.store.record(shop, source.PLATFORM, identity, kept, body)
        return key

    async def settle(self, *keys: str) -> None:
        """The worker's job for these orders, once."""
        for key in keys:
            await self.services.syncer.sync_order(key)

    async def order(self, number: int = 1042, **changes: Any) -> str:
        """A paid order comes and is invoiced."""
        key = await self.receive(paid_order(number, **changes))
        await self.settle(key)
        return key


@asynccontextmanager
async def open_world(
    redis: Redis, redis_url: str, tmp_path: Path, shops: Mapping[str, dict[str, Any]] | None = None
) -> AsyncIterator[World]:
    """A world whose Redis is empty at the start."""
    async with served() as (url, sandbox):
        settings = settings_for(tmp_path, url, **dict[str, Any](shops or {}))
        async with open_services(settings, redis_url) as services:
            await services.store.open()
            await calibrate(services, sandbox)
            yield World(
                redis, sandbox, services, Desk(services.store, settings, services.quota, services.client)
            )
