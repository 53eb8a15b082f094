"""Redis is full, in memory or on disk; an order kills whoever takes it."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator

import pytest

from tests.chaos.audit import violations
from tests.chaos.crash_sweep import Role, Track
from tests.chaos.test_recovery import PLAIN, acknowledged, done
from tests.worlds.site import Site, site
from tests.worlds.waiting import until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def there() -> AsyncIterator[Site]:
    async with site(settle=1) as built:
        yield built


async def done_with(track: Track, version: int) -> None:
    """The order has come to rest with so many events."""
    redis = track.site.valkey.client(track.db)

    async def rests() -> bool:
        return bool(await redis.hget(f"bridge:order:{track.sale.key}", "done") == str(version).encode())

    await until(rests, f"the order rests at version {version}")
    await redis.aclose()


async def test_a_full_redis_is_answered_503_and_spoils_nothing(there: Site) -> None:
    """Full to the brim at once: the worker is refused each write in the middle of its work, too."""
    track, redis = Track(there, 1, PLAIN), there.valkey.client()
    web, worker = await track.start(Role.WEB), await track.start(Role.WORKER)
    await acknowledged(track, 0)
    await done_with(track, 1)
    await redis.config_set("maxmemory", "1mb")
    assert await track.status(track.sale.deliveries[1]) == 503
    before = await redis.hgetall(f"bridge:order:{track.sale.key}")
    assert await track.status(track.sale.deliveries[1]) == 503
    assert await redis.hgetall(f"bridge:order:{track.sale.key}") == before, "a refused event left traces"
    await redis.config_set("maxmemory", "0")
    seconds = await acknowledged(track, 1)
    await done(track)
    print(f"maxmemory raised: the web stores again after {seconds:.1f} s")
    assert (web.alive, worker.alive) == (True, True)
    assert violations(await there.state(), [track.sale]) == []
    await redis.aclose()


async def test_a_redis_that_fills_up_in_mid_order_is_gone_on_with_later(there: Site) -> None:
    track, redis = Track(there, 1, PLAIN), there.valkey.client()
    await track.start(Role.WEB)
    await acknowledged(track, 0)
    await acknowledged(track, 1)
    await there.add_fault(kind="delay", method="POST", path="invoices.json", moment="after", seconds=1)
    worker = await track.start(Role.WORKER)

    async def invoiced() -> bool:
        return bool((await there.state())["invoices"])

    await until(invoiced, "the invoice exists")
    await redis.config_set("maxmemory", "1mb")

    async def refused() -> bool:
        return "OutOfMemory" in worker.words()

    await until(refused, "the worker is refused a write")
    await redis.config_set("maxmemory", "0")
    await done(track)
    assert worker.alive
    assert violations(await there.state(), [track.sale]) == []
    await redis.aclose()


async def test_a_full_disk_is_answered_503_and_loses_nothing_acknowledged(there: Site) -> None:
    """No file of Valkey's may grow any more. One that acknowledges what is on disk alone ends then; with room
    again it knows all that it acknowledged."""
    first = Track(there, 1, PLAIN)
    web, worker = await first.start(Role.WEB), await first.start(Role.WORKER)
    await acknowledged(first, 0)
    await acknowledged(first, 1)
    await done(first)
    assert there.valkey.process
    logs = there.valkey.directory.glob("appendonlydir/*.incr.aof")
    room = max(log.stat().st_size for log in logs) + 40_000
    resource.prlimit(there.valkey.process.pid, resource.RLIMIT_FSIZE, (room, room))
    tracks = [first]
    while True:
        assert len(tracks) < 100, "the disk is never full"
        tracks.append(Track(there, 1 + len(tracks), PLAIN, home=first))
        told = [await tracks[-1].status(delivery) for delivery in tracks[-1].sale.deliveries]
        assert set(told) <= {200, 503}
        if told != [200, 200]:
            break
    assert await tracks[-1].status(tracks[-1].sale.deliveries[1]) == 503
    await there.valkey.process.died(10)
    await there.valkey.start()
    await acknowledged(tracks[-1], 0)
    await acknowledged(tracks[-1], 1)
    for track in tracks:
        await until(track.is_done, f"{track.sale.key} is done")
    print(f"disk full after {len(tracks) - 1} orders, and none of them is lost")
    assert len(tracks) > 2
    assert (web.alive, worker.alive) == (True, True)
    assert violations(await there.state(), [track.sale for track in tracks]) == []


async def test_an_order_that_kills_its_workers_ends_with_a_person_and_blocks_nobody(there: Site) -> None:
    poison = Track(there, 1, PLAIN)
    redis = there.valkey.client(poison.db)
    order = f"bridge:order:{poison.sale.key}"
    await poison.start(Role.WEB)
    for at in range(len(poison.sale.deliveries)):
        await acknowledged(poison, at)
    deaths, began = 0, time.monotonic()

    async def supervise() -> None:
        nonlocal deaths
        while True:
            worker = await poison.start(Role.WORKER, BRIDGE_CRASH_AT=f"sync.fold@{poison.sale.key}")
            assert await worker.died(120) == -9
            deaths += 1

    supervising = asyncio.create_task(supervise())
    neighbours = 0
    while await redis.hget(order, "state") != b"attention":
        assert time.monotonic() - began < 90, f"{deaths} deaths and still no person is asked"
        neighbours += 1
        neighbour = Track(there, 1 + neighbours, PLAIN, home=poison)
        for at in range(len(neighbour.sale.deliveries)):
            await acknowledged(neighbour, at)
        await until(neighbour.is_done, "the neighbour is done")
        # The lease of the dead need not run out each time.
        await redis.delete(f"bridge:lease:{poison.sale.key}")
        await redis.zadd("bridge:due", {poison.sale.key: 0}, xx=True)
    supervising.cancel()
    print(f"poison: a person is asked after {deaths} deaths; {neighbours} neighbours were done meanwhile")
    assert deaths == 5
    assert neighbours >= 1
    assert b'"code":"worker_died","facts":{"times":"5"}' in await redis.hget(order, "reason")
    await redis.aclose()
