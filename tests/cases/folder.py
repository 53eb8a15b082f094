"""The cases where they lie: outside the project, none of them copied into it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KNOWN_WRONG = Path(__file__).with_name("known_wrong.txt")
"""Cases that are wrong today, one name a line. The list only shrinks."""
EXPECTATIONS = "expect.json"


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery. `pause`: everything comes to rest after it."""

    shop: str
    topic: str
    body: Mapping[str, Any]
    pause: bool = False
    whole: bool = False
    """The body is a Stripe event already, not the object in one."""


@dataclass(frozen=True, slots=True)
class Case:
    """What happens, and what is right then.

    `kind`: of fault, or the file's title. `gap`: seconds between events. `api`: path prefix → the platform's
    answer.
    """

    name: str
    kind: str
    gap: float
    api: Mapping[str, Any]
    events: tuple[Event, ...]
    expected: Mapping[str, Any]


def folder() -> Path:
    """Where the cases are meant to be; they may be missing."""
    named = os.environ.get("BRIDGE_CASES")
    return Path(named) if named else ROOT.parent / "shared" / "cases"


def read_cases() -> list[Case]:
    """All cases by name; none where the folder is missing."""
    expected_path = folder() / EXPECTATIONS
    if not expected_path.exists():
        return []
    expected = json.loads(expected_path.read_text(encoding="utf-8"))
    paths = [path for path in folder().glob("*.json") if path != expected_path]
    cases = [_read(path, expected) for path in paths]
    unheard = expected.keys() - {case.name for case in cases}
    if unheard:
        raise LookupError(f"{EXPECTATIONS} expects of cases that do not exist: {', '.join(sorted(unheard))}")
    return sorted(cases, key=lambda case: case.name)


def _read(path: Path, expected: Mapping[str, Any]) -> Case:
    told = json.loads(path.read_text(encoding="utf-8"))
    name, _, title = path.stem.partition("-")
    events = [
        Event(each.get("shop", told["shop"]), each["topic"], each["body"], each.get("pause", False))
        for each in told["events"]
    ]
    if raw := told.get("raw_event"):
        events.insert(0, Event(told["shop"], raw["type"], raw, whole=True))
    return Case(
        name,
        told["about"].get("kind") or title.replace("-", " "),
        told.get("gap") or 0.15,
        told.get("api") or {},
        tuple(events),
        expected[name],
    )


def in_runs(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases whose names share a number follow one another in the same run."""
    return [list(run) for _, run in groupby(cases, key=lambda case: number_of(case.name))]


def number_of(name: str) -> str:
    """ "S08" of "S08c"."""
    return re.sub(r"[a-z]+$", "", name)


def known_wrong() -> frozenset[str]:
    """The names in the list."""
    return frozenset(KNOWN_WRONG.read_text(encoding="utf-8").split())
