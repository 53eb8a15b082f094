"""The names of the desk's Lua scripts, and the words they are given."""

from __future__ import annotations

from typing import Final

LONGEST_TEXT: Final = 500
"""Of a reason or a name that a person gives."""
NAMES = (
    *("orders", "find", "story", "events", "event", "stats"),
    *("resume", "set_aside", "replayable", "erase", "blank"),
)


def short(given: str) -> str:
    """What a person wrote, on one line and not too long."""
    return " ".join(given.split())[:LONGEST_TEXT]


def unknown(key: str) -> str:
    """Said of an order that there is not."""
    return f"there is no order {key}: see bridge orders list"
