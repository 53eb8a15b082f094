"""Nothing personal and nothing secret leaves the process in a log or an error report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from sentry_sdk.types import Event, Hint
from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"
_FORBIDDEN = re.compile(
    "address|buyer|city|company|email|firstname|fullname|iban|lastname|mail|mobile|name|phone|postcode"
    "|recipient|street|surname|tel|username|zip"
    "|auth|authorization|bearer|body|cookies?|credentials|dsn|headers|hmac|password|payload|query|secrets?"
    "|signature|token"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_EMAIL = re.compile(r"[\w.+'-]{1,64}(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_PYDANTIC_INPUT = re.compile(r"input_value=.*?, input_type=", re.DOTALL)
_LONGEST_TEXT = 20_000


class Redactor:
    """Takes personal data and secrets out of anything that is about to leave the process.

    `secrets`: the configured ones; one shorter than 4 characters is not looked for, it would be everywhere.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """`text` without e-mail addresses, known secrets and the inputs that pydantic's errors quote."""
        if self._secrets:
            text = self._secrets.sub(REDACTED, text)
        if "input_value=" in text:
            text = _PYDANTIC_INPUT.sub(f"input_value={REDACTED}, input_type=", text)
        if "@" in text or "%40" in text:
            text = _EMAIL.sub(REDACTED, text)
        if len(text) > _LONGEST_TEXT:
            return f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"
        return text

    def value(self, value: object) -> Any:
        """A copy that can be shown. Of an object that it does not know, only the class is left."""
        match value:
            case Enum():
                return value.value
            case None | bool() | int() | float():
                return value
            case str() | Decimal() | UUID() | PurePath() | BaseException():
                return self.text(str(value))
            case date():
                return value.isoformat()
            case Mapping():
                return self.mapping(value)
            case list() | tuple() | set() | frozenset():
                return [self.value(item) for item in value]
            case _:
                return f"<{type(value).__name__}>"

    def mapping(self, values: Mapping[Any, object]) -> dict[str, Any]:
        """As `value`; what stands under a forbidden key is replaced whole."""
        return {
            self.text(str(key)): REDACTED
            if value is not None and is_forbidden(str(key))
            else self.value(value)
            for key, value in values.items()
        }

    def log_entry(self, _logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
        """structlog processor. What begins with `_` is structlog's own and never shown."""
        shown = {key: value for key, value in entry.items() if not key.startswith("_")}
        return {**entry, **self.mapping(shown)}

    def sentry_event(self, event: Event, hint: Hint) -> Event:
        """Sentry's `before_send`: an error of our log becomes its words, tags and a group of its own."""
        found = cast("dict[str, Any]", event)
        for part in ("request", "user"):
            found.pop(part, None)
        record = hint.get("log_record")
        if record is not None and isinstance(record.msg, dict):
            _show_log_entry(found, record.name, record.msg)
        for part in ("extra", "breadcrumbs"):
            if part in found:
                found[part] = self.value(found[part])
        return cast("Event", self._texts(found))

    def _texts(self, value: Any) -> Any:
        """Every text inside, masked. Sentry's own keys stay, but for the variables of a frame."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._texts(item) for key, item in value.items() if key != "vars"}
        if isinstance(value, list):
            return [self._texts(item) for item in value]
        return value


def is_forbidden(key: str) -> bool:
    """A key under which personal data or a secret stands: `billing_email`, `firstName`, `X-Api-Key`."""
    words = [word.lower() for word in _WORD.findall(key)]
    return any(_FORBIDDEN.fullmatch(word) for word in words) or "apikey" in "".join(words)


_TAGS = ("shop", "platform", "order_key", "event_id", "step")


def _show_log_entry(event: dict[str, Any], logger: str, entry: Mapping[str, Any]) -> None:
    event["logentry"] = {"message": str(entry["event"])}
    event["fingerprint"] = [logger, str(entry["event"])]
    event["tags"] = {**event.get("tags", {}), **{tag: str(entry[tag]) for tag in _TAGS if entry.get(tag)}}
    event["extra"] = {key: value for key, value in entry.items() if key not in ("event", *_TAGS)}
