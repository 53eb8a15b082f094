"""Stripe's own lists: of events for thirty days, of the things themselves for ever.

A listed event is the very one that a webhook brings, under the same id. Things come as they are now.
https://docs.stripe.com/api/events/list and the like; paging: https://docs.stripe.com/api/pagination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypedDict
from urllib.parse import parse_qsl, urlencode

from bridge.orders import ZERO
from bridge.reasons import Reason, because
from bridge.sources.base import FETCHED, Alarm, ForOrder, Ignored
from bridge.sources.listing import Changed, Created, Listed, Named, Page, Question, Sale
from bridge.sources.reading import Amount, Id, Text, digest, entries, glimpse, peek
from bridge.sources.stripe.facts import FETCHED_KINDS, Clock
from bridge.sources.stripe.payloads import Thing
from bridge.sources.stripe.reading import Currency, Maybe, Moment, Reference, money
from bridge.sources.stripe.receiving import SANE_ID, identify, place_of
from bridge.sources.stripe.topics import KINDS, Kind

EVERY = timedelta(minutes=60)
MEMORY: timedelta | None = timedelta(days=29)
"""Events are kept for 30 days: https://docs.stripe.com/api/events."""
PAGE: Final = 100
TYPES: Final = 20
"""So many types one list of events may ask for."""
_LISTS: Final[Mapping[str, dict[str, object]]] = {
    "/v1/invoices": {"expand[]": "data.payments"},
    "/v1/checkout/sessions": {"status": "complete"},
    "/v1/credit_notes": {},
    "/v1/refunds": {},
}
"""What makes or changes a sale, and how its list is asked for."""


class _Heading(TypedDict, total=False):
    """What is read of any answer and entry."""

    id: Any
    object: Any
    has_more: Any
    next_page: Any
    status: Any


class _Invoice(Thing):
    """The money of an invoice, in minor units."""

    number: Text = ""
    status: Id = ""
    currency: Currency
    total: Amount
    amount_paid: Amount = ZERO
    post_payment_credit_notes_amount: Amount = ZERO
    created: Moment
    livemode: bool | None = None


class _Session(Thing):
    """The money of a Checkout session, in minor units."""

    mode: Id = ""
    invoice: Reference = ""
    payment_intent: Reference = ""
    payment_status: Id = ""
    currency: Currency
    amount_total: Maybe = None
    created: Moment
    livemode: bool | None = None


def paths(question: Question) -> tuple[str, ...]:
    """See `Listing.paths`."""
    match question:
        case Changed(since=since):
            types = sorted(KINDS)
            groups = [types[start : start + TYPES] for start in range(0, len(types), TYPES)]
            bound: dict[str, object] = {"created[gte]": int(since.timestamp())}
            return tuple(_path("/v1/events", bound | {"types[]": group}) for group in groups)
        case Created(since=since, until=until):
            between: dict[str, object] = {
                "created[gte]": int(since.timestamp()),
                "created[lt]": int(until.timestamp()),
            }
            return tuple(_path(path, between | more) for path, more in _LISTS.items())
        case Named(name=name):
            return tuple(_named(name))


def _path(path: str, asked: dict[str, object]) -> str:
    return f"{path}?{urlencode(asked | {'limit': PAGE}, doseq=True)}"


def _named(name: str) -> Iterator[str]:
    """By id, or by the number that an invoice has, with what changed the sale since."""
    if name.startswith("in_") and SANE_ID.fullmatch(name):
        yield f"/v1/invoices/{name}?expand[]=payments"
        yield _path("/v1/credit_notes", {"invoice": name})
    elif name.startswith("cs_") and SANE_ID.fullmatch(name):
        yield f"/v1/checkout/sessions/{name}"
    elif name.startswith("pi_") and SANE_ID.fullmatch(name):
        yield _path("/v1/checkout/sessions", {"payment_intent": name})
        yield _path("/v1/refunds", {"payment_intent": name})
    else:
        number = name.replace("\\", "").replace('"', "")
        yield _path("/v1/invoices/search", {"query": f'number:"{number}"', "expand[]": "data.payments"})


def page(shop: str, path: str, headers: Mapping[str, str], body: bytes) -> Page:
    """See `Listing.page`. What is a draft is no sale yet, and is left out."""
    content = peek(body, _Heading)
    answer: dict[str, Any] = content if isinstance(content, dict) else {}
    if answer.get("object") in FETCHED_KINDS:
        return Page(listed=(_listed(shop, body),))
    found = [(entry, peek(entry, _Heading)) for entry in entries(body, "data")]
    ids = [data.get("id") if isinstance(data, dict) else None for _, data in found]
    return Page(
        listed=tuple(_listed(shop, entry) for entry, data in found if not _is_draft(data)),
        next=_next(path, answer, str(ids[-1])) if ids and answer.get("has_more") is True else "",
    )


def _is_draft(data: object) -> bool:
    return isinstance(data, dict) and data.get("object") == "invoice" and data.get("status") == "draft"


def _next(path: str, answer: Mapping[str, Any], last: str) -> str:
    """Lists go on after an entry, searches at a page that the answer names."""
    address, _, query = path.partition("?")
    onward = {"page": str(answer["next_page"])} if answer.get("next_page") else {"starting_after": last}
    asked = [(name, value) for name, value in parse_qsl(query) if name not in onward]
    return f"{address}?{urlencode([*asked, *onward.items()])}"


def _listed(shop: str, body: bytes) -> Listed:
    content = peek(body, _Heading)
    data: dict[str, Any] = content if isinstance(content, dict) else {}
    if data.get("object") == "event":
        clock = glimpse(Clock, body)
        return Listed(identity=identify(shop, {}, body), body=body, at=clock.created if clock else None)
    kind = FETCHED_KINDS.get(str(data.get("object")))
    event_id = f"{FETCHED}:{str(data.get('id'))[:80]}:{digest(body)}"
    place = place_of(kind, shop, body) if kind else (None, ())
    clock = glimpse(Clock, body)
    match place:
        case Reason() as reason:
            return Listed(identity=Ignored(event_id=event_id, topic=FETCHED, reason=reason), body=body)
        case (None, ()):
            reason = because("stripe_no_order", topic=FETCHED)
            return Listed(identity=Alarm(event_id=event_id, topic=FETCHED, reason=reason), body=body)
        case (order_key, links):
            return Listed(
                identity=ForOrder(event_id=event_id, topic=FETCHED, order_key=order_key, links=links),
                body=body,
                at=clock.latest if clock else None,
                sale=_SALES[kind](order_key, body) if kind in _SALES and order_key else None,
            )


def _sale_of_invoice(key: str, body: bytes) -> Sale | None:
    invoice = glimpse(_Invoice, body)
    if invoice is None or invoice.created is None:
        return None
    return Sale(
        key=key,
        number=invoice.number or invoice.id,
        placed_at=invoice.created,
        total=money(invoice.total, invoice.currency),
        paid=money(invoice.amount_paid, invoice.currency),
        refunded=money(invoice.post_payment_credit_notes_amount, invoice.currency),
        currency=invoice.currency,
        test=invoice.livemode is False,
        cancelled=invoice.status == "void",
    )


def _sale_of_session(key: str, body: bytes) -> Sale | None:
    """None where an invoice tells the sale. What went back is not told by the session."""
    session = glimpse(_Session, body)
    if session is None or session.created is None or session.invoice or session.amount_total is None:
        return None
    total = money(session.amount_total, session.currency)
    return Sale(
        key=key,
        number=session.payment_intent or session.id,
        placed_at=session.created,
        total=total,
        paid=total if session.payment_status == "paid" else ZERO,
        refunded=ZERO,
        currency=session.currency,
        test=session.livemode is False,
    )


_SALES: Final = {Kind.INVOICE: _sale_of_invoice, Kind.CHECKOUT: _sale_of_session}
