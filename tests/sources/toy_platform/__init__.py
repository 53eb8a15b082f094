"""A platform that does not exist, as whoever adds one would write it: this package, and a registry line.

It posts one whole sale at a time, in a flat form; its currency comes in a header.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypedDict

from pydantic import AwareDatetime, Field

from bridge.errors import BadSignature
from bridge.keys import ORDER, Key
from bridge.movements import Movement, PaymentMethod
from bridge.orders import ZERO, Customer, Event, Folded, Line, Order, Tax
from bridge.reasons import Reason, because
from bridge.sources.access import Grant
from bridge.sources.base import Alarm, ApiRequest, Delivery, ForOrder, Identity, Ignored, Sample
from bridge.sources.listing import Listing
from bridge.sources.privacy import PrivacySource
from bridge.sources.reading import (
    Amount,
    Id,
    Payload,
    Text,
    digest,
    number_of,
    peek,
    read,
    topic_of_shape,
    whole,
)
from bridge.sources.signatures import signature_matches

PLATFORM: Final = "toy"
TITLE = "Toy Shop"
HANDLED = frozenset({"sale"})
IGNORED: Mapping[str, Reason] = {"stock": because("order_names_goods")}
KEPT_HEADERS = frozenset({"x-toy-currency"})
GRANT: Grant | None = None
LISTING: Listing | None = None
PRIVACY: PrivacySource | None = None


class _Ids(TypedDict, total=False):
    sale: Any


class _Sale(Payload):
    sale: Id = Field(min_length=1)
    at: AwareDatetime
    buyer: Text = ""
    what: Text
    price: Amount
    vat: Amount = ZERO


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    return False


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    given = headers.get("x-toy-signature", "").encode()
    if not signature_matches(given, [_signature(body, secret) for secret in secrets]):
        raise BadSignature("the signature does not match")


def sign(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    signature = _signature(body, secret).decode()
    return {"x-toy-topic": topic, "x-toy-currency": "EUR", "x-toy-signature": signature}


def _signature(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


def secret_problem(secret: str) -> Reason | None:
    return because("told", text="that is the till's PIN") if secret.isdigit() else None


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    data, topic = peek(body, _Ids), headers.get("x-toy-topic", "")
    event_id = f"{topic}:{digest(body)}"
    if topic in IGNORED:
        return Ignored(event_id=event_id, topic=topic, reason=IGNORED[topic])
    number = number_of(data.get("sale")) if isinstance(data, dict) else ""
    if topic not in HANDLED or not number:
        return Alarm(event_id=event_id, topic=topic, reason=because("told", text=f"a {topic} without a sale"))
    return ForOrder(event_id=event_id, topic=topic, order_key=str(Key(PLATFORM, shop, ORDER, number)))


def fold(shop: str, order_key: str, events: Sequence[Event]) -> Folded:
    key = Key.parse(order_key)
    read_ones = [(read(_Sale, event, key), event) for event in events]
    sale, event = max(read_ones, key=lambda one: (one[0].at, one[1].body))
    return Order(
        key=order_key,
        platform=PLATFORM,
        shop=shop,
        id=sale.sale,
        number=f"T{sale.sale}",
        currency=event.headers["x-toy-currency"],
        total=sale.price,
        placed_at=sale.at.astimezone(UTC),
        paid_at=sale.at.astimezone(UTC),
        lines=(Line(id="1", title=sale.what, gross=sale.price, taxes=(Tax(amount=sale.vat),)),),
        customer=Customer(last_name=sale.buyer),
        movements=(Movement(method=PaymentMethod.CASH, amount=sale.price),),
    )


def api_request(path: str, key: str, base_url: str) -> ApiRequest:
    return ApiRequest(url=f"{base_url}{path}", headers={"x-toy-key": key})


def recognise(data: object) -> str:
    return topic_of_shape(data, {"sale": ("sale", "price", "vat")})


def as_delivered(body: bytes, topic: str) -> Delivery:
    return Delivery(topic=topic or recognise(whole(body)) or "sale", body=body, guessed=not topic)


def sample(now: datetime) -> Sample:
    sale = {"sale": 17, "at": now.isoformat(), "buyer": "Camille Martin", "what": "Yo-yo", "price": "12.00"}
    body = json.dumps(sale | {"vat": "2.00"}).encode()
    return Sample(shop="jouets", topic="sale", body=body, number="T17", paid=Decimal("12.00"))
