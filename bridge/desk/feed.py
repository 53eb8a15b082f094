"""What happened lately, from the stream that every script of the store adds to (`tell` in common.lua)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from redis.asyncio import Redis

from bridge.desk.values import Happening, Page
from bridge.reasons import reason_from
from bridge.store.store import PREFIX
from bridge.valkey.scripts import redis_errors

FEED: Final = f"{PREFIX}feed"


async def last_of(redis: Redis, limit: int) -> list[Happening]:
    """The last entries, oldest first. Raises StoreUnavailable, as all here."""
    with redis_errors("feed"):
        entries = await redis.xrevrange(FEED, count=limit)
    return _happenings(entries[::-1])


async def after(redis: Redis, entry: str, limit: int, wait_ms: int) -> list[Happening]:
    """What came after an entry, oldest first. `wait_ms`: so long for something to come."""
    with redis_errors("feed"):
        answer = await redis.xread({FEED: entry}, count=limit, block=wait_ms or None)
    return _happenings(answer[0][1] if answer else [])


async def page_of(
    redis: Redis, since: datetime | None, until: datetime | None, cursor: str, limit: int
) -> Page[Happening]:
    """One page of what happened between two moments, newest first."""
    newest = _ms(until) if until else "+"
    if re.fullmatch(r"\d{1,16} \d{1,16}", cursor):
        newest = f"({cursor.replace(' ', '-')}"
    oldest = _ms(since) if since else "-"
    with redis_errors("feed"):
        entries = await redis.xrevrange(FEED, max=newest, min=oldest, count=limit + 1)
    rows = _happenings(entries[:limit])
    more = rows[-1].id.replace("-", " ") if len(entries) > limit else ""
    return Page(rows=tuple(rows), cursor=more)


def _ms(moment: datetime) -> str:
    return str(max(0, int(moment.timestamp() * 1000)))


def _happenings(entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Happening]:
    return [
        Happening(
            id=entry.decode(),
            at=datetime.fromtimestamp(int(entry.partition(b"-")[0]) / 1000, UTC),
            order_key=fields.get(b"order", b"").decode(),
            what=fields.get(b"what", b"").decode(),
            text=reason_from(fields.get(b"text", b"").decode()),
        )
        for entry, fields in entries
    ]
