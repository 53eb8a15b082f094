"""`python -m tests.cents [N]`: under each rule, known or not, what becomes of N carts of each platform."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import structlog
from redis.asyncio import Redis

from bridge.valkey.embedded import EmbeddedValkey
from tests.cents.living import ORDINARY, OUTLANDISH, Tally, live


async def tell(url: str, carts: int) -> int:
    """The table. 1 if a final document is wrong, or more than 2 % ask under an ordinary rule."""
    redis, bad = Redis.from_url(url), False
    print(f"{'':24}{'':26}{'known':>14}{'orders':>8}{'final':>7}{'wrong':>7}{'held':>8}{'calls':>7}")
    for title, rule in {**ORDINARY, **OUTLANDISH}.items():
        for calibrated in (False, True):
            await redis.flushall()
            tally = await live(url, rule, calibrated=calibrated, carts=carts)
            bad |= tally.wrong > 0 or (title in ORDINARY and tally.held_share > 0.02)
            print(_row(title, rule, tally, calibrated), flush=True)
    await redis.aclose()
    return int(bad)


def _row(title: str, rule: str, tally: Tally, calibrated: bool) -> str:
    known = ("" if tally.known == rule else tally.known) or "yes"
    return (
        f"{title:24}{rule if not calibrated else '  calibrated':26}{known:>14}{tally.orders:>8}"
        f"{tally.right + tally.wrong:>7}{tally.wrong:>7}{tally.held_share:>8.1%}{tally.calls_each:>7.2f}"
    )


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as data, EmbeddedValkey(Path(data)) as valkey:
        sys.exit(asyncio.run(tell(valkey.url, int(sys.argv[1]) if len(sys.argv) > 1 else 50)))
