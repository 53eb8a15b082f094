"""The system in figures: hours, shops, times from an order's turn to its invoice. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

from bridge.desk.rows import text
from bridge.desk.values import OrderRow, State
from bridge.facturation.quota import QuotaState
from bridge.orders import PARIS

HOURS: Final = 192

Counted = dict[int, dict[str, int]]
"""Hour since 1970 → counter → value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What happened in the hour that began at `start`. `latency_ms`: mean, from an order's turn to its
    invoice, None without invoices."""

    start: datetime
    events: int = 0
    done: int = 0
    invoices: int = 0
    attention: int = 0
    api_calls: int = 0
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopStats:
    """One shop. Today begins at midnight in Paris; the week is today and the six days before."""

    events_today: int = 0
    events_week: int = 0
    invoices_today: int = 0
    invoices_week: int = 0
    last_event: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The system in figures. `orders`: per state now, in_hand counted under waiting. `hours`: the last 192,
    oldest first, without gaps. `latency`: 50, 95, 99 → at most so many ms over the last 24 hours (None: over
    five minutes); empty without invoices. `oldest`: the order that waits longest, and since when."""

    now: datetime
    orders: Mapping[State, int]
    hours: tuple[Hour, ...]
    shops: Mapping[str, ShopStats]
    latency: Mapping[int, int | None]
    oldest: OrderRow | None
    oldest_since: datetime | None
    quota: QuotaState


def counted(answer: Sequence[Sequence[bytes]]) -> Counted:
    """The hours of desk/lua/stats.lua."""
    found = {}
    for hour, *fields in answer:
        pairs = zip(fields[::2], fields[1::2], strict=True)
        found[int(hour)] = {text(name): int(value) for name, value in pairs}
    return found


def hours_of(counts: Counted, now: datetime) -> tuple[Hour, ...]:
    """The last HOURS hours, without gaps."""
    this = int(now.timestamp()) // 3600
    return tuple(_hour(hour, counts.get(hour, {})) for hour in range(this - HOURS + 1, this + 1))


def _hour(hour: int, fields: dict[str, int]) -> Hour:
    def over_shops(name: str) -> int:
        return sum(value for field, value in fields.items() if field.startswith(f"{name}:"))

    invoices = over_shops("invoices")
    return Hour(
        start=datetime.fromtimestamp(hour * 3600, UTC),
        events=over_shops("events"),
        done=over_shops("done"),
        invoices=invoices,
        attention=over_shops("attention"),
        api_calls=fields.get("api_calls", 0),
        latency_ms=fields.get("latency", 0) / invoices if invoices else None,
    )


def shop_stats(counts: Counted, shop: str, last_event: datetime | None, now: datetime) -> ShopStats:
    """One shop's figures; days are those of Paris."""
    today = _midnight(now)
    week = _midnight(now - timedelta(days=6))

    def since(start: datetime, name: str) -> int:
        first = int(start.timestamp()) // 3600
        return sum(fields.get(f"{name}:{shop}", 0) for hour, fields in counts.items() if hour >= first)

    return ShopStats(
        events_today=since(today, "events"),
        events_week=since(week, "events"),
        invoices_today=since(today, "invoices"),
        invoices_week=since(week, "invoices"),
        last_event=last_event,
    )


def _midnight(at: datetime) -> datetime:
    return at.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0)


def percentiles(counts: Counted, now: datetime) -> dict[int, int | None]:
    """50, 95, 99 → the step of release.lua's histogram that holds it, over the last 24 hours."""
    first = int(now.timestamp()) // 3600 - 23
    steps: Counter[str] = Counter()
    for hour, fields in counts.items():
        if hour >= first:
            found = {name.removeprefix("latency:"): n for name, n in fields.items() if "latency:" in name}
            steps.update(found)
    bounds = sorted(steps, key=lambda step: math.inf if step == "more" else int(step))
    reached = list(accumulate(steps[bound] for bound in bounds))
    if not reached:
        return {}
    held_by = {percent: bounds[bisect_left(reached, reached[-1] * percent / 100)] for percent in (50, 95, 99)}
    return {percent: None if bound == "more" else int(bound) for percent, bound in held_by.items()}
