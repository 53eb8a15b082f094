"""How foreign JSON is read: ids first and fast, amounts exactly, texts cleaned. Shared by all platforms."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import html
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError

from bridge.errors import NeedsPerson, UnreadableBody
from bridge.keys import Key
from bridge.numbers import exact_json, whole_number
from bridge.orders import Event, decimal_from
from bridge.reasons import because


def peek(body: bytes, wanted: type) -> Any:
    """The fields of the body that `wanted` (a TypedDict) names, to read ids only: its numbers may be floats.

    What is not named is checked to be JSON and stepped over, which costs a tenth of making objects of it. A
    body of another shape comes back as `whole` reads it. Raises UnreadableBody when it is not JSON.
    """
    try:
        return _reader_of(wanted).decode(body)
    except (ValueError, RecursionError):
        return whole(body)


@functools.cache
def _reader_of(wanted: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)


def whole(body: bytes) -> Any:
    """All of the body, also where the quick reader is too strict: half an emoji cut out of a title, a stray
    byte, NaN, a number of thousands of digits. Their form is JSON's, so a shop that is told 400 would send
    them again in vain, or (WooCommerce) never. Nesting too deep to be an order comes back as None.

    Raises UnreadableBody.
    """
    try:
        content = json.loads(body.decode("utf-8", "replace"), parse_int=whole_number)
        return json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        return None
    except ValueError as exc:
        raise UnreadableBody("the body is not JSON") from exc


_NUMBER = re.compile(r"[1-9]\d{0,19}", re.ASCII)


def number_of(value: object) -> str:
    """A numeric id as text: ids go past 2^53, so a whole number or digits, never a float; else ""."""
    text = str(value) if isinstance(value, int | str) else ""
    return text if _NUMBER.fullmatch(text) else ""


def topic_of_shape(data: object, shapes: Mapping[str, Iterable[str]]) -> str:
    """The first of `shapes` (topic → the keys that only its payloads have together) that fits, or ""."""
    keys = data.keys() if isinstance(data, dict) else set()
    return next((topic for topic, wanted in shapes.items() if keys >= set(wanted)), "")


def digest(*parts: str | bytes) -> str:
    """A short name for content that has no usable id of its own."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(joined).hexdigest()[:32]


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALF = re.compile(r"[\ud800-\udfff]")
"""Half of an emoji: JSON can spell it, UTF-8 cannot."""
_MARKUP = re.compile("[<>&]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def plain_text(value: object) -> str:
    """Text from a shop: markup, entities and control characters out, ends trimmed. None is ""."""
    if value is None:
        return ""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise ValueError("not a text")
    text = str(value)
    if text.isprintable() and not _MARKUP.search(text):
        return text.strip()
    text = html.unescape(_TAG.sub("", text))
    return _CONTROL.sub(" ", text).replace("<", "‹").replace(">", "›").strip()


def raw_text(value: object) -> str:
    """An id or a code as text, exactly as it came (but for half an emoji). None is ""."""
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError("not an id")
    return _HALF.sub("\ufffd", value) if isinstance(value, str) else str(value)


def of_our_time(moment: datetime) -> datetime:
    """Refuses what no order's time is: a few days from year 1 or 9999 there is no date any more."""
    if not 1990 <= moment.year <= 2100:
        raise ValueError("not a time of ours")
    return moment


Time = Annotated[AwareDatetime, AfterValidator(of_our_time)]
Amount = Annotated[Decimal, BeforeValidator(decimal_from)]
"""Exact number from text, int or Decimal; None and "" are zero."""
Text = Annotated[str, BeforeValidator(plain_text)]
"""Cleaned text; None is ""."""
Id = Annotated[str, BeforeValidator(raw_text)]
"""An id or code as text; None is ""."""


class Payload(BaseModel):
    """Base of the models that read foreign JSON: unknown keys are left alone, nothing can be changed."""

    model_config = ConfigDict(extra="ignore", frozen=True)


P = TypeVar("P", bound=Payload)


def read(model: type[P], event: Event, order: Key) -> P:
    """The event's body as `model`, numbers exact. `order`: whose event it is, for people.

    Raises NeedsPerson naming the path of the first thing that cannot be read, never its value.
    """
    try:
        data = exact_json(event.body)
    except (ValueError, RecursionError) as exc:
        why = because("payload_not_json", order=order.id, shop=order.shop, part=event.topic)
        raise NeedsPerson(why) from exc
    return read_value(model, data, order, event.topic)


def read_value(model: type[P], data: object, order: Key, part: str) -> P:
    """`data` (JSON already parsed with exact numbers) as `model`; raises NeedsPerson as `read` does.

    `part`: the topic or the list that it comes from, for people.
    """
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(step) for step in first["loc"]) or "/"
        raise NeedsPerson(
            because(
                "payload_not_understood",
                order=order.id,
                shop=order.shop,
                part=part,
                path=path,
                problem=first["msg"],
            )
        ) from exc


def glimpse(model: type[P], body: bytes) -> P | None:
    """The body as `model`, numbers exact, or None where it cannot be read: who needs it must ask `read`."""
    try:
        return model.model_validate(json.loads(body, parse_float=Decimal))
    except (ValueError, RecursionError):
        return None


_OPENS = re.compile(rb"(?<![:,\[{\s])\s*([\[{])")
"""Where JSON may begin: not inside of other JSON, which would be an answer that was cut short."""
MOST_OPENINGS = 200


def json_in(body: bytes) -> bytes:
    """The JSON object or list of an answer, without what stands before it: a byte order mark, the notices of
    PHP, HTML. Raises UnreadableBody unless what follows is whole."""
    for opening in itertools.islice(_OPENS.finditer(body), MOST_OPENINGS):
        rest = body[opening.start(1) :]
        with contextlib.suppress(UnreadableBody):
            whole(rest)
            return rest
        if not body[: opening.start(1)].strip():
            break  # nothing stands before it: the answer itself is broken
    raise UnreadableBody("the answer is not JSON")


def entries(body: bytes, name: str = "") -> list[bytes]:
    """The entries of a JSON list, or of the list under `name`, each as it came: amounts keep every digit.

    Raises UnreadableBody where there is no such list.
    """
    try:
        found = _LIST_IN.decode(body).get(name) if name else body
        return [bytes(entry) for entry in _LIST.decode(found or b"")]
    except (ValueError, RecursionError):
        return _entries_of_odd_json(body, name)


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_LIST_IN = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _entries_of_odd_json(body: bytes, name: str) -> list[bytes]:
    """What the quick reader is too strict for (see `whole`). Numbers with a point become texts."""
    try:
        content = json.loads(body.decode("utf-8", "replace"), parse_float=str, parse_int=whole_number)
    except (ValueError, RecursionError) as exc:
        raise UnreadableBody("the answer is not JSON") from exc
    if name:
        content = content.get(name) if isinstance(content, dict) else None
    if not isinstance(content, list):
        raise UnreadableBody("the answer is no list")
    return [json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace") for entry in content]
