"""The whole bridge in this process: the app as shops see it, a sandbox on a real port, a real Valkey."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from bridge.billing.rounding import CANDIDATES
from bridge.reasons import reason_from
from bridge.receive import create_app
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import (
    ROUNDINGS,
    Fault,
    FaultKind,
    Sandbox,
    SandboxConfig,
    create_sandbox,
    serve_sandbox,
)
from bridge.sandbox.records import Invoice
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store
from bridge.texts import text_of
from tests.builders.shopify import as_body

SHOPS = {"boutique": "shopify", "atelier": "woocommerce", "abonnements": "stripe"}
SECRETS = {
    "boutique": ("shopify-secret-0123456789", "shopify-secret-rotated-1"),
    "atelier": ("woocommerce-secret-0123456",),
    "abonnements": ("whsec_0123456789abcdef",),
}


@dataclass(frozen=True, slots=True)
class Here:
    """Everything a test may touch. `shops`: what speaks to the bridge as a shop would."""

    services: Services
    sandbox: Sandbox
    shops: httpx.AsyncClient
    _deliveries: Any = field(default_factory=lambda: count(1))

    async def send(
        self,
        payload: Any,
        topic: str = "orders/paid",
        *,
        shop: str = "boutique",
        delivery: str = "",
        secret: str = "",
        now: datetime | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Signs and posts a payload (bytes as they are, anything else as JSON)."""
        body = payload if isinstance(payload, bytes) else as_body(payload)
        source = REGISTRY[SHOPS[shop]]
        name = delivery or f"delivery-{next(self._deliveries)}"
        signed = source.sign(body, secret or SECRETS[shop][0], topic, name, now or datetime.now(UTC))
        return await self.shops.post(f"/webhooks/{shop}", content=body, headers=signed | (headers or {}))

    async def accept(self, payload: Any, topic: str = "orders/paid", **how: Any) -> str:
        """Sends what must be accepted; returns its order's key."""
        answer = await self.send(payload, topic, **how)
        assert (answer.status_code, answer.json()["status"]) == (200, "accepted"), answer.text
        return str(answer.json()["order"])

    async def sync(self, *keys: str) -> dict[str, str]:
        """One run over each order, all at once; returns how the first was released."""
        await asyncio.gather(*(self.services.syncer.sync_order(key) for key in keys))
        return await self.state(keys[0])

    async def state(self, key: str) -> dict[str, str]:
        """The order as the store keeps it, its reason in English."""
        kept: Any = await self.redis.hgetall(f"bridge:order:{key}")
        fields = {name.decode(): value.decode() for name, value in kept.items()}
        return fields | {"reason": text_of(reason_from(fields.get("reason", "")))}

    @property
    def redis(self) -> Any:
        """The bridge's own connections."""
        return self.services.store.redis

    def fault(self, kind: FaultKind, **how: Any) -> None:
        """The next request that fits goes wrong."""
        self.sandbox.faults.add(Fault(kind=kind, **how))

    def calls(self, method: str = "", path: str = "") -> list[str]:
        """Requests that reached the sandbox, "METHOD /path" without the firm."""
        made = [f"{r.method} {r.target.replace('/firms/1', '')}" for r in self.sandbox.requests]
        return [call for call in made if call.startswith(method) and path in call]

    def forget_calls(self) -> None:
        """Counts from here."""
        self.sandbox.requests.clear()

    def invoices(self, key: str = "") -> list[Invoice]:
        """Documents in the sandbox, of this key if one is given."""
        return [each for each in self.sandbox.invoices if key in ("", each.values["api_custom"])]


def settings_for(data_dir: Path, api_url: str, *, settle: float = 120, **changed: Any) -> Settings:
    """Three shops, one of each platform. `changed`: by shop, further keys; `facturation` likewise."""
    firm = {"firm_id": 1, "api_key": SecretStr("sandbox-key"), "settle_seconds": settle, "base_url": api_url}
    top = changed.pop("top", {})
    return Settings(
        facturation=FacturationSettings(
            api_id="4242", contact="ops@example.com", **(firm | changed.pop("facturation", {}))
        ),
        shops={
            name: ShopSettings(platform=platform, **(_secrets_of(name) | changed.get(name, {})))
            for name, platform in SHOPS.items()
        },
        data_dir=data_dir,
        **top,
    )


def _secrets_of(shop: str) -> dict[str, Any]:
    """Refunds do not wait for lines: tests send all that there is. What gift cards and tips are is known."""
    known = {"refund_seconds": 0, "gift_cards": "multi", "tips": "staff"}
    return {"secrets": tuple(SecretStr(secret) for secret in SECRETS[shop]), **known}


@asynccontextmanager
async def served(config: SandboxConfig | None = None) -> AsyncIterator[tuple[str, Sandbox]]:
    """A sandbox on a real port: its address and its state."""
    config = config or SandboxConfig()
    app = create_sandbox(config)
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_sandbox(config, "127.0.0.1", 0, started=started.set_result, app=app))
    try:
        yield await asyncio.wait_for(started, 10), app.state.sandbox
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def calibrate(services: Services, sandbox: Sandbox) -> None:
    """As a worker does when it starts; where nothing is to be found out, without asking."""
    name = next(name for name, rule in ROUNDINGS.items() if rule == sandbox.config.rounding)
    if name in CANDIDATES:
        await services.store.learn_rounding(await services.store.rounding(), name, "")
        return
    await services.calibrator.tend()
    sandbox.requests.clear()


async def acquaint(store: Store) -> None:
    """As after a while with its shops: the ledger has forgotten nothing, the archive was asked for lately."""
    await store.open()
    for shop, platform in SHOPS.items():
        await store.set_shop_verdict(f"{platform}:{shop}:", clean=True)
    await store.keep_archived_customers({})


@asynccontextmanager
async def bridge_here(
    redis_url: str,
    config: SandboxConfig | None = None,
    *,
    acquainted: bool = True,
    calibrated: bool = True,
    **changed: Any,
) -> AsyncIterator[Here]:
    """A bridge on `redis_url` and a fresh sandbox. `changed`: see `settings_for`.

    `calibrated`: it knows how the sandbox rounds. `acquainted`: see `acquaint`, so that a sale of today is no
    reason to look anything up.
    """
    async with served(config) as (url, sandbox):
        settings = settings_for(Path("unused"), url, **changed)
        async with open_services(settings, redis_url) as services:
            if acquainted:
                await acquaint(services.store)
            if calibrated:
                await calibrate(services, sandbox)
            app = create_app(services.webhooks, routes=services.health.routes())
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as shops:
                yield Here(services, sandbox, shops)
