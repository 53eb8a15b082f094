"""What people read of a reason: one catalogue, `reasons.toml`, in French and English.

An entry is `[code]` with `en`, `fr`, a `group` (what kind of matter it is; orders are grouped by it and the
code), and where it helps `cure` (a key of `[cures]`, whose texts say the one thing to do) and `personal` (the
facts that name a buyer). `{fact}` stands for a fact, `{fact:money}` for an amount in the reader's way
(`signed`: with its sign), `{fact:day}` and `{fact:moment}` for times (in Paris), `{fact:cure}` for what
helps against a reason. What the faces say beside the reasons stands in files of their own (`phrases`).
"""

from __future__ import annotations

import functools
import string
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

from bridge.orders import PARIS
from bridge.reasons import Fact, Reason

LANGUAGES: Final = ("en", "fr")
GAP: Final = "…"
"""Stands where a fact differs from order to order, or must not be shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of the catalogue: `text` and `cure` by language."""

    group: str
    text: Mapping[str, str]
    cure: Mapping[str, str]
    personal: frozenset[str]


@functools.cache
def catalogue() -> Mapping[str, Entry]:
    """Every code there is."""
    rows: dict[str, Any] = tomllib.loads((files("bridge.texts") / "reasons.toml").read_text(encoding="utf-8"))
    cures = rows.pop("cures")
    return {
        code: Entry(
            group=row["group"],
            text={lang: row[lang] for lang in LANGUAGES},
            cure=cures[row["cure"]] if "cure" in row else dict.fromkeys(LANGUAGES, ""),
            personal=frozenset(row.get("personal", ())),
        )
        for code, row in rows.items()
    }


@functools.cache
def phrases(name: str) -> Mapping[str, Mapping[str, str]]:
    """`{name}.toml`, what one face says beside the reasons: key → language → text."""
    return tomllib.loads((files("bridge.texts") / f"{name}.toml").read_text(encoding="utf-8"))


def language_of(wish: str, otherwise: str = "en") -> str:
    """`fr`, `fr_FR.UTF-8`, `fr-FR,fr;q=0.9,en` → the first that we speak; anything else is `otherwise`."""
    for part in wish.replace("_", "-").split(","):
        lang = part.split(";")[0].strip()[:2].lower()
        if lang in LANGUAGES:
            return lang
    return otherwise


def text_of(reason: Reason, lang: str = "en", *, personal: bool = True) -> str:
    """The reason as a sentence. `personal=False`: without what names a buyer, for logs and alerts."""
    entry = catalogue().get(reason.code)
    if entry is None:
        return reason.code
    # A reason that an earlier version stored may lack a fact that today's wording names.
    shown = defaultdict(lambda: _Shown(GAP, lang, personal))
    for name, fact in reason.facts:
        shown[name] = _Shown(GAP if name in entry.personal and not personal else fact, lang, personal)
    return string.Formatter().vformat(entry.text[lang], (), shown)


def cure_of(reason: Reason, lang: str = "en") -> str:
    """The one thing to do, or ""."""
    entry = catalogue().get(reason.code)
    return entry.cure[lang] if entry else ""


def common(reasons: Iterable[Reason]) -> Reason:
    """What reasons of one code have in common: facts that differ, or name a buyer, are left out."""
    first, *others = reasons
    entry = catalogue().get(first.code)
    known = [dict(each.facts) for each in others]
    facts = (
        (
            name,
            GAP if entry is None or name in entry.personal else _shared(fact, [d.get(name) for d in known]),
        )
        for name, fact in first.facts
    )
    return Reason(first.code, tuple(facts))


def _shared(fact: Fact, others: list[Fact | None]) -> Fact:
    match fact:
        case str():
            return fact if all(each == fact for each in others) else GAP
        case Reason():
            alike = [each for each in others if isinstance(each, Reason) and each.code == fact.code]
            return common([fact, *alike]) if len(alike) == len(others) else GAP
        case _:
            codes = [each.code for each in fact]
            lists = [each for each in others if isinstance(each, tuple) and [e.code for e in each] == codes]
            return tuple(map(common, zip(fact, *lists, strict=True))) if len(lists) == len(others) else GAP


class _Shown:
    """A fact in a sentence, by its format."""

    def __init__(self, fact: Fact, lang: str, personal: bool) -> None:
        self._fact, self._lang, self._personal = fact, lang, personal

    def __format__(self, spec: str) -> str:
        fact = self._fact
        if isinstance(fact, Reason):
            if spec == "cure":
                return cure_of(fact, self._lang)
            return text_of(fact, self._lang, personal=self._personal)
        if isinstance(fact, tuple):
            return "; ".join(text_of(each, self._lang, personal=self._personal) for each in fact)
        return _FORMATS[spec](fact, self._lang) if spec and fact != GAP else fact

    __str__ = functools.partialmethod(__format__, "")


def money(amount: str, lang: str) -> str:
    """`-1284.5` → `-1284.50`, in French `-1 284,50`: without its currency."""
    written = f"{Decimal(amount):,.2f}"
    return written.replace(",", "") if lang == "en" else written.replace(",", "\u202f").replace(".", ",")


def _day(written: str, lang: str) -> str:
    on = date.fromisoformat(written)
    return f"{on:%Y-%m-%d}" if lang == "en" else f"{on:%d/%m/%Y}"


def _moment(written: str, lang: str) -> str:
    at = datetime.fromisoformat(written).astimezone(PARIS)
    return f"{at:%Y-%m-%d %H:%M} (Paris)" if lang == "en" else f"le {at:%d/%m/%Y à %H:%M}"


def _signed(amount: str, lang: str) -> str:
    written = money(amount, lang)
    return written if written.startswith("-") else f"+{written}"


_FORMATS: Final = {"money": money, "signed": _signed, "day": _day, "moment": _moment}
