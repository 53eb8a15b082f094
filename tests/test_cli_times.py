"""Times as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bridge.cli.times import window
from bridge.errors import ConfigurationError

PARIS_IN_WINTER = timezone(timedelta(hours=1))
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=PARIS_IN_WINTER)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=PARIS_IN_WINTER)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("", "", (None, None)),
        ("2h", "", (at(22, 7), None)),
        ("90m", "30m", (at(22, 7, 30), at(22, 8, 30))),
        ("3d", "", (at(19, 9), None)),
        ("03:00", "04:00", (at(22, 3), at(22, 4))),
        ("10:00", "", (at(21, 10), None)),  # it is not 10 yet: yesterday's
        ("23:00", "1:30", (at(21, 23), at(22, 1, 30))),
        ("08:30", "09:30", (at(22, 8, 30), at(22, 9, 30))),
        ("2026-11-20T03:00+01:00", "04:00", (at(20, 3), at(20, 4))),
        ("", "03:00", (None, at(22, 3))),
    ],
)
def test_a_window(since: str, until: str, expected: tuple[datetime | None, datetime | None]) -> None:
    assert window(since, until, NOW) == expected


@pytest.mark.parametrize(
    ("since", "until", "named"),
    [
        ("yesterday", "", "--since"),
        ("2h", "soon", "--until"),
        ("25:00", "", "--since"),
        ("1h", "2h", "--until"),
        ("999999d", "", "--since"),
    ],
)
def test_what_is_no_window(since: str, until: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        window(since, until, NOW)
