"""Facturation.pro's request quota, shared by every worker through Redis.

600 requests per 5 minutes and 10,000 a day (https://facturation.github.io/, "Limitations"). An exact sliding
log for the five minutes and one counter per minute for the day: fixed windows let twice the limit through at
their edges. One atomic script (`lua/quota.lua`), one round trip per permit, Redis' own clock.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, cast

import structlog
from redis.asyncio import Redis
from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

from bridge.errors import QuotaReached, StoreUnavailable
from bridge.reasons import Reason, because, reason_from
from bridge.valkey.scripts import Scripts

log = structlog.get_logger(__name__)


class Lane(StrEnum):
    """Whose requests go first when the quota gets short."""

    LIVE = "live"
    RETRY = "retry"
    BACKFILL = "backfill"


SHARES: Final[Mapping[Lane, float]] = {
    # The last 3 % absorb jitter: the API counts a request when it arrives, we when it leaves.
    Lane.LIVE: 0.97,
    # An order that failed before leaves room for those that have not been tried at all.
    Lane.RETRY: 0.85,
    # History can wait: half of every window stays free for today's orders.
    Lane.BACKFILL: 0.50,
}


class Failure(StrEnum):
    """Why nobody's request gets through: 429, refused credentials or rights, or no usable answer."""

    THROTTLED = "throttled"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


LONGEST_SLEEP: Final = 2.0
"""Seconds that `take` sleeps at the most; a longer wait is given back to the schedule."""
SUCCESS_EVERY: Final = 1.0
"""Seconds between two notes of success by one process: health needs no more."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one request, given `at` (milliseconds of Redis' clock)."""

    at: int


class QuotaState(TypedDict):
    """Where the quota stands. `left_*`: of the whole window, the reserve included; `foreign_*`: requests of
    the same quota that are not ours; `refused`: permits refused here; `throttled`: 429 answers."""

    limit_five: int
    limit_day: int
    left_five: int
    left_day: int
    foreign_five: int
    foreign_day: int
    paused_until: datetime | None
    refused: int
    throttled: int
    last_success: datetime | None
    last_failure: datetime | None
    last_failure_kind: Failure
    last_failure_reason: Reason


def standing_failure(quota: QuotaState) -> Failure | None:
    """The kind of the last failure, unless a good answer came after it."""
    good, bad = quota["last_success"], quota["last_failure"]
    return quota["last_failure_kind"] if bad and (good is None or bad > good) else None


class Quota:
    """The quota of one firm. `take` before each request; the rest keeps it true to what the API says.

    Only `take` and `state` raise StoreUnavailable. The others come after an answer, which must not be lost
    because Redis was away: they log a warning instead.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        firm_id: int,
        per_5_minutes: int = 600,
        per_day: int = 10_000,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        prefix = f"bridge:quota:{firm_id}"
        self._keys = [f"{prefix}:{name}" for name in ("log", "day", "learnt", "pause", "health")]
        self._limits = (per_5_minutes, per_day)
        self._scripts = Scripts(redis, "facturation", ("quota",))
        self._sleep = sleep
        self._success_noted = float("-inf")

    async def take(self, lane: Lane = Lane.LIVE) -> Permit:
        """Returns when one request may go out; every request counts, searches too.

        Raises QuotaReached when that takes longer than LONGEST_SLEEP, StoreUnavailable without Redis.
        """
        patience = LONGEST_SLEEP
        while True:
            wait_ms, at = await self._run("take", SHARES[lane], int(patience * 1000))
            if not wait_ms:
                return Permit(at)
            wait = wait_ms / 1000
            if wait > patience:
                raise QuotaReached(
                    because("quota_reached", lane=lane.value, seconds=f"{wait:.0f}"), after=wait
                )
            patience -= wait
            await self._sleep(wait)

    async def learn(self, permit: Permit, limit: int, remaining: int) -> None:
        """Takes in the X-RateLimit headers of the answer to `permit`'s request."""
        await self._report("learn", permit.at, limit, remaining)

    async def pause(self, seconds: float) -> None:
        """Nobody sends for so long: the API answered 429."""
        await self._report("pause", max(1, int(seconds * 1000)))

    async def note_success(self) -> None:
        """Facturation.pro answered well just now."""
        if time.monotonic() - self._success_noted >= SUCCESS_EVERY:
            self._success_noted = time.monotonic()
            await self._report("note_success")

    async def note_failure(self, kind: Failure, reason: Reason) -> None:
        """Facturation.pro cannot be reached, or refuses everyone."""
        self._success_noted = float("-inf")
        await self._report("note_failure", kind, reason.as_json())

    async def state(self) -> QuotaState:
        """Where the quota stands. Raises StoreUnavailable."""
        said: dict[str, Any] = json.loads(await self._run("state"))
        times = ("paused_until", "last_success", "last_failure")
        known = {
            **said,
            **{name: _time(said.get(name)) for name in times},
            # An earlier version wrote a sentence, and no kind.
            "last_failure_kind": Failure(said.get("last_failure_kind", Failure.UNREACHABLE)),
            "last_failure_reason": reason_from(said.get("last_failure_reason", "")),
        }
        return cast("QuotaState", known)

    async def _run(self, command: str, *args: str | float) -> Any:
        return await self._scripts.run("quota", command, *self._limits, *args, keys=self._keys)

    async def _report(self, command: str, *args: str | float) -> None:
        try:
            await self._run(command, *args)
        except StoreUnavailable as exc:
            log.warning("the quota was not told", step=command, reason=str(exc))


def _time(milliseconds: str | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
