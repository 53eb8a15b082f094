"""The bridge's runbook in the operator's language: what each alert means, how to check and to mend it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files

from bridge.alerts.runbook import ALERTS, Meaning


@functools.cache
def cures(lang: str) -> Mapping[str, Meaning]:
    """`ALERTS` in this language."""
    if lang == "en":
        return ALERTS
    written = (files("bridge.console") / "texts" / f"runbook.{lang}.toml").read_text(encoding="utf-8")
    told = tomllib.loads(written)
    return {name: Meaning(entry.severity, **told[name]) for name, entry in ALERTS.items()}
