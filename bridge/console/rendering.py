"""Pages out of templates, in French or English."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bridge.orders import PARIS
from bridge.reasons import Reason
from bridge.texts import LANGUAGES, cure_of, language_of, phrases, text_of

MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": (
        *("janv.", "févr.", "mars", "avr.", "mai", "juin"),
        *("juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ),
}
NOTHING: Final = Markup("–")


def choose_language(asked: str, kept: str, accepted: str, otherwise: str) -> str:
    """`?lang=`, else the cookie, else the first of the browser's languages that we speak, else the operator's
    own (`language` of the configuration)."""
    if asked:
        return language_of(asked)
    return kept if kept in LANGUAGES else language_of(accepted, otherwise)


@dataclass(frozen=True, slots=True)
class Wording:
    """One language: its texts, and how it writes times, spans and numbers. `now`: aware UTC."""

    lang: str
    now: datetime

    def words(self) -> dict[str, Any]:
        """What the templates of one response call its language."""
        return {
            "lang": self.lang,
            "t": self.text,
            "reason_text": self.reason_text,
            "reason_cure": self.reason_cure,
            "at": self.at,
            "clock": self.clock,
            "ago": self.ago,
            "span": self.span,
            "number": self.number,
            "money": self.money,
        }

    def text(self, key: str, **values: object) -> Markup:
        """The text of this key, its `{places}` filled with what is escaped unless it is markup already. A key
        without a text, as a later version may have left one, is shown itself."""
        written = phrases("console").get(key)
        if written is None:
            return escape(key)
        ours = Markup(written[self.lang])  # noqa: S704  # nosec B704
        return ours.format(**values)

    def reason_text(self, reason: Reason) -> Markup:
        """What happened."""
        return coded(text_of(reason, self.lang))

    def reason_cure(self, reason: Reason) -> Markup:
        """The one thing to do, or nothing."""
        return coded(cure_of(reason, self.lang))

    def at(self, moment: datetime | None) -> Markup:
        """A time of the clock in France, with the day unless it is today's."""
        if moment is None:
            return NOTHING
        local = moment.astimezone(PARIS)
        day = "" if local.date() == self.now.astimezone(PARIS).date() else f"{self._day(local)} "
        return _time(moment, f"{day}{local:%H:%M}")

    def clock(self, moment: datetime | None) -> Markup:
        """As `at`, to the millisecond: for the story of an order."""
        if moment is None:
            return NOTHING
        local = moment.astimezone(PARIS)
        said = f"{self._day(local)} {local:%H:%M:%S}.{local.microsecond // 1000:03}"
        return _time(moment, said, "milliseconds")

    def _day(self, local: datetime) -> str:
        year = "" if local.year == self.now.astimezone(PARIS).year else f" {local.year}"
        return f"{local.day} {MONTHS[self.lang][local.month - 1]}{year}"

    def ago(self, moment: datetime | None) -> Markup:
        """How long ago, or in how long."""
        if moment is None:
            return NOTHING
        seconds = (self.now - moment).total_seconds()
        return _time(moment, self.text("ago" if seconds >= 0 else "in", span=self.span(abs(seconds))))

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
        said = f"{value:,}" if isinstance(value, int | Decimal) else f"{value:,g}"
        return said.replace(",", "\u202f").replace(".", ",") if self.lang == "fr" else said

    def money(self, amount: Decimal | None, currency: str) -> str:
        """An amount to the cent."""
        if amount is None:
            return NOTHING
        return f"{self.number(amount.quantize(Decimal('0.01')))} {currency}".strip()


def _time(moment: datetime, said: str, to: str = "seconds") -> Markup:
    iso = moment.astimezone(UTC).isoformat(timespec=to)
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso, said)


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


def query_path(path: str, parts: Mapping[str, str]) -> str:
    """`path` with those of the parts that say something."""
    given = {name: value for name, value in parts.items() if value}
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
    )
    folder = files("bridge.console") / "static"
    content = b"".join((folder / name).read_bytes() for name in ("console.css", "console.js"))
    env.globals |= {
        "coded": coded,
        "order_path": order_path,
        "event_path": event_path,
        "version": hashlib.sha256(content).hexdigest()[:12],
    }
    return env
