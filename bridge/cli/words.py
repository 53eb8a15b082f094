"""What the terminal says of orders and alerts, in its user's language. Help and the rest stay English."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from bridge.reasons import Reason
from bridge.texts import phrases, text_of

LANG: Final[ContextVar[str]] = ContextVar("lang", default="en")
"""The language of this run: en or fr."""


def say(key: str, **values: object) -> str:
    """The text of this key, its `{places}` filled."""
    return phrases("terminal")[key][LANG.get()].format(**values)


def why(reason: Reason) -> str:
    """The reason in words."""
    return text_of(reason, LANG.get())
