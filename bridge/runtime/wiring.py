"""The one place where things are joined: settings in, services out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError

from bridge.alerts.channels import channels_of
from bridge.alerts.notifier import Notifier
from bridge.alerts.outbox import AlertOutbox
from bridge.errors import ConfigurationError, StoreUnavailable
from bridge.facturation.client import ApiCall, FacturationClient, open_client
from bridge.facturation.quota import Quota
from bridge.facturation.wire import OnCall, Wire
from bridge.looking.arrivals import keeper
from bridge.looking.asking import Platform
from bridge.looking.credential import ClientCredentials, Credential, FixedKey
from bridge.looking.poller import Poller, Watched
from bridge.receive import ShopEndpoint, Webhooks
from bridge.runtime.jobs import deserialize, serialize
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.sources.registry import REGISTRY
from bridge.store.rates import KeptRates
from bridge.store.store import Store
from bridge.sync.calibration import Calibrator
from bridge.sync.calls import note_call
from bridge.sync.exchange import Exchange
from bridge.sync.executor import Executor
from bridge.sync.lease import in_background
from bridge.sync.loop import Report, Syncer
from bridge.sync.shop import Shop
from bridge.tasks import end
from bridge.telemetry.health import Health
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.sentry import capture
from bridge.valkey.pools import follows_sentinels, open_pool

POOL = 32
"""Connections of one process to Redis: more would only queue inside it."""


class SystemClock:
    """Real time and chance."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Goes on while the machine is suspended, where the system can tell."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def token(self) -> str:
        """A name nobody else has."""
        return uuid.uuid4().hex

    def jitter(self) -> float:
        """Between 0.8 and 1.2."""
        return random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a role may need, open."""

    settings: Settings
    redis_url: str = field(repr=False)
    store: Store
    quota: Quota
    client: FacturationClient
    metrics: Metrics
    health: Health
    webhooks: Webhooks
    syncer: Syncer
    calibrator: Calibrator
    notifier: Notifier
    platforms: Mapping[str, Platform]
    poller: Poller

    def connect_arq(self) -> ArqRedis:
        """A fresh pool for arq, which closes the one it is given."""
        # An OSError is what a refused connection is; redis-py does not count it among its own errors. Where
        # Sentinels name the primary it is better to ask them again soon than to try the same server for long.
        retry = Retry(ExponentialBackoff(cap=0.5), 3 if follows_sentinels(self.redis_url) else 20)
        pool = open_pool(
            self.redis_url,
            max_connections=POOL,
            timeout=5,
            socket_connect_timeout=1,
            # No socket_timeout: redis-py would put a timer and a task around each of arq's many calls. A
            # Redis that stands still only delays a wake-up; one whose host is gone is the kernel's to notice.
            retry=retry,
            retry_on_error=[ConnectionError, TimeoutError, BusyLoadingError, OSError],
        )
        return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize)


def connect(redis_url: str) -> Redis:
    """Answers or fails within two seconds, whatever Redis does: a shop waits for us."""
    pool = open_pool(redis_url, max_connections=POOL, timeout=2, socket_timeout=2, socket_connect_timeout=1)
    return Redis(connection_pool=pool)


def endpoints_of(settings: Settings) -> dict[str, ShopEndpoint]:
    """Each configured shop's entrance."""
    return {
        name: ShopEndpoint(name, REGISTRY[shop.platform], tuple(s.get_secret_value() for s in shop.secrets))
        for name, shop in settings.shops.items()
    }


def shops_of(settings: Settings, platforms: Mapping[str, Platform]) -> dict[str, Shop]:
    """Each configured shop, as syncing sees it."""
    return {
        name: Shop(
            name, REGISTRY[shop.platform], shop.rules(), platforms[name].fetch if name in platforms else None
        )
        for name, shop in settings.shops.items()
    }


def platforms_of(settings: Settings, http: httpx.AsyncClient, store: Store) -> dict[str, Platform]:
    """The APIs of those shops that we have a key of."""
    platforms = {}
    for name, shop in settings.shops.items():
        source, url = REGISTRY[shop.platform], shop.platform_api_url or ""
        if credential := credential_of(shop, name, http):
            platforms[name] = Platform(http, source, name, credential, url, keeper(store, name, source))
    return platforms


def credential_of(shop: ShopSettings, name: str, http: httpx.AsyncClient) -> Credential | None:
    """What opens the shop's API, if something does."""
    source, url = REGISTRY[shop.platform], shop.platform_api_url or ""
    if shop.platform_api_key:
        return FixedKey(shop.platform_api_key)
    if source.GRANT and shop.platform_client_id and shop.platform_client_secret:
        client = (shop.platform_client_id, shop.platform_client_secret, url)
        return ClientCredentials(http, source, source.GRANT, name, *client, SystemClock().boottime)
    return None


def watched_of(settings: Settings, platforms: Mapping[str, Platform]) -> Iterator[Watched]:
    """The shops that are polled."""
    for name, platform in platforms.items():
        listing, minutes = platform.source.LISTING, settings.shops[name].poll_minutes
        if listing and minutes != 0:
            every = listing.EVERY if minutes is None else timedelta(minutes=minutes)
            yield Watched(platform, listing, every)


def wire_to(firm: FacturationSettings, quota: Quota, on_call: OnCall | None = None) -> Wire:
    """The way to the configured account."""
    return Wire(
        base_url=firm.base_url,
        firm_id=firm.firm_id,
        api_id=firm.api_id,
        api_key=firm.api_key,
        contact=firm.contact,
        quota=quota,
        on_call=on_call,
    )


@asynccontextmanager
async def open_store(settings: Settings, redis_url: str) -> AsyncIterator[tuple[Store, Quota]]:
    """What is in Redis, which may be away; its connections are closed at the end."""
    try:
        redis = connect(redis_url)
    except ValueError as exc:
        raise ConfigurationError(f"redis_url: {exc}") from exc
    firm = settings.facturation
    try:
        yield (
            Store(redis, retention=timedelta(days=settings.retention_days)),
            Quota(
                redis,
                firm_id=firm.firm_id,
                per_5_minutes=firm.requests_per_5_minutes,
                per_day=firm.requests_per_day,
            ),
        )
    finally:
        await redis.aclose(close_connection_pool=True)


@asynccontextmanager
async def open_services(settings: Settings, redis_url: str) -> AsyncIterator[Services]:
    """Opens what web, worker, console and commands share; closes it at the end. Redis may be away."""
    clock, metrics = SystemClock(), Metrics()
    async with AsyncExitStack() as stack:
        store, quota = await stack.enter_async_context(open_store(settings, redis_url))
        keeper = asyncio.create_task(_keep_acquainted(store))
        stack.push_async_callback(end, keeper)
        firm = settings.facturation

        async def on_call(call: ApiCall) -> None:
            metrics.api_call(call.method, call.path, call.outcome, call.seconds)
            note_call(clock.now(), f"{call.method} {call.path}", call.outcome, call.seconds)

        client = await stack.enter_async_context(open_client(wire_to(firm, quota, on_call)))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=20))

        platforms = platforms_of(settings, http, store)

        def report(run: Report) -> None:
            metrics.synced(run.outcome.value, seconds=run.seconds, ack_to_invoice=run.invoiced_after)

        syncer = Syncer(
            store,
            lambda lane: Executor(store, client.using(lane=lane), clock, settle=firm.settle_seconds),
            shops_of(settings, platforms),
            clock,
            background=in_background,
            exchange=Exchange(http, settings.ecb_url, KeptRates(store), clock),
            report=report,
            unexpected=lambda exc, key: capture(exc, order_key=key),
        )
        poller = Poller(store, watched_of(settings, platforms), clock)
        rejected = Counter[str]()
        calibrator = Calibrator(client, store, clock, random.randint)
        notifier = Notifier(
            AlertOutbox(store),
            quota,
            rejected,
            channels_of(settings.alerts, http, clock.now, sentry=settings.sentry_dsn is not None),
            tuple(settings.shops),
            clock.now,
            silence=settings.alerts.silence,
        )
        webhooks = Webhooks(
            endpoints_of(settings),
            store,
            max_body_bytes=settings.max_body_bytes,
            now=clock.now,
            observe=metrics.received,
            rejected=rejected,
        )
        health = Health(store, quota, metrics, clock.now)
        yield Services(
            settings,
            redis_url,
            store,
            quota,
            client,
            metrics,
            health,
            webhooks,
            syncer,
            calibrator,
            notifier,
            platforms,
            poller,
        )


async def _keep_acquainted(store: Store) -> None:
    """Gives a new ledger its birth date; keeps knowing whether this Redis is durable, and how full."""
    for second in itertools.count():
        with contextlib.suppress(StoreUnavailable):
            if second % 30 == 0:
                await store.open()
            await store.look_at_memory()
        await asyncio.sleep(1)
