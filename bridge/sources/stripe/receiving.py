"""Which Stripe event is this, is it genuine, and to which order does it belong. Nothing else is read.

Keys: an invoice and all that names it is `stripe:{shop}:invoice:{in_…}`; a Checkout session in payment mode
that makes no invoice is `stripe:{shop}:checkout:{cs_…}`. Since basil (2025-03-31) charges and refunds name no
invoice: they are led there by links, which are ids of payment intents, charges and refunds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from bridge.errors import BadSignature
from bridge.sources.base import Identity, digest, peek, signature_matches
from bridge.sources.stripe.topics import ALARMING, HANDLED, KINDS, Kind, ignored_because

TOLERANCE = 300
"""Seconds; the default of Stripe's own libraries: https://docs.stripe.com/webhooks#verify-official-libraries.
They refuse old stamps only; a stamp from the future gains nothing, but is no clock skew either."""
LONGEST_HEADER = 4096
SANE_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_-]{1,250}")
_TYPE = re.compile(r"[A-Za-z0-9_.]{1,100}")
_HEX = re.compile(r"[0-9a-f]{64}")


class _Thing(TypedDict, total=False):
    """Of an invoice, a payment, a session, a charge, a refund or a credit note: what `_PLACES` looks at."""

    id: Any
    mode: Any
    invoice: Any
    invoice_creation: Any
    payment: Any
    payments: Any
    payment_intent: Any
    charge: Any
    refund: Any
    refunds: Any


class _Data(TypedDict, total=False):
    object: _Thing


class _Event(TypedDict, total=False):
    id: Any
    object: Any
    type: Any
    account: Any
    data: _Data


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Stripe signs everything it sends."""
    return False


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Any `v1` of Stripe-Signature, made with any secret (its `whsec_` included), at most 300 s from `now`.

    Source: https://docs.stripe.com/webhooks#verify-manually. Raises BadSignature.
    """
    stamp, signatures = _parse_signature(headers.get("stripe-signature"))
    found = False
    for secret in secrets:
        wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        found |= signature_matches(wanted.encode(), signatures)
    if not found:
        raise BadSignature("the signature does not match")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise BadSignature("the signature is stale")


def _parse_signature(header: str | None) -> tuple[str, list[bytes]]:
    """`t=…,v1=…,v1=…` → the stamp as it was signed, and the signatures. Other schemes are passed over."""
    if not header:
        raise BadSignature("the signature header is missing")
    if len(header) > LONGEST_HEADER:
        raise BadSignature("the signature header is too long")
    items = [item.strip().partition("=") for item in header.split(",")]
    stamps = [value for name, _, value in items if name == "t"]
    if len(stamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", stamps[0]):
        raise BadSignature("the signature header has no usable time")
    signatures = [value.encode() for name, _, value in items if name == "v1" and _HEX.fullmatch(value)]
    if not signatures:
        raise BadSignature("the signature header has no v1 signature")
    return stamps[0], signatures


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """See `Source.identify`.

    Events of connected accounts (`account` is set, https://docs.stripe.com/connect/webhooks) are ignored: the
    seller there is not this firm, so nothing of them may be invoiced.
    """
    event = peek(body, _Event)
    if not isinstance(event, dict):
        return Identity(event_id=digest(body), topic="", alarm="the body is not a Stripe event")
    kind = event.get("type")
    topic = kind if isinstance(kind, str) and _TYPE.fullmatch(kind) else ""
    event_id = event.get("id")
    if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
        alarm = f"the {topic or 'untyped'} event has no usable id; is this address given to Stripe webhooks?"
        return Identity(event_id=digest(body), topic=topic, alarm=alarm)
    if account := event.get("account"):
        reason = f"a sale of the connected account {str(account)[:64]}, which is not this firm's"
        return Identity(event_id=event_id, topic=topic, ignored=reason)
    if reason := ignored_because(topic):
        return Identity(event_id=event_id, topic=topic, ignored=reason)
    if alarm := _alarm(event, topic):
        return Identity(event_id=event_id, topic=topic, alarm=alarm)
    place = _place(shop, topic, event)
    return Identity(
        event_id=event_id,
        topic=topic,
        order_key=place.order_key,
        links=place.links,
        ignored=place.ignored,
        alarm=place.alarm,
    )


def _alarm(event: dict[str, Any], topic: str) -> str:
    if event.get("object") == "v2.core.event":
        return (
            f"{topic} came as a thin event, which has no invoice in it: "
            "in Stripe, give the event destination the payload style Snapshot"
        )
    if topic in ALARMING:
        return ALARMING[topic]
    if topic not in HANDLED:
        return f"{topic or 'an event without type'} is unknown to the bridge: nothing was done with it"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    order_key: str = ""
    links: tuple[str, ...] = ()
    ignored: str = ""
    alarm: str = ""


def _place(shop: str, topic: str, event: dict[str, Any]) -> _Place:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if isinstance(thing, dict):
        place = _PLACES[KINDS[topic]](shop, thing)
        if place.order_key or place.links or place.ignored:
            return place
    return _Place(alarm=f"the {topic} event names no invoice, session or payment; look at its payload")


def _reference(thing: object, *path: str) -> str:
    """An id at `path`, plain or expanded, or ""."""
    for step in path:
        thing = thing.get(step) if isinstance(thing, dict) else None
    if isinstance(thing, dict):
        thing = thing.get("id")
    return thing if isinstance(thing, str) and SANE_ID.fullmatch(thing) else ""


def _some(*ids: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for id_ in ids if id_))


def _items(thing: dict[str, Any], name: str) -> list[Any]:
    listing = thing.get(name)
    found = listing.get("data") if isinstance(listing, dict) else listing
    return found if isinstance(found, list) else []


def _invoice_key(shop: str, invoice: str) -> str:
    return f"stripe:{shop}:invoice:{invoice}" if invoice else ""


def _of_invoice(shop: str, thing: dict[str, Any]) -> _Place:
    paid = [entry.get("payment") for entry in _items(thing, "payments") if isinstance(entry, dict)]
    links = [_reference(payment, name) for payment in paid for name in ("payment_intent", "charge")]
    own = (_reference(thing, "payment_intent"), _reference(thing, "charge"))
    return _Place(order_key=_invoice_key(shop, _reference(thing, "id")), links=_some(*own, *links))


def _of_invoice_payment(shop: str, thing: dict[str, Any]) -> _Place:
    links = _some(_reference(thing, "payment", "payment_intent"), _reference(thing, "payment", "charge"))
    return _Place(order_key=_invoice_key(shop, _reference(thing, "invoice")), links=links)


def _of_checkout(shop: str, thing: dict[str, Any]) -> _Place:
    session, links = _reference(thing, "id"), _some(_reference(thing, "payment_intent"))
    if invoice := _reference(thing, "invoice"):
        return _Place(order_key=_invoice_key(shop, invoice), links=links)
    creation = thing.get("invoice_creation")
    if thing.get("mode") == "setup":
        return _Place(ignored="a session that only saves a payment method")
    if thing.get("mode") == "subscription" or (isinstance(creation, dict) and creation.get("enabled")):
        return _Place(ignored="Stripe makes an invoice for this session: its events make the document")
    return _Place(order_key=f"stripe:{shop}:checkout:{session}" if session else "", links=links)


def _of_charge(shop: str, thing: dict[str, Any]) -> _Place:
    refunds = [_reference(refund, "id") for refund in _items(thing, "refunds")]
    links = _some(_reference(thing, "payment_intent"), _reference(thing, "id"), *refunds)
    return _Place(order_key=_invoice_key(shop, _reference(thing, "invoice")), links=links)


def _of_refund(shop: str, thing: dict[str, Any]) -> _Place:
    invoice = _reference(thing, "charge", "invoice") or _reference(thing, "payment_intent", "invoice")
    names = ("payment_intent", "charge", "id")
    return _Place(
        order_key=_invoice_key(shop, invoice), links=_some(*(_reference(thing, name) for name in names))
    )


def _of_credit_note(shop: str, thing: dict[str, Any]) -> _Place:
    refunds = [_reference(entry, "refund") for entry in _items(thing, "refunds")]
    links = _some(_reference(thing, "refund"), *refunds)
    return _Place(order_key=_invoice_key(shop, _reference(thing, "invoice")), links=links)


_PLACES: Mapping[Kind, Callable[[str, dict[str, Any]], _Place]] = {
    Kind.INVOICE: _of_invoice,
    Kind.INVOICE_PAYMENT: _of_invoice_payment,
    Kind.CHECKOUT: _of_checkout,
    Kind.CHARGE: _of_charge,
    Kind.REFUND: _of_refund,
    Kind.CREDIT_NOTE: _of_credit_note,
}
