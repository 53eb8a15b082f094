"""How people write times in a terminal: so long ago, an hour of the clock, or a date with it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from bridge.errors import ConfigurationError

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def window(since: str, until: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    """From when until when, None for no limit. `now`: with the terminal's time zone, which is that of hours.

    An hour of the clock (03:00) is the last one that has passed; that of `until` the first one after `since`.
    Raises ConfigurationError.
    """
    start = _moment("--since", since, now) if since else None
    if not until:
        return start, None
    end = _moment("--until", until, now)
    if start and _is_hour(until):
        end = _at_hour(until, start)
        if end < start:
            end += timedelta(days=1)
    if start and end < start:
        raise ConfigurationError(f"--until: {until} is before --since {since}")
    return start, end


def _moment(option: str, written: str, now: datetime) -> datetime:
    span = re.fullmatch(r"(\d{1,6})([smhd])", written)
    try:
        if span:
            return now - timedelta(**{UNITS[span[2]]: int(span[1])})
        if _is_hour(written):
            found = _at_hour(written, now)
            return found if found <= now else found - timedelta(days=1)
        moment = datetime.fromisoformat(written)
        return moment if moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{option}: {written!r} is no time: write 90m, 2h or 3d (ago), 03:00, or 2026-11-22T03:00"
        ) from None


def _is_hour(written: str) -> bool:
    return re.fullmatch(r"\d{1,2}:\d\d", written) is not None


def _at_hour(written: str, day: datetime) -> datetime:
    hour, minute = map(int, written.split(":"))
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
