"""The desk's values as plain data, for JSON: API, scripts and the assistant's tools say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bridge.desk.values import RawEvent


def plain(value: Any) -> Any:
    """Dataclasses become objects, amounts texts, times ISO 8601 in UTC; bytes are shown as UTF-8."""
    match value:
        case RawEvent():
            raw = {"headers": dict(value.headers), "body": value.body.decode("utf-8", "replace")}
            return plain(value.row) | raw
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Decimal():
            return str(value)
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _ if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
