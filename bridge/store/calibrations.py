"""Who may find out the firm's rounding rule, one at a time, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.store.store import Store
from bridge.valkey.scripts import COMMON, Scripts

TERM: Final = timedelta(minutes=2)
"""Longer than any calibration takes; then its process is dead."""


@dataclass(frozen=True, slots=True)
class CalibrationPermit:
    """Leave to calibrate. `left`: the token of one who never came to the end, and may have left a draft and a
    customer in Facturation.pro; `only_tidy`: that is all there is to do. `contradiction`: the last document
    whose total a known rule did not give, as JSON, or ""."""

    left: str
    only_tidy: bool
    contradiction: str


class Calibrations:
    """Everything raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._scripts = Scripts(store.redis, "store", ("begin_calibration", "end_calibration"), COMMON)

    async def begin(self, token: str, *, asked: bool) -> CalibrationPermit | None:
        """None while the rule is known, or another is at it, or somebody tried lately. `asked`: by a person,
        who only waits for others."""
        answer = await self._scripts.run("begin_calibration", token, TERM, int(asked))
        if answer is None:
            return None
        left, only_tidy, contradiction = answer
        return CalibrationPermit(left.decode(), bool(only_tidy), contradiction.decode())

    async def end(self, token: str, rule: str | None, *, again: timedelta, tidy: bool) -> None:
        """Keeps the rule that was found; orders see it from their next run on. `rule`: "" when none fits,
        None when nothing was found out; then it is tried again after `again`. `tidy`: nothing was left in
        Facturation.pro."""
        found = "?" if rule == "" else rule or ""
        await self._scripts.run("end_calibration", token, found, again, int(tidy))
