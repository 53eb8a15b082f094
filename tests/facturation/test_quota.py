"""The shared quota, against a real Valkey. Time passes by moving the stored times back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.errors import QuotaReached, StoreUnavailable
from bridge.facturation.quota import Failure, Lane, Permit, Quota, standing_failure
from bridge.reasons import NO_REASON, because
from bridge.texts import text_of

FIRM = 7
LOG, DAY, LEARNT, PAUSE = (f"bridge:quota:{FIRM}:{name}" for name in ("log", "day", "learnt", "pause"))


async def never_sleep(seconds: float) -> None:
    raise AssertionError(f"slept {seconds} s")


def quota_of(
    redis: Redis, *, per_5_minutes: int = 600, per_day: int = 10_000, sleep: Any = never_sleep
) -> Quota:
    return Quota(redis, firm_id=FIRM, per_5_minutes=per_5_minutes, per_day=per_day, sleep=sleep)


async def take_all(quota: Quota, lane: Lane = Lane.LIVE) -> tuple[int, float]:
    """Permits until one is refused, and for how long that one must wait."""
    for taken in range(100_000):
        try:
            await quota.take(lane)
        except QuotaReached as reached:
            return taken, reached.after or 0.0
    raise AssertionError("never refused")


async def pass_time(
    redis: Any,  # redis-py types its commands for sync and async at once
    seconds: float,
) -> None:
    ms = int(seconds * 1000)
    entries = await redis.zrange(LOG, 0, -1, withscores=True)
    if entries:
        await redis.zadd(LOG, {member: score - ms for member, score in entries})
    for name, value in (await redis.hgetall(LEARNT)).items():
        if name.endswith(b"_at"):
            await redis.hset(LEARNT, name, int(value) - ms)
    day = await redis.hgetall(DAY)
    minutes = round(seconds / 60)
    if day and minutes:
        moved = {
            int(name) - minutes if name.isdigit() else name: int(value) - minutes
            if name == b"first"
            else value
            for name, value in day.items()
        }
        await redis.delete(DAY)
        await redis.hset(DAY, mapping=moved)
    until = await redis.get(PAUSE)
    if until:
        left = await redis.pttl(PAUSE) - ms
        await redis.delete(PAUSE)
        if left > 0:
            await redis.set(PAUSE, int(until) - ms, px=left)


@pytest.mark.parametrize(("lane", "permits"), [(Lane.LIVE, 582), (Lane.RETRY, 510), (Lane.BACKFILL, 300)])
async def test_each_lane_has_its_share_of_five_minutes(redis: Redis, lane: Lane, permits: int) -> None:
    taken, after = await take_all(quota_of(redis), lane)
    assert taken == permits
    assert 250 < after <= 300


async def test_lanes_share_one_window(redis: Redis) -> None:
    quota = quota_of(redis)
    await take_all(quota, Lane.BACKFILL)
    assert (await take_all(quota, Lane.RETRY))[0] == 210
    assert (await take_all(quota, Lane.LIVE))[0] == 72


async def test_a_burst_of_400_from_many_workers_goes_at_once(redis: Redis) -> None:
    quotas = [quota_of(redis) for _ in range(8)]
    permits = await asyncio.gather(*(quotas[n % 8].take() for n in range(400)))
    assert len(permits) == 400
    assert (await quotas[0].state())["left_five"] == 200


async def test_many_workers_together_never_get_more_than_the_share(redis: Redis) -> None:
    quotas = [quota_of(redis, per_5_minutes=100) for _ in range(5)]
    results = await asyncio.gather(*(quotas[n % 5].take() for n in range(200)), return_exceptions=True)
    assert sum(isinstance(result, Permit) for result in results) == 97
    assert sum(isinstance(result, QuotaReached) for result in results) == 103
    assert (await quotas[0].state())["refused"] == 103


async def test_a_permit_comes_back_when_its_own_five_minutes_are_over(redis: Redis) -> None:
    quota = quota_of(redis, per_5_minutes=10)
    await quota.take()
    await pass_time(redis, 100)
    taken, after = await take_all(quota)
    assert taken == 8
    assert after == pytest.approx(200, abs=5)
    await pass_time(redis, 195)
    assert (await take_all(quota))[0] == 0
    await pass_time(redis, 6)
    assert (await take_all(quota))[0] == 1


async def test_the_day_is_limited_too_and_comes_back(redis: Redis) -> None:
    quota = quota_of(redis, per_5_minutes=100, per_day=200)
    assert (await take_all(quota))[0] == 97
    await pass_time(redis, 3600)
    assert (await take_all(quota))[0] == 97
    await pass_time(redis, 3600)
    taken, after = await take_all(quota, Lane.BACKFILL)
    assert (taken, 20 * 3600 < after <= 24 * 3600) == (0, True)
    assert (await take_all(quota))[0] == 0
    await pass_time(redis, after + 60)
    assert (await quota.state())["left_day"] == 103
    assert (await take_all(quota))[0] == 97


async def test_the_day_stays_small(redis: Any) -> None:
    quota = quota_of(redis)
    for _ in range(40):
        await quota.take()
        await pass_time(redis, 3600)
    await quota.take()
    assert await redis.hlen(DAY) <= 25 + 3
    assert await redis.hget(DAY, "total") == b"25"  # the minute 24 hours ago still counts


async def test_after_two_idle_days_nothing_is_left_of_the_day(redis: Any) -> None:
    quota = quota_of(redis)
    await take_all(quota)
    await pass_time(redis, 3 * 86_400)
    await quota.take()
    assert await redis.hget(DAY, "total") == b"1"


@pytest.mark.parametrize("seed", range(5))
async def test_a_sliding_server_never_sees_more_than_its_limit(redis: Redis, seed: int) -> None:
    """Random traffic through the quota, counted by an exact sliding window."""
    chance, began = random.Random(seed), time.monotonic()
    passed, seen = 0.0, list[float]()

    async def sleep(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        await pass_time(redis, seconds)

    quota = quota_of(redis, per_5_minutes=50, per_day=100_000, sleep=sleep)
    for _ in range(40):
        for _ in range(chance.choice([1, 3, 20, 60])):
            try:
                await quota.take()
            except QuotaReached:
                break
            now = passed + time.monotonic() - began
            seen.append(now)
            assert sum(at > now - 300 for at in seen) <= 50
        await sleep(chance.choice([1, 10, 60, 299, 301]))
    assert len(seen) > 200


async def test_a_short_wait_is_slept(redis: Redis) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await pass_time(redis, seconds)

    quota = quota_of(redis, per_5_minutes=10, sleep=sleep)
    await take_all(quota_of(redis, per_5_minutes=10))
    await pass_time(redis, 299)
    await quota.take()
    assert slept
    assert sum(slept) <= 2


async def test_short_waits_do_not_add_up(redis: Redis) -> None:
    """Where others are always faster, the schedule takes over."""
    slept: list[float] = []

    async def sleep_in_vain(seconds: float) -> None:
        slept.append(seconds)
        assert sum(slept) <= 2

    await take_all(quota_of(redis, per_5_minutes=10))
    await pass_time(redis, 298.5)
    with pytest.raises(QuotaReached):
        await quota_of(redis, per_5_minutes=10, sleep=sleep_in_vain).take()
    assert slept


async def test_everyone_waits_after_429(redis: Redis) -> None:
    quota, other = quota_of(redis), quota_of(redis)
    await quota.pause(30)
    await quota.pause(5)  # the longest holds
    with pytest.raises(QuotaReached) as reached:
        await other.take()
    assert reached.value.after == pytest.approx(30, abs=1)
    state = await other.state()
    assert state["paused_until"] is not None
    assert state["throttled"] == 2
    await pass_time(redis, 31)
    await other.take()
    assert (await other.state())["paused_until"] is None


async def test_a_lower_real_limit_is_obeyed_and_forgotten_when_it_rises(redis: Redis) -> None:
    quota = quota_of(redis)
    await quota.learn(await quota.take(), 100, 99)
    assert (await quota.state())["limit_five"] == 100
    assert (await take_all(quota))[0] == 96
    await quota.learn(Permit(10**13), 600, 503)
    assert (await quota.state())["limit_five"] == 600
    assert (await quota.state())["limit_day"] == 10_000


async def test_a_lower_limit_that_nobody_repeats_heals(redis: Redis) -> None:
    quota = quota_of(redis)
    await quota.learn(await quota.take(), 100, 99)
    await pass_time(redis, 3601)
    assert (await quota.state())["limit_five"] == 600


async def test_headers_about_the_day_move_only_the_day(redis: Redis) -> None:
    quota = quota_of(redis)
    await quota.learn(await quota.take(), 10_000, 4_000)
    state = await quota.state()
    assert (state["limit_five"], state["left_five"]) == (600, 599)
    assert (state["limit_day"], state["left_day"]) == (10_000, 4_999)  # at most half is believed
    await quota.learn(await quota.take(), 5_000, 4_990)
    assert (await quota.state())["limit_day"] == 5_000


@pytest.mark.parametrize(("limit", "remaining"), [(0, 0), (1200, 3)])
async def test_headers_that_mean_nothing_known_change_nothing(
    redis: Redis, limit: int, remaining: int
) -> None:
    quota = quota_of(redis)
    await quota.learn(await quota.take(), limit, remaining)
    state = await quota.state()
    assert (state["limit_five"], state["left_five"]) == (600, 599)
    assert (state["limit_day"], state["left_day"]) == (10_000, 9_999)


async def test_uses_by_others_are_respected_and_given_back(redis: Redis) -> None:
    quota = quota_of(redis)
    await quota.learn(await quota.take(), 600, 399)
    assert (await quota.state())["foreign_five"] == 200
    assert (await take_all(quota, Lane.BACKFILL))[0] == 99
    await quota.learn(await quota.take(), 600, 499)
    assert (await quota.state())["foreign_five"] == 0


async def test_uses_by_others_are_forgotten_after_a_minute(redis: Redis) -> None:
    quota = quota_of(redis)
    await quota.learn(await quota.take(), 600, 399)
    await pass_time(redis, 61)
    assert (await quota.state())["left_five"] == 599


async def test_others_cannot_starve_us(redis: Redis) -> None:
    """A header that always says "nothing left" takes half at the most."""
    quota = quota_of(redis)
    await quota.learn(await quota.take(), 600, 0)
    assert (await quota.state())["foreign_five"] == 300
    assert (await take_all(quota))[0] == 281


async def test_our_own_requests_under_way_are_not_taken_for_others(redis: Redis) -> None:
    quota = quota_of(redis)
    first = await quota.take()
    for _ in range(99):
        await quota.take()
    await quota.learn(first, 600, 500)  # the server has already counted all hundred
    assert (await quota.state())["foreign_five"] == 0


async def test_a_slow_answer_after_a_burst_slid_out_is_not_taken_for_others(redis: Redis) -> None:
    quota = quota_of(redis)
    for _ in range(400):
        await quota.take()
    await pass_time(redis, 290)
    permit = await quota.take()
    await pass_time(redis, 15)  # meanwhile the burst leaves the window
    await quota.learn(Permit(permit.at - 15_000), 600, 199)
    assert (await quota.state())["foreign_five"] == 0


async def test_health_knows_the_last_success_and_failure(redis: Redis) -> None:
    quota = quota_of(redis)
    assert (await quota.state())["last_success"] is None
    await quota.note_success()
    reason = because("credentials_refused", call="GET /account.json")
    await quota.note_failure(Failure.REFUSED, reason)
    state = await quota.state()
    assert state["last_success"] is not None
    assert state["last_failure"] is not None
    assert (state["last_failure_kind"], state["last_failure_reason"]) == (Failure.REFUSED, reason)
    await quota.note_success()
    assert ((await quota.state())["last_success"] or state["last_failure"]) >= state["last_failure"]


async def test_a_failure_that_an_earlier_version_wrote_is_still_read(redis: Any) -> None:
    await redis.hset(
        f"bridge:quota:{FIRM}:health",
        mapping={"last_failure": 1_700_000_000_000, "last_failure_reason": "Facturation.pro is in trouble"},
    )
    state = await quota_of(redis).state()
    assert standing_failure(state) is Failure.UNREACHABLE
    assert text_of(state["last_failure_reason"]) == "Facturation.pro is in trouble"


async def test_one_round_trip_per_permit(redis: Redis) -> None:
    quota = quota_of(redis)
    await quota.take()  # loads the script
    await redis.config_resetstat()
    for _ in range(10):
        await quota.take()
    assert (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] == 10


async def test_two_firms_do_not_share(redis: Redis) -> None:
    await take_all(quota_of(redis, per_5_minutes=10))
    await Quota(redis, firm_id=8, per_5_minutes=10, sleep=never_sleep).take()


async def test_without_redis_no_permit_but_no_answer_is_lost() -> None:
    away = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.5)
    quota = quota_of(away)
    with pytest.raises(StoreUnavailable):
        await quota.take()
    with pytest.raises(StoreUnavailable):
        await quota.state()
    after_an_answer: list[Callable[[], Awaitable[None]]] = [
        lambda: quota.learn(Permit(0), 600, 1),
        lambda: quota.pause(1),
        quota.note_success,
        lambda: quota.note_failure(Failure.UNREACHABLE, NO_REASON),
    ]
    for report in after_an_answer:
        await report()
    await away.aclose()
