"""Why an order rests, as a value: a code, and the facts of this case. Pure.

The wording in each language, the cure and the group stand in one catalogue, `texts/reasons.toml`, which also
says which facts are personal: those are shown to operators only, never in logs, alerts or Sentry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

LEGACY: Final = "told"
"""The code of a reason that was stored as a sentence, before reasons were values. Its one fact: `text`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """`facts`: name → text (amounts as written in decimal, times as ISO 8601), or further reasons."""

    code: str
    facts: tuple[tuple[str, Fact], ...] = ()

    def __bool__(self) -> bool:
        """Is there a reason at all?"""
        return bool(self.code)

    def fact(self, name: str) -> str:
        """One fact as text; "" when the reason has none of this name."""
        found = dict(self.facts).get(name, "")
        return found if isinstance(found, str) else ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `{"code", "facts": {name: text | reason | [reasons]}}`."""
        return {"code": self.code, "facts": {name: _plain(fact) for name, fact in self.facts}}

    def as_json(self) -> str:
        """As it is stored; `reason_from` reads it."""
        return json.dumps(self.as_dict(), separators=(",", ":"), ensure_ascii=False)


Fact = str | Reason | tuple[Reason, ...]
NO_REASON: Final = Reason("")


def because(code: str, **facts: Decimal | date | int | str | Reason | Iterable[Reason]) -> Reason:
    """`because("lines_differ", lines=total, total=order.total)`; None of the facts may be None."""
    return Reason(code, tuple((name, _fact(value)) for name, value in facts.items()))


def together(reasons: Sequence[Reason]) -> Reason:
    """Several reasons as one; there is at least one."""
    return reasons[0] if len(reasons) == 1 else Reason("several", (("reasons", tuple(reasons)),))


def _fact(value: Decimal | date | int | str | Reason | Iterable[Reason]) -> Fact:
    match value:
        case str() | Reason():
            return value
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case int():
            return str(value)
        case _:
            return tuple(value)


def reason_from(stored: str) -> Reason:
    """What `as_json` wrote. A sentence of an earlier version becomes its own reason, "" none."""
    if not stored:
        return NO_REASON
    if stored.startswith('{"code":'):
        try:
            return reason_of(json.loads(stored))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    return Reason(LEGACY, (("text", stored),))


def reason_of(said: Mapping[str, Any]) -> Reason:
    """What `as_dict` gave."""
    return Reason(said["code"], tuple((name, _read(fact)) for name, fact in said["facts"].items()))


def _plain(fact: Fact) -> Any:
    if isinstance(fact, Reason):
        return fact.as_dict()
    return fact if isinstance(fact, str) else [reason.as_dict() for reason in fact]


def _read(fact: Any) -> Fact:
    if isinstance(fact, list):
        return tuple(reason_of(each) for each in fact)
    return reason_of(fact) if isinstance(fact, dict) else str(fact)
