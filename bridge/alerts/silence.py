"""A shop's weekly rhythm, and whether its silence fits in. Pure.

Events come in bursts (an order is several of them) and by the hour of the week. Each hour of the week has its
mean; how much the hours scatter around it says how many events make one independent arrival. A shop is silent
when so many arrivals are missing that chance alone would do that once in two years.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import log
from typing import Final

from bridge.orders import PARIS

NEEDED: Final = timedelta(weeks=2)
"""With less history nothing is judged."""
HISTORY: Final = timedelta(weeks=4)
SHORTEST: Final = timedelta(minutes=30)
"""A shorter silence is never worth a call, however busy the shop."""
LEAST: Final = 8.0
"""So many arrivals must be missing at the least: chance does that once in 3000 silences."""
QUIET_HOURS: Final = 2 * 365 * 24
"""Hours between two false alarms of a shop, at the most often."""


@dataclass(frozen=True, slots=True)
class Silence:
    """`missing`: arrivals that the rhythm had led to expect since the last event; `limit`: too many."""

    missing: float
    limit: float

    @property
    def strange(self) -> bool:
        """More than chance explains."""
        return self.missing > self.limit


def hour_of(moment: datetime) -> int:
    """The whole hours since 1970."""
    return int(moment.timestamp()) // 3600


@lru_cache(maxsize=8192)
def _slot(hour: int) -> int:
    """The hour of the week in Paris, 0 on Monday at midnight."""
    local = datetime.fromtimestamp(hour * 3600, UTC).astimezone(PARIS)
    return local.weekday() * 24 + local.hour


def silence_of(counts: Mapping[int, int], last_event: datetime, now: datetime) -> Silence | None:
    """What the shop's rhythm says of the time since `last_event`.

    `counts`: events by `hour_of`, hours without any left out. None when the silence is short, or when there
    are less than two weeks of history before it.
    """
    if now - last_event < SHORTEST or not counts:
        return None
    end = hour_of(last_event)
    begin = max(min(counts) + 1, end - _hours(HISTORY))
    if end - begin < _hours(NEEDED):
        return None
    by_slot: dict[int, list[int]] = defaultdict(list)
    for hour in range(begin, end):
        by_slot[_slot(hour)].append(counts.get(hour, 0))
    means = {slot: sum(seen) / len(seen) for slot, seen in by_slot.items()}
    burst = _burst(by_slot, means)
    per_hour = sum(means.values()) / len(means) / burst
    missing = sum(means[_slot(hour)] * part for hour, part in _parts(last_event, now)) / burst
    # A mean of few weeks is uncertain itself: the chance of nothing is (w / (w + 1)) ** (w * missing), not
    # exp(-missing) (a Poisson count whose rate was learnt from w weeks).
    weeks = (end - begin) / 168
    missing *= weeks * log(1 + 1 / weeks)
    return Silence(missing, max(LEAST, log(max(1.0, per_hour * QUIET_HOURS))))


def _hours(span: timedelta) -> int:
    return int(span.total_seconds()) // 3600


def _burst(by_slot: Mapping[int, list[int]], means: Mapping[int, float]) -> float:
    """Events that come together: Pearson's dispersion, 1 when each comes on its own."""
    scatter, freedom = 0.0, 0
    for slot, seen in by_slot.items():
        if means[slot]:
            scatter += sum((count - means[slot]) ** 2 for count in seen) / means[slot]
            freedom += len(seen) - 1
    return max(1.0, scatter / freedom) if freedom else 1.0


def _parts(begin: datetime, end: datetime) -> list[tuple[int, float]]:
    """The hours between two moments, each with the part of it that lies between them."""
    first, last = begin.timestamp() / 3600, end.timestamp() / 3600
    return [(hour, min(hour + 1, last) - max(hour, first)) for hour in range(int(first), int(last) + 1)]
