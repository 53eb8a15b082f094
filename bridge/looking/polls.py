"""Where the polls of each shop stand, in Redis: one worker polls a shop at a time."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from redis.asyncio import Redis

from bridge.reasons import NO_REASON, Reason, reason_from
from bridge.store.store import PREFIX
from bridge.store.values import moment
from bridge.valkey.scripts import COMMON, Scripts, redis_errors

TERM: Final = timedelta(seconds=120)
"""How long a worker may be silent before another takes its poll over."""


@dataclass(frozen=True, slots=True)
class PollState:
    """`cursor`: all that changed before, by the platform's clock, is known. `polled`: when the last good poll
    ended; `problem`: why those since `failing_since` failed."""

    cursor: datetime | None = None
    polled: datetime | None = None
    problem: Reason = NO_REASON
    failing_since: datetime | None = None


class Polls:
    """All raise StoreUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis, "looking", ("begin_poll", "extend_poll", "end_poll"), COMMON)

    async def begin(self, shop: str, token: str) -> tuple[timedelta, datetime | None]:
        """How long this shop need not be polled; when that is nothing, it is ours, from this cursor on."""
        wait, *cursor = await self._scripts.run("begin_poll", token, TERM, keys=[_key(shop)])
        return timedelta(milliseconds=wait), _read(cursor[0]) if cursor else None

    async def extend(self, shop: str, token: str) -> bool:
        """We are still at it; False when another worker is."""
        return bool(await self._scripts.run("extend_poll", token, TERM, keys=[_key(shop)]))

    async def end(
        self, shop: str, token: str, *, again: timedelta, cursor: datetime | None, problem: Reason
    ) -> None:
        """It is over: well, up to `cursor`, or not, because of `problem`."""
        moved = cursor.isoformat() if cursor else ""
        why = problem.as_json() if problem else ""
        await self._scripts.run("end_poll", token, again, moved, why, keys=[_key(shop)])

    async def state(self, shop: str) -> PollState:
        """Where it stands."""
        with redis_errors("poll"):
            found = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(_key(shop)))
        return PollState(
            cursor=_read(found.get(b"cursor", b"")),
            polled=moment(found.get(b"polled")),
            problem=reason_from(found.get(b"problem", b"").decode()),
            failing_since=moment(found.get(b"failing_since")),
        )


def _key(shop: str) -> str:
    return f"{PREFIX}poll:{shop}"


def _read(cursor: bytes) -> datetime | None:
    return datetime.fromisoformat(cursor.decode()).astimezone(UTC) if cursor else None
