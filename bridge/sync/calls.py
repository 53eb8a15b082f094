"""The story of a run: the API calls that it made, and why it did not finish the order."""

from __future__ import annotations

import json
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from bridge.reasons import Reason
from bridge.store.values import Outcome

calls: ContextVar[list[dict[str, Any]] | None] = ContextVar("calls", default=None)
"""The API calls of the run in hand; the client's `on_call` adds to it."""


def note_call(at: datetime, call: str, outcome: str, seconds: float) -> None:
    """Adds an API call to the story of the order in hand, if there is one."""
    noted = calls.get()
    if noted is not None:
        when = at.isoformat(timespec="milliseconds")
        noted.append({"at": when, "call": call, "outcome": outcome, "ms": round(seconds * 1000)})


def story_of(at: datetime, outcome: Outcome, reason: Reason) -> str:
    """The run's story as JSON. "" when there is nothing to tell: an order that only waits its turn would push
    its own past out."""
    noted = calls.get() or []
    if outcome is Outcome.ATTENTION or (noted and outcome is Outcome.WAITING):
        when = at.isoformat(timespec="milliseconds")
        noted = [*noted, {"at": when, "ended": outcome.value, "why": reason.as_dict()}]
    return json.dumps(noted, separators=(",", ":"), ensure_ascii=False) if noted else ""
