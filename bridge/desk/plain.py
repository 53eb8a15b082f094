"""The desk's values as JSON: API and scripts say the same.

A row says its reason in words, in the reader's language, and beside it the reason's `code` and `facts`.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, ClassVar

from pydantic import PlainSerializer, SerializationInfo, TypeAdapter, computed_field

from bridge.reasons import Reason
from bridge.texts import text_of


def _in_words(reason: Reason, info: SerializationInfo) -> str:
    return text_of(reason, info.context or "en")


def _readable(body: bytes) -> str:
    return body.decode("utf-8", "replace")


Why = Annotated[Reason, PlainSerializer(_in_words, return_type=str)]
Body = Annotated[bytes, PlainSerializer(_readable, return_type=str)]


class Reasoned:
    """A row with a reason. `SAYS`: the field that holds it."""

    __slots__ = ()
    SAYS: ClassVar = "reason"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def code(self) -> str:
        """Of the reason."""
        return str(getattr(self, self.SAYS).code)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def facts(self) -> dict[str, Any]:
        """Of the reason: name → text, reason, or reasons."""
        return dict(getattr(self, self.SAYS).as_dict()["facts"])


@functools.cache
def writer(kind: Any) -> TypeAdapter[Any]:
    """What writes values of this type."""
    return TypeAdapter(kind)


def plain(kind: Any, value: Any, lang: str = "en") -> Any:
    """A value of this type as plain data: amounts are texts, times ISO 8601 in UTC."""
    return writer(kind).dump_python(value, mode="json", by_alias=True, context=lang)
