"""Which Stripe event is this, and to which order does it belong. Nothing else is read.

Keys: an invoice and all that names it is `stripe:{shop}:invoice:{in_…}`; a Checkout session in payment mode
that makes no invoice is `stripe:{shop}:checkout:{cs_…}`. Since basil (2025-03-31) charges and refunds name no
invoice: they are led there by links, which are ids of payment intents, charges and refunds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from bridge.keys import Key
from bridge.reasons import Reason, because
from bridge.sources.base import UNNAMED, Alarm, ForOrder, Identity, Ignored
from bridge.sources.reading import digest, peek
from bridge.sources.stripe.topics import HANDLED, KINDS, PLATFORM, Kind, ignored_because

SANE_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_-]{1,250}")
_TYPE = re.compile(r"[A-Za-z0-9_.]{1,100}")


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
    context: Any
    data: _Data


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Stripe signs everything it sends."""
    return False


def identify(shop: str, headers: Mapping[str, str], body: bytes) -> Identity:
    """See `Source.identify`.

    Events of connected accounts (`account` is set, https://docs.stripe.com/connect/webhooks) are ignored: the
    seller there is not this firm, so nothing of them may be invoiced.
    """
    event = peek(body, _Event)
    if not isinstance(event, dict):
        return Alarm(event_id=digest(body), topic="", reason=because("stripe_no_event"))
    kind = event.get("type")
    topic = kind if isinstance(kind, str) and _TYPE.fullmatch(kind) else ""
    event_id = event.get("id")
    if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
        no_id = because("stripe_event_without_id", topic=topic or UNNAMED)
        return Alarm(event_id=digest(body), topic=topic, reason=no_id)
    if account := event.get("account"):
        another = because("stripe_connected_account", account=str(account)[:64])
        return Ignored(event_id=event_id, topic=topic, reason=another)
    if ignored := ignored_because(topic):
        return Ignored(event_id=event_id, topic=topic, reason=ignored)
    # https://docs.stripe.com/changelog/basil/2025-04-30/additional-context-organization-events
    if context := event.get("context"):
        whose = because("stripe_organisation_event", account=str(context)[:64])
        return Alarm(event_id=event_id, topic=topic, reason=whose)
    if alarm := _alarm(event, topic):
        return Alarm(event_id=event_id, topic=topic, reason=alarm)
    match _PLACES[KINDS[topic]](shop, _thing(event)):
        case Reason() as reason:
            return Ignored(event_id=event_id, topic=topic, reason=reason)
        case (None, ()):
            return Alarm(event_id=event_id, topic=topic, reason=because("stripe_no_order", topic=topic))
        case (order_key, links):
            return ForOrder(event_id=event_id, topic=topic, order_key=order_key, links=links)


def _alarm(event: Mapping[str, Any], topic: str) -> Reason | None:
    if event.get("object") == "v2.core.event":
        return because("stripe_thin_event", topic=topic)
    if topic in HANDLED:
        return None
    return because("stripe_unknown_topic", topic=topic or UNNAMED)


def _thing(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    return thing if isinstance(thing, dict) else {}


_Place = tuple[str | None, tuple[str, ...]]
"""The key of the order, where the thing names it, and links to it."""


def _reference(thing: object, *path: str) -> str:
    """An id at `path`, plain or expanded, or ""."""
    for step in path:
        thing = thing.get(step) if isinstance(thing, dict) else None
    if isinstance(thing, dict):
        thing = thing.get("id")
    return thing if isinstance(thing, str) and SANE_ID.fullmatch(thing) else ""


def _some(*ids: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for id_ in ids if id_))


def _items(thing: Mapping[str, Any], name: str) -> list[Any]:
    listing = thing.get(name)
    found = listing.get("data") if isinstance(listing, dict) else listing
    return found if isinstance(found, list) else []


def _invoice(shop: str, invoice: str) -> str | None:
    return str(Key(PLATFORM, shop, "invoice", invoice)) if invoice else None


def _of_invoice(shop: str, thing: Mapping[str, Any]) -> _Place:
    paid = [entry.get("payment") for entry in _items(thing, "payments") if isinstance(entry, dict)]
    links = [_reference(payment, name) for payment in paid for name in ("payment_intent", "charge")]
    own = (_reference(thing, "payment_intent"), _reference(thing, "charge"))
    return _invoice(shop, _reference(thing, "id")), _some(*own, *links)


def _of_invoice_payment(shop: str, thing: Mapping[str, Any]) -> _Place:
    links = _some(_reference(thing, "payment", "payment_intent"), _reference(thing, "payment", "charge"))
    return _invoice(shop, _reference(thing, "invoice")), links


def _of_checkout(shop: str, thing: Mapping[str, Any]) -> _Place | Reason:
    session, links = _reference(thing, "id"), _some(_reference(thing, "payment_intent"))
    if invoice := _reference(thing, "invoice"):
        return _invoice(shop, invoice), links
    creation = thing.get("invoice_creation")
    if thing.get("mode") == "setup":
        return because("stripe_session_of_setup")
    if thing.get("mode") == "subscription" or (isinstance(creation, dict) and creation.get("enabled")):
        return because("stripe_session_makes_invoice")
    return str(Key(PLATFORM, shop, "checkout", session)) if session else None, links


def _of_charge(shop: str, thing: Mapping[str, Any]) -> _Place:
    refunds = [_reference(refund, "id") for refund in _items(thing, "refunds")]
    links = _some(_reference(thing, "payment_intent"), _reference(thing, "id"), *refunds)
    return _invoice(shop, _reference(thing, "invoice")), links


def _of_refund(shop: str, thing: Mapping[str, Any]) -> _Place:
    invoice = _reference(thing, "charge", "invoice") or _reference(thing, "payment_intent", "invoice")
    links = _some(*(_reference(thing, name) for name in ("payment_intent", "charge", "id")))
    return _invoice(shop, invoice), links


def _of_credit_note(shop: str, thing: Mapping[str, Any]) -> _Place:
    refunds = [_reference(entry, "refund") for entry in _items(thing, "refunds")]
    return _invoice(shop, _reference(thing, "invoice")), _some(_reference(thing, "refund"), *refunds)


def _of_dispute(shop: str, thing: Mapping[str, Any]) -> _Place:
    return None, _some(_reference(thing, "payment_intent"), _reference(thing, "charge"))


def place_of(kind: Kind, shop: str, body: bytes) -> _Place | Reason:
    """Where a thing belongs that came as it is, in no event. Raises UnreadableBody."""
    thing = peek(body, _Thing)
    return _PLACES[kind](shop, thing if isinstance(thing, dict) else {})


_PLACES: Mapping[Kind, Callable[[str, Mapping[str, Any]], _Place | Reason]] = {
    Kind.INVOICE: _of_invoice,
    Kind.INVOICE_PAYMENT: _of_invoice_payment,
    Kind.CHECKOUT: _of_checkout,
    Kind.CHARGE: _of_charge,
    Kind.REFUND: _of_refund,
    Kind.CREDIT_NOTE: _of_credit_note,
    Kind.DISPUTE: _of_dispute,
}
