"""How long it takes until everything goes on, measured. The limits are generous, the figures are printed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from signal import SIGCONT, SIGSTOP, SIGTERM

import pytest

from tests.chaos.audit import violations
from tests.chaos.crash_sweep import Journey, Role, Track
from tests.worlds.ports import free_port
from tests.worlds.site import Site, site
from tests.worlds.waiting import until

pytestmark = pytest.mark.timeout(180)
PLAIN = Journey(name="plain")


@pytest.fixture
async def there() -> AsyncIterator[Site]:
    async with site(settle=1) as built:
        yield built


async def acknowledged(track: Track, at: int) -> float:
    """Until the shop is told 200, in seconds."""

    async def once() -> bool:
        return await track.deliver(track.sale.deliveries[at])

    return await until(once, "the delivery is acknowledged")


async def done(track: Track) -> None:
    problem = await track.wait_until_done(30)
    assert not problem, problem


async def test_an_order_whose_worker_was_killed_is_taken_up_within_ten_seconds(there: Site) -> None:
    track = Track(there, 1, PLAIN)
    await track.start(Role.WEB)
    heir = await track.start(Role.WORKER)
    await acknowledged(track, 0)
    heir.signal(SIGSTOP)
    victim = await track.start(Role.WORKER, BRIDGE_CRASH_AT="sync.act.CreateInvoice")
    await acknowledged(track, 1)
    assert await victim.died(20) == -9
    began = time.monotonic()
    heir.signal(SIGCONT)
    await done(track)
    seconds = time.monotonic() - began
    print(f"worker killed in mid-job: its order done by another after {seconds:.1f} s")
    assert seconds <= 10
    assert violations(await there.state(), [track.sale]) == []


async def test_redis_restarts_and_nothing_else_has_to(there: Site) -> None:
    track = Track(there, 1, PLAIN)
    web, worker = await track.start(Role.WEB), await track.start(Role.WORKER)
    await acknowledged(track, 0)
    await there.valkey.kill()
    refusals = 0
    for _ in range(10):
        began = time.monotonic()
        assert await track.status(track.sale.deliveries[1]) == 503
        assert time.monotonic() - began < 4, "a shop waits 5 s"
        refusals += 1
        await asyncio.sleep(0.2)
    await there.valkey.start()
    began = time.monotonic()
    web_seconds = await acknowledged(track, 1)
    await done(track)
    seconds = time.monotonic() - began
    print(
        f"Redis back: the web stores again after {web_seconds:.2f} s, the order is done after {seconds:.1f} s"
        f" ({refusals} times 503 before)"
    )
    assert web_seconds <= 3
    assert seconds <= 15
    assert web.alive
    assert worker.alive
    assert violations(await there.state(), [track.sale]) == []


async def test_redis_stands_still_and_goes_on(there: Site) -> None:
    track = Track(there, 1, PLAIN)
    web, worker = await track.start(Role.WEB), await track.start(Role.WORKER)
    await acknowledged(track, 0)
    assert there.valkey.process
    there.valkey.process.signal(SIGSTOP)
    began = time.monotonic()
    assert await track.status(track.sale.deliveries[1]) == 503
    refused = time.monotonic() - began
    there.valkey.process.signal(SIGCONT)
    seconds = await acknowledged(track, 1)
    await done(track)
    print(f"Redis stands still: 503 after {refused:.1f} s; goes on: stored again after {seconds:.2f} s")
    assert refused < 4, "a shop waits 5 s"
    assert (web.alive, worker.alive) == (True, True)
    assert violations(await there.state(), [track.sale]) == []


@pytest.mark.parametrize(
    ("place", "answer"), [("store.record.before", "accepted"), ("store.record.after", "duplicate")]
)
async def test_a_web_dies_and_the_shop_sends_again(there: Site, place: str, answer: str) -> None:
    track = Track(there, 1, PLAIN)
    web = await track.start(Role.WEB, BRIDGE_CRASH_AT=f"{place}:2")
    worker = await track.start(Role.WORKER)
    await acknowledged(track, 0)
    assert not await track.deliver(track.sale.deliveries[1])
    assert await web.died(5) == -9
    began = time.monotonic()
    await track.start(Role.WEB)
    await acknowledged(track, 1)
    seconds = time.monotonic() - began
    assert track.said == answer
    await done(track)
    print(f"web killed at {place}: the shop's retry is {answer} {seconds:.2f} s after the new start")
    assert worker.alive
    assert violations(await there.state(), [track.sale]) == []


async def test_a_process_told_to_stop_while_it_starts_does(there: Site) -> None:
    """Each at another moment of its start: a lost cancellation has kept some of them alive for ever."""

    async def started_and_stopped(n: int) -> int:
        name = f"brief-{n}"
        child = await (there.start_web(name, free_port()) if n % 2 else there.start_worker(name))
        await asyncio.sleep(0.15 + 0.015 * n)
        child.signal(SIGTERM)
        code = await child.died(20)
        assert code in (0, -SIGTERM), child.words()
        return code

    codes = await asyncio.gather(*map(started_and_stopped, range(32)))
    assert 0 in codes, "none of them was far enough to hear the signal"
