"""Pages out of templates, in French or English."""

from __future__ import annotations

import functools
import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from bridge.orders import PARIS
from bridge.reasons import Reason
from bridge.texts import text_of

LANGUAGES: Final = ("en", "fr")
MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": (
        *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
        *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ),
}


@functools.cache
def texts(lang: str) -> Mapping[str, str]:
    """Every text of a language, by key."""
    return tomllib.loads((files("bridge.console") / "texts" / f"{lang}.toml").read_text(encoding="utf-8"))


def choose_language(asked: str | None, kept: str | None, accepted: str) -> str:
    """`?lang=`, else the cookie, else the first of the browser's languages that we speak, else English."""
    for wish in (asked, kept):
        if wish in LANGUAGES:
            return str(wish)
    for part in accepted.split(","):
        language = part.split(";")[0].strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return "en"


@dataclass(frozen=True, slots=True)
class Wording:
    """One language: its texts, and how it writes times, spans and numbers. `now`: aware UTC."""

    lang: str
    now: datetime

    def text(self, key: str, **values: object) -> Markup:
        """The text of this key, its `{places}` filled with what is escaped unless it is markup already."""
        ours = Markup(texts(self.lang)[key])  # noqa: S704  # nosec B704
        return ours.format(**{name: in_words(value, self.lang) for name, value in values.items()})

    def at(self, moment: datetime | None) -> Markup:
        """A time of the clock in France, with the day unless it is today's."""
        if moment is None:
            return Markup("–")
        local, today = moment.astimezone(PARIS), self.now.astimezone(PARIS)
        told = (
            f"{local:%H:%M}" if local.date() == today.date() else f"{self._day(local, today)} {local:%H:%M}"
        )
        iso = moment.astimezone(UTC).isoformat(timespec="seconds")
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, told)

    def clock(self, moment: datetime) -> Markup:
        """As `at`, to the millisecond: for the story of an order."""
        local = moment.astimezone(PARIS)
        told = (
            f"{self._day(local, self.now.astimezone(PARIS))} {local:%H:%M:%S}.{local.microsecond // 1000:03}"
        )
        iso = moment.astimezone(UTC).isoformat(timespec="milliseconds")
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, told)

    def _day(self, local: datetime, today: datetime) -> str:
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local.day} {MONTHS[self.lang][local.month - 1]}{year}"

    def ago(self, moment: datetime | None) -> Markup:
        """How long ago, or in how long."""
        if moment is None:
            return Markup("–")
        seconds = (self.now - moment).total_seconds()
        told = self.text("ago" if seconds >= 0 else "in", span=self.span(abs(seconds)))
        iso = moment.astimezone(UTC).isoformat(timespec="seconds")
        return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, told)

    def span(self, seconds: float) -> str:
        """A length of time, in its two largest units at the most: "40 ms", "3.2 s", "2 h 05"."""
        if seconds < 1:
            return f"{round(seconds * 1000)} ms"
        if seconds < 10:
            return f"{self.number(Decimal(str(round(seconds, 1))))} s"
        if seconds < 60:
            return f"{int(seconds)} s"
        if seconds < 3600:
            return f"{int(seconds // 60)} min"
        if seconds < 86400:
            return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02}"
        return self.text("days", n=int(seconds // 86400))

    def number(self, value: Decimal | int | float) -> str:
        """Thousands apart, the language's own decimal mark."""
        told = f"{value:,}" if isinstance(value, int | Decimal) else f"{value:,g}"
        return told.replace(",", "\u202f").replace(".", ",") if self.lang == "fr" else told

    def money(self, amount: object, currency: str) -> str:
        """An amount to the cent, or "–" where there is none."""
        if amount in (None, ""):
            return "–"
        return f"{self.number(Decimal(str(amount)).quantize(Decimal('0.01')))} {currency}".strip()


def in_words(value: object, lang: str) -> object:
    """A reason as a sentence; anything else as it is."""
    return text_of(value, lang) if isinstance(value, Reason) else value


@pass_context
def _shown(context: Context, value: object) -> object:
    return in_words(value, context.get("lang", "en"))


def coded(text: str) -> Markup:
    """A text of ours: what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if n % 2 else part for n, part in enumerate(parts))


def order_path(key: str) -> str:
    """The page of an order."""
    return f"/console/orders/{quote(key, safe=':')}"


def event_path(event_id: str) -> str:
    """The page of an event."""
    return f"/console/events/{quote(event_id, safe=':')}"


def query_path(path: str, **parts: object) -> str:
    """`path` with those of the parts that say something."""
    given = {name: value for name, value in parts.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def environment() -> Environment:
    """The templates, everything escaped, unknown names refused."""
    env = Environment(
        loader=PackageLoader("bridge.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    folder = files("bridge.console") / "static"
    content = b"".join((folder / name).read_bytes() for name in ("console.css", "console.js"))
    helpers: dict[str, Callable[..., object]] = {
        "coded": coded,
        "order_path": order_path,
        "event_path": event_path,
        "query_path": query_path,
    }
    env.globals |= helpers
    env.globals["version"] = hashlib.sha256(content).hexdigest()[:12]
    env.globals["parts"] = env.get_template("parts.html").module
    return env


def words_for(wording: Wording) -> dict[str, Any]:
    """What the templates of one answer call its language."""
    return {
        "lang": wording.lang,
        "t": wording.text,
        "at": wording.at,
        "clock": wording.clock,
        "ago": wording.ago,
        "span": wording.span,
        "number": wording.number,
        "money": wording.money,
    }
