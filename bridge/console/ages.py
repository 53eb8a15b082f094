"""How old the shown things are: the choices of the list of orders, and the hours that people type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.orders import PARIS

AGES: Final[Mapping[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "over-1h": timedelta(hours=1),
    "over-24h": timedelta(days=1),
    "over-7d": timedelta(days=7),
}
"""Choice → its limit; over-…: older than that, the others: at most so old."""


def between(age: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Since when and until when things of this age happened; None where there is no limit."""
    if age not in AGES:
        return None, None
    limit = now - AGES[age]
    return (None, limit) if age.startswith("over-") else (limit, None)


def moment_in(written: str) -> datetime | None:
    """The time of the clock in France that a `datetime-local` field holds; None when it holds none."""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
