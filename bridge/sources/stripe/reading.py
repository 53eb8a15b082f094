"""How Stripe writes money, times, ids and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from bridge.errors import NeedsPerson
from bridge.keys import Key
from bridge.orders import Event, Incomplete, decimal_from
from bridge.reasons import Reason, because
from bridge.sources.reading import Payload, of_our_time, read, read_value
from bridge.sources.stripe.receiving import SANE_ID

ZERO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
"""https://docs.stripe.com/currencies#zero-decimal. ISK and UGX have no minor unit but are sent ×100."""


def decimals(currency: str) -> int:
    """How many decimals an amount of this currency has in Stripe's integers."""
    if currency in ZERO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def money(amount: Decimal, currency: str) -> Decimal:
    """Stripe's integer (minor units) as an amount of `currency` (upper case)."""
    return amount.scaleb(-decimals(currency))


def _moment(value: object) -> datetime | None:
    """Unix seconds. None, and the 0 that some libraries write for it, are None."""
    if value is None or value == 0:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**11:
        raise ValueError("not a time")
    return of_our_time(datetime.fromtimestamp(value, UTC))


def _reference(value: object) -> str:
    """An id, plain or as an expanded object. None is ""."""
    if isinstance(value, dict):
        value = value.get("id")
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not SANE_ID.fullmatch(value):
        raise ValueError("not an id")
    return value


def expanded(value: object) -> object:
    """An object that may come as its bare id, or not at all."""
    if value is None:
        return {}
    return {"id": value} if isinstance(value, str) else value


def _maybe(value: object) -> Decimal | None:
    return None if value is None else decimal_from(value)


def _upper(value: object) -> str:
    if not isinstance(value, str) or len(value) != 3:
        raise ValueError("not a currency")
    return value.upper()


def or_empty(value: object) -> object:
    return () if value is None else value


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Reference = Annotated[str, BeforeValidator(_reference)]
Maybe = Annotated[Decimal | None, BeforeValidator(_maybe)]
Currency = Annotated[str, BeforeValidator(_upper)]


class Listing(Payload):
    """A list of Stripe's, embedded or answered; embedded ones are cut to their first page."""

    data: tuple[dict[str, Any], ...]
    has_more: bool | None = None
    total_count: int | None = None

    @property
    def cut(self) -> bool:
        """There is more than this."""
        return bool(self.has_more) or (self.total_count or 0) > len(self.data)


class PageMissing(Exception):
    """Folding cannot go on without this answer of the API; `fold` returns it."""

    def __init__(self, path: str, reason: Reason, *, needed: bool = True) -> None:
        super().__init__(path)
        self.incomplete = Incomplete(path=path, reason=reason, needed=needed)


B = TypeVar("B", bound=Payload)


def read_pages(
    model: type[B], answers: Mapping[str, Event], path: str, order: Key, reason: Reason
) -> tuple[B, ...]:
    """Every entry of the list at `path`, over all its pages; raises PageMissing for the first that lacks."""
    entries: list[dict[str, Any]] = []
    page, seen = path, set[str]()
    while page in answers and page not in seen:
        seen.add(page)
        listing = read(Listing, answers[page], order)
        entries.extend(listing.data)
        if not listing.has_more:
            return read_entries(model, entries, order, path)
        page = f"{path}&starting_after={_last_id(listing)}"
    if page in seen:
        raise NeedsPerson(because("stripe_endless_list", order=order.id, shop=order.shop, path=path))
    raise PageMissing(page, reason)


def _last_id(listing: Listing) -> str:
    last = listing.data[-1].get("id") if listing.data else None
    return last if isinstance(last, str) and SANE_ID.fullmatch(last) else ""


def read_entries(model: type[B], entries: Sequence[dict[str, Any]], order: Key, part: str) -> tuple[B, ...]:
    """Each entry of the list `part` as `model`; raises NeedsPerson."""
    return tuple(read_value(model, entry, order, part) for entry in entries)
