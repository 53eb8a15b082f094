"""What the terminal says of orders and alerts, in its user's language. Help and the rest stay English."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.resources import files
from typing import Final

from bridge.reasons import Reason
from bridge.texts import text_of

LANG: Final[ContextVar[str]] = ContextVar("lang", default="en")
"""The language of this run: en or fr."""


@functools.cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """`texts/terminal.toml`: key → language → text."""
    return tomllib.loads((files("bridge.texts") / "terminal.toml").read_text(encoding="utf-8"))


def say(key: str, **values: object) -> str:
    """The text of this key, its `{places}` filled."""
    return texts()[key][LANG.get()].format(**values)


def why(reason: Reason) -> str:
    """The reason in words."""
    return text_of(reason, LANG.get())
