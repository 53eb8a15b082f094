"""A bridge without its worker loop, for tests of the desk: events come, `settle` runs what is due."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis

from bridge.desk.actions import Desk
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import Sandbox, SandboxConfig, create_sandbox, serve_sandbox
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.sources import shopify
from bridge.sources.registry import REGISTRY
from tests.journeys.in_process import calibrate

CUSTOMER = {"id": 7001, "email": "camille.martin@example.com", "first_name": "Camille"}


def shopify_order(number: int = 1042, **changes: Any) -> bytes:
    """A paid order of 64.70 EUR, placed now; its id is 5000000 + `number`."""
    order = json.loads(shopify.sample(datetime.now(UTC)).body)
    order |= {"id": 5_000_000 + number, "name": f"#{number}"} | changes
    return json.dumps(order).encode()


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
        key = await self.receive(shopify_order(number, **changes))
        await self.settle(key)
        return key


def settings_for(api_url: str, data_dir: Path, shops: Mapping[str, dict[str, Any]] | None = None) -> Settings:
    """Three shops, one of each platform; `shops` changes their keys."""
    platforms = {"boutique": "shopify", "atelier": "woocommerce", "abonnements": "stripe"}
    changed = shops or {}
    return Settings(
        facturation=FacturationSettings(
            firm_id=1,
            api_id="4242",
            api_key=SecretStr("sandbox-key"),
            contact="t@example.com",
            base_url=api_url,
        ),
        shops={
            name: ShopSettings(platform=platform, secrets=(SecretStr("secret"),), **changed.get(name, {}))
            for name, platform in platforms.items()
        },
        data_dir=data_dir,
    )


@asynccontextmanager
async def running_sandbox() -> AsyncIterator[tuple[str, Sandbox]]:
    """Facturation.pro's simulator on a port of its own."""
    app = create_sandbox(SandboxConfig())
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_sandbox(SandboxConfig(), "127.0.0.1", 0, started=started.set_result, app=app)
    )
    try:
        yield await started, app.state.sandbox
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@asynccontextmanager
async def open_world(
    redis: Redis, redis_url: str, tmp_path: Path, shops: Mapping[str, dict[str, Any]] | None = None
) -> AsyncIterator[World]:
    """A world whose Redis is empty at the start."""
    async with running_sandbox() as (url, sandbox):
        settings = settings_for(url, tmp_path, shops)
        async with open_services(settings, redis_url) as services:
            await services.store.open()
            await calibrate(services, sandbox)
            yield World(redis, sandbox, services, Desk(services.store, settings, services.quota))
