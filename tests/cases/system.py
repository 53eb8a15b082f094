"""The whole bridge in one process and in virtual time: the door, the store in a real Valkey, the worker's
job, Facturation.pro's sandbox and the shops' platforms.

All that the cases need of `bridge` is imported here, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
from pydantic import SecretStr

from bridge.facturation.client import open_client
from bridge.facturation.quota import Quota
from bridge.facturation.wire import Wire
from bridge.receive import Webhooks, create_app
from bridge.runtime.wiring import endpoints_of, platforms_of, shops_of
from bridge.sandbox import Sandbox, SandboxConfig, SandboxRounding, SandboxTransport, create_sandbox
from bridge.sandbox.totals import DEFAULT_ROUNDING
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store
from bridge.sync.calibration import Calibrator
from bridge.sync.executor import Executor
from bridge.sync.loop import Syncer
from bridge.valkey.embedded import EmbeddedValkey
from tests.cases.found import Document, Order
from tests.cases.shops import SHOPS, keys_of
from tests.cases.virtual_time import MORNING, VirtualClock, VirtualRedis

REST = timedelta(minutes=10)
"""What is due later than that is not waited for: everything has come to rest."""
SECRET = "whsec_cases_0123456789abcdef"


@dataclass(slots=True)
class Platform:
    """The shops' own APIs. `answers`: path prefix → body; anything else is not found."""

    answers: dict[str, Any] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        for prefix, body in self.answers.items():
            if path.startswith(prefix):
                return httpx.Response(200, json=body)
        return httpx.Response(404, json={"error": "not found"})


@dataclass(frozen=True, slots=True)
class System:
    """Everything open, at a virtual moment of its own."""

    clock: VirtualClock
    platform: Platform
    _redis: VirtualRedis
    _store: Store
    _syncer: Syncer
    _sandbox: Sandbox
    _shops: httpx.AsyncClient
    _deliveries: Any = field(default_factory=lambda: count(1))

    async def deliver(self, shop: str, topic: str, body: Mapping[str, Any], *, whole: bool = False) -> str:
        """Signs and posts an event as the shop's platform would; returns why it was not taken, or ""."""
        platform, number, now = SHOPS[shop]["platform"], next(self._deliveries), self.clock.now()
        if platform == "stripe" and not whole:
            body = _as_stripe_event(topic, body, f"evt_case{number}", now)
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = REGISTRY[platform].sign(content, SECRET, topic, f"delivery-{number}", now)
        answer = await self._shops.post(f"/webhooks/{shop}", content=content, headers=headers)
        return "" if answer.status_code == 200 else f"{topic}: {answer.status_code} {answer.text}"

    async def live_for(self, span: timedelta) -> None:
        """Workers do what is due; then so much time has passed, and what came due meanwhile is done."""
        until = self.clock.now() + span
        await self._work(until)
        await self.clock.move_to(until)

    async def come_to_rest(self) -> None:
        """Until nothing is due any more but what is far away; time passes as far as that needs."""
        await self._work(self.clock.now() + REST)

    async def _work(self, until: datetime) -> None:
        while True:
            while key := await self._store.claim_next():
                await self._syncer.sync_order(key)
            due = await self._redis.zrange("bridge:due", 0, 0, withscores=True)
            if not due or due[0][1] > until.timestamp() * 1000:
                return
            await self.clock.move_to(datetime.fromtimestamp(due[0][1] / 1000, UTC))
            await self._store.sweep("cases")

    async def orders(self) -> dict[str, Order]:
        """Every order as the store keeps it, by key."""
        keys = [key.decode() for key in await self._redis.zrange("bridge:orders", 0, -1)]
        redis: Any = self._redis  # its stub: an answer that may be no awaitable
        return {key: _order(await redis.hgetall(f"bridge:order:{key}")) for key in keys}

    def documents(self) -> list[Document]:
        """Every document of the firm, oldest first."""
        customers = {customer.id: customer.as_json() for customer in self._sandbox.customers}
        made = [invoice.as_json() for invoice in self._sandbox.invoices]
        return [Document(invoice, customers[invoice["customer_id"]]) for invoice in made]


def _order(stored: Mapping[bytes, bytes]) -> Order:
    kept = {name.decode(): value.decode() for name, value in stored.items()}
    return Order(kept.get("state", ""), kept.get("reason", ""), kept)


def _as_stripe_event(topic: str, body: Mapping[str, Any], name: str, now: datetime) -> Mapping[str, Any]:
    return {
        "id": name,
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": int(now.timestamp()),
        "data": {"object": body},
        "livemode": body.get("livemode", True),
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": topic,
    }


def private_valkey(data_dir: Path) -> EmbeddedValkey:
    """A server for one run of the cases; as a context manager it gives itself, started."""
    return EmbeddedValkey(data_dir)


def dropped_keys() -> frozenset[str]:
    """Keys of the shops that this bridge does not know yet: nothing is configured by them."""
    wanted = {key for shop in SHOPS for key in keys_of(shop)}
    return frozenset(wanted - ShopSettings.model_fields.keys())


def _settings() -> Settings:
    dropped = dropped_keys()
    shops = {
        shop: {key: value for key, value in keys_of(shop).items() if key not in dropped} for shop in SHOPS
    }
    firm = FacturationSettings(
        firm_id=1, api_id="4242", api_key=SecretStr("sandbox-key"), contact="ops@example.com"
    )
    return Settings.model_validate(
        {
            "facturation": firm,
            "shops": {shop: {"secrets": [SECRET], **keys} for shop, keys in shops.items()},
        }
    )


@asynccontextmanager
async def open_system(
    redis_url: str, rounding: SandboxRounding = DEFAULT_ROUNDING, *, calibrated: bool = True
) -> AsyncIterator[System]:
    """A bridge with an empty store and an empty firm, as `bridge.runtime.wiring` joins it. `calibrated`: as a
    worker's first start does, if a rule can be found."""
    settings, platform = _settings(), Platform()
    firm = settings.facturation
    async with AsyncExitStack() as stack:
        redis = VirtualRedis.from_url(redis_url)
        stack.push_async_callback(redis.aclose, close_connection_pool=True)
        await redis.flushdb()
        clock = VirtualClock(redis)
        await clock.move_to(MORNING)
        store = Store(redis, retention=timedelta(days=settings.retention_days))
        await store.open()
        await _insist_on_virtual_time(store)
        app = create_sandbox(SandboxConfig(clock=clock.now, rounding=rounding))
        client = await stack.enter_async_context(
            open_client(
                Wire(
                    base_url=firm.base_url,
                    firm_id=firm.firm_id,
                    api_id=firm.api_id,
                    api_key=firm.api_key,
                    contact=firm.contact,
                    quota=Quota(redis, firm_id=firm.firm_id),
                    transport=SandboxTransport(app),
                )
            )
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.MockTransport(platform.answer))
        )
        syncer = Syncer(
            store,
            lambda lane: Executor(store, client.using(lane=lane), clock, settle=firm.settle_seconds),
            shops_of(settings, platforms_of(settings, http, store)),
            clock,
            background=lambda _renewal, _every: lambda: None,
        )
        if calibrated:
            await Calibrator(client, store, clock, Random(1).randint).tend()
        webhooks = Webhooks(
            endpoints_of(settings),
            store,
            max_body_bytes=settings.max_body_bytes,
            now=clock.now,
            observe=lambda *_: None,
        )
        door = httpx.ASGITransport(create_app(webhooks), raise_app_exceptions=False)
        shops = await stack.enter_async_context(httpx.AsyncClient(transport=door, base_url="http://bridge"))
        yield System(clock, platform, redis, store, syncer, app.state.sandbox, shops)


async def _insist_on_virtual_time(store: Store) -> None:
    """A script that asks Redis for the time in a way of its own would live in another year."""
    now = (await store.vitals()).now
    if now != MORNING:
        raise RuntimeError(f"the store's scripts live at {now}, not at {MORNING}: see VirtualRedis")
