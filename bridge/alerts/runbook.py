"""Every alert there is: what it means, how to check it, how to mend it.

The texts stand in bridge/texts/alerts.toml; `python -m docs.generate` makes a part of docs/runbook.md of it.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

PAGE: Final = "docs/runbook.md"


class Severity(StrEnum):
    """`critical`: invoices, or events, are missing now. `warning`: they will, or might."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Meaning:
    """An entry of the runbook, in one language."""

    severity: Severity
    title: str
    meaning: str
    check: str
    cure: str


@functools.cache
def _written() -> Mapping[str, Any]:
    return tomllib.loads((files("bridge.texts") / "alerts.toml").read_text(encoding="utf-8"))


@functools.cache
def runbook(lang: str = "en") -> Mapping[str, Meaning]:
    """Every alert by its name."""
    return {
        name: Meaning(Severity(entry["severity"]), **entry[lang])
        for name, entry in _written().items()
        if name != "letter"
    }


def letter_forms(lang: str) -> Mapping[str, Any]:
    """The parts of what is sent out, as alerts.toml has them: texts with places, and `words`."""
    forms: Mapping[str, Any] = _written()["letter"][lang]
    return forms
