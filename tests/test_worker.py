"""The worker: rung for by the store, outliving its Redis, ending in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.errors import QuotaReached
from bridge.facturation.quota import Lane
from bridge.runtime import worker as worker_module
from bridge.runtime.roles import serve_worker
from bridge.sandbox import FaultKind
from bridge.tasks import end
from bridge.valkey.embedded import EmbeddedValkey
from tests.builders.shopify import shopify_order
from tests.worlds.in_process import Here, bridge_here
from tests.worlds.waiting import until

# arq offers no way to end its loop but cancellation; where that meets a pipeline that is being reset,
# redis-py complains about a connection whose pool we close a moment later.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed client session:ResourceWarning")


class Working:
    """A worker that serves until it is told to stop."""

    def __init__(self, here: Here) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(serve_worker(here.services, self._stop), name="worker")

    @property
    def serves(self) -> bool:
        return not self._task.done()

    async def stopped(self) -> None:
        await asyncio.shield(self._task)

    async def stop(self, within: float = 15) -> None:
        self._stop.set()
        await asyncio.wait_for(self._task, within)


@asynccontextmanager
async def working(here: Here) -> AsyncIterator[Working]:
    """A worker that serves until the end of the block at the latest."""
    worker = Working(here)
    try:
        yield worker
    finally:
        await worker.stop()


async def is_done(here: Here, key: str) -> bool:
    return (await here.state(key)).get("state") == "done"


async def test_orders_become_invoices_within_a_second(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url) as here, working(here):
        began = time.monotonic()
        keys = [await here.accept(shopify_order(n)) for n in range(1, 6)]
        for key in keys:
            await until(partial(is_done, here, key), key)
        assert time.monotonic() - began < 5
        assert len(here.invoices()) == 5
        assert (await here.services.store.vitals()).workers == 1


async def test_the_sweep_brings_back_what_arq_lost(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url) as here:
        key = await here.accept(shopify_order(1))
        for name in [name async for name in redis.scan_iter("arq:*")]:
            await redis.delete(name)
        await redis.zadd("bridge:due", {key: 1})  # its five seconds are over
        async with working(here):
            await until(lambda: is_done(here, key))


THOUSANDS = """
local model, now = 'shopify:boutique:order:1', redis.call('TIME')[1] * 1000
for n = 1000, 10999 do
  local key = 'shopify:boutique:order:' .. n
  for _, kind in ipairs({'order:', 'events:'}) do
    redis.call('COPY', 'bridge:' .. kind .. model, 'bridge:' .. kind .. key)
  end
  redis.call('HSET', 'bridge:order:' .. key, ARGV[1], ARGV[2])
  for _, list in ipairs({'due', 'waiting'}) do redis.call('ZADD', 'bridge:' .. list, now - 1000, key) end
end
redis.call('ZREM', 'bridge:due', model)
redis.call('DEL', 'arq:queue')
"""


@pytest.mark.parametrize(
    ("lane", "mark"), [(Lane.RETRY, ("attempts", "3")), (Lane.BACKFILL, ("lane", "backfill"))]
)
async def test_ten_thousand_waiting_orders_do_not_slow_a_new_one(
    redis: Any, redis_url: str, lane: Lane, mark: tuple[str, str]
) -> None:
    """All of them are due now, and the quota has nothing left for them. Counted in orders that were looked at
    meanwhile: their time is the machine's."""
    async with bridge_here(redis_url, facturation={"requests_per_5_minutes": 100}) as here:
        await here.accept(shopify_order(1))
        await redis.eval(THOUSANDS, 0, *mark)
        with contextlib.suppress(QuotaReached):
            while True:
                await here.services.quota.take(lane)

        def looked_at() -> float:
            found = text_string_to_metric_families(here.services.metrics.render().decode())
            samples = (sample for family in found for sample in family.samples)
            return sum(sample.value for sample in samples if sample.name == "bridge_sync_total")

        async with working(here):
            await until(lambda: looked_at() > 20, "the worker goes through them", within=30)
            for n in (2, 3):
                before = looked_at()
                key = await here.accept(shopify_order(n))
                await until(partial(is_done, here, key), "the new order is invoiced", within=30)
                assert looked_at() - before < 150, "it waited for its turn"
        assert await redis.zcard("bridge:waiting") == 10_001


async def test_arq_only_wakes_and_the_rest_is_answered(redis: Any, redis_url: str) -> None:
    """Forty orders in arq's queue are not forty jobs of arq's: each of those begins with a PSETEX."""
    async with bridge_here(redis_url) as here:
        keys = [await here.accept(shopify_order(n)) for n in range(1, 41)]
        await redis.config_resetstat()
        async with working(here):
            for key in keys:
                await until(partial(is_done, here, key), key)
        started = (await redis.info("commandstats"))["cmdstat_psetex"]["calls"]
        assert len(here.invoices()) == 40
        assert started <= 2 * worker_module.MAX_JOBS
        assert await redis.zcard("arq:queue") == 0


async def test_two_workers_make_no_more_than_one(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url) as here, working(here), working(here):
        orders = [shopify_order(n, buyer=n % 3) for n in range(1, 13)]
        keys = [await here.accept(order) for order in orders for _ in range(2)]
        for key in keys:
            await until(partial(is_done, here, key), key)
        assert len(here.invoices()) == 12
        assert len(here.sandbox.customers) == 3


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
async def test_it_outlives_its_redis(tmp_path: Path, death: signal.Signals) -> None:
    first = EmbeddedValkey(tmp_path)
    await asyncio.to_thread(first.start)
    try:
        async with bridge_here(first.url) as here, working(here) as worker:
            key = await here.accept(shopify_order(1))
            await until(lambda: is_done(here, key), "the first order")
            pid = first.pid
            assert pid is not None
            os.kill(pid, death)  # the keeper starts another one on the same data
            await until(lambda: first.pid not in (None, pid), "another Valkey")

            async def accepted() -> bool:
                return (await here.send(shopify_order(2), delivery="d2")).status_code == 200

            await until(accepted, "an order is accepted again")
            await until(lambda: is_done(here, "shopify:boutique:order:2"), "the second order")
            assert worker.serves
            assert len(here.invoices()) == 2
    finally:
        await asyncio.to_thread(first.stop)


async def test_it_outlives_a_redis_that_is_away_for_a_while(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path)
    await asyncio.to_thread(first.start)
    second = EmbeddedValkey(tmp_path)
    try:
        async with bridge_here(first.url) as here, working(here) as worker:
            await here.accept(shopify_order(1))
            await asyncio.to_thread(first.stop)
            assert (await here.send(shopify_order(2), delivery="d2")).status_code == 503
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.stopped(), 0.5)
            assert worker.serves
            await asyncio.to_thread(second.start)
            assert (await here.send(shopify_order(2), delivery="d2")).status_code == 200
            for n in (1, 2):
                await until(partial(is_done, here, f"shopify:boutique:order:{n}"), f"order {n}", within=30)
            assert len(here.invoices()) == 2
    finally:
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.stop)


async def test_it_starts_while_redis_is_still_away(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    async with bridge_here(valkey.url, acquainted=False, calibrated=False) as here, working(here) as worker:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.stopped(), 0.3)
        assert worker.serves
        await asyncio.to_thread(valkey.start)
        try:
            key = await here.accept(shopify_order(1))
            await until(lambda: is_done(here, key))
        finally:
            await worker.stop()
            await asyncio.to_thread(valkey.stop)


async def test_told_to_stop_it_finishes_what_it_has_in_hand(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url) as here:
        here.fault(FaultKind.DELAY, method="POST", path="/invoices", seconds=0.5)
        async with working(here) as worker:
            key = await here.accept(shopify_order(1))
            await until(lambda: bool(here.calls("POST", "/invoices")), "the invoice is on its way")
            await worker.stop(within=5)
        assert await is_done(here, key)


async def test_told_to_stop_it_lets_go_of_what_takes_too_long(
    redis: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STOP_SECONDS", 0.3)
    monkeypatch.setattr("bridge.store.store.LEASE", timedelta(seconds=1))
    monkeypatch.setattr("bridge.sync.lease.LEASE", timedelta(seconds=1))
    async with bridge_here(redis_url, settle=0.3) as here:
        here.fault(FaultKind.DELAY, method="POST", path="/invoices", moment="after", seconds=20)
        async with working(here) as worker:
            key = await here.accept(shopify_order(1))
            await until(lambda: bool(here.invoices(key)), "the invoice is made, unanswered")
            await worker.stop(within=5)
        # The next worker finds what was done, and makes nothing twice.
        async with working(here):
            await until(lambda: is_done(here, key), "the order is taken up again")
        assert len(here.invoices(key)) == 1


async def test_a_cancellation_that_gets_lost_is_repeated() -> None:
    """As redis-py and wait_for do it now and then: arq polled on, and SIGTERM was in vain."""
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while lost < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
        raise RuntimeError("its last word, which nobody waits for")

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(end(task), 5)
    assert (task.done(), lost) == (True, 3)


async def test_the_time_to_stop_fits_into_ten_seconds() -> None:
    assert worker_module.STOP_SECONDS + 1 < 10
