"""What a platform's file must offer, and the few tools that all of them need.

A source is a module (one file per platform) that has the members of `Source`. It is pure: bytes and headers
in, values out.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bridge.errors import BadSignature, NeedsPerson, UnreadableBody
from bridge.orders import Event, Folded, decimal_from

FETCHED = "fetched"
"""Topic of an event that is not a webhook but an answer of the platform's API, asked for by `Incomplete`."""
LONGEST_NUMBER = 400
"""Digits; Python reads no more than 4,300 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What receiving needs to know of an event, and nothing more.

    `event_id`: the same for every repetition of this delivery, and for nothing else of this shop.
    `order_key`: the order it belongs to, or "". `links`: ids of the platform that lead to an order (payment
    intents, charges): where `order_key` is known too, the event ties them to it; where it is not, the event
    goes to the order that they are, or will be, tied to. `ignored`: why nothing will be done. `alarm`: why a
    person must look at it.
    """

    event_id: str
    topic: str
    order_key: str = ""
    links: tuple[str, ...] = ()
    ignored: str = ""
    alarm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A GET to the platform's own API."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Source(Protocol):
    """The members of a platform's module. Header names are lower case."""

    PLATFORM: str
    HANDLED: frozenset[str]
    IGNORED: Mapping[str, str]
    """Topic → why nothing is done. A topic in neither of the two is alarming."""
    KEPT_HEADERS: frozenset[str]
    """The headers that `fold` may read; they are stored with the body."""

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """The platform tries the address, unsigned: 200 and nothing else."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
        """Raises BadSignature unless one of the secrets signed exactly these bytes, recently enough."""
        ...

    def identify(self, shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
        """Says which event and which order this is. Raises UnreadableBody when it is not JSON."""
        ...

    def fold(self, shop: str, order_key: str, events: Sequence[Event]) -> Folded:
        """All events of one order, in any order and any repetition → what the order is.

        Raises NeedsPerson when an event cannot be understood.
        """
        ...

    def api_request(self, path: str, key: str, base_url: str) -> ApiRequest:
        """How `path` of an `Incomplete` is asked for. `base_url` is "" for the platform's own address."""
        ...


def signature_matches(expected: bytes, candidates: Sequence[bytes]) -> bool:
    """Constant time over every candidate, so that neither the match nor its place can be timed."""
    found = False
    for candidate in candidates:
        found |= hmac.compare_digest(expected, candidate)
    return found


def verify_base64_hmac(header: str | None, body: bytes, secrets: Sequence[str]) -> None:
    """HMAC-SHA256 over the raw body, base64, one signature: Shopify's and WooCommerce's way."""
    if not header:
        raise BadSignature("the signature header is missing")
    try:
        given = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadSignature("the signature is not base64") from exc
    wanted = [hmac.digest(secret.encode(), body, hashlib.sha256) for secret in secrets]
    if not signature_matches(given, wanted):
        raise BadSignature("the signature does not match")


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
        content = json.loads(body.decode("utf-8", "replace"), parse_int=_number_or_none)
        return json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        return None
    except ValueError as exc:
        raise UnreadableBody("the body is not JSON") from exc


def _number_or_none(digits: str) -> int | None:
    return int(digits) if len(digits) < LONGEST_NUMBER else None


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


def read(model: type[P], event: Event, what: str) -> P:
    """The event's body as `model`, numbers exact. `what` names it for a person ("order 12 of shop x").

    Raises NeedsPerson naming the path of the first thing that cannot be read, never its value.
    """
    name = f"{what}: the {event.topic} event"
    try:
        data = json.loads(event.body, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise NeedsPerson(f"{name} cannot be read as JSON; look at its payload") from exc
    return read_value(model, data, name)


def read_value(model: type[P], data: object, what: str) -> P:
    """`data` (JSON already parsed with exact numbers) as `model`; raises NeedsPerson as `read` does."""
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(step) for step in first["loc"]) or "its top"
        raise NeedsPerson(
            f"{what} cannot be understood at {path} ({first['msg']}); look at its payload"
        ) from exc
