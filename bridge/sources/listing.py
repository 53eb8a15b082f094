"""What a platform says when it is asked for its sales, instead of telling them.

A platform that can be asked has a module with the members of `Listing`, which its `LISTING` names. It is
pure: paths out, answers in. Who asks, waits, counts and pages stands in `bridge.looking`. A listed thing
enters as an event, by the same way as a webhook: there is no second way to make a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bridge.sources.base import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """All that changed at `since` or later, by the platform's clock."""

    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """All that was placed from `since` on and before `until`, by the platform's clock."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The sale of this number, as people read it, or of this id."""

    name: str


Question = Changed | Created | Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What the platform's own list says of a sale, read without the fold: a second opinion.

    `key`: the order's. `total`: what was sold, VAT included, before anything went back; `paid`: the money
    that came; `refunded`: the money that went back, positive. Amounts are in `currency`, upper case.
    """

    key: str
    number: str
    placed_at: datetime
    total: Decimal
    paid: Decimal
    refunded: Decimal
    currency: str
    test: bool = False
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One entry of a list, ready to be recorded.

    `identity`: of the event that it enters as; the same state of the same thing has the same `event_id`, so
    that it is a duplicate. An entry that cannot be read is an `Alarm`, never a stop. `at`: when it last
    changed, by the platform's clock, None where it does not say. `sale`: None for what is no sale by itself
    (a refund, an event) or whose money cannot be read.
    """

    identity: Identity
    body: bytes = field(repr=False)
    at: datetime | None = None
    sale: Sale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer. `next`: the path of the page after it, "" at the end. `total`: how many entries the whole
    list has from this page on, where the platform says."""

    listed: tuple[Listed, ...]
    next: str = ""
    total: int | None = None


class Listing(Protocol):
    """The members of such a module. Paths are relative to the API's root, as `Source.api_request` wants them:
    no answer can lead the key to another host."""

    EVERY: timedelta
    """How often it is asked what has changed, by what its webhooks are known to lose."""
    MEMORY: timedelta | None
    """How far back `Changed` reaches; what changed before is only found by `Created`. None: to the start."""

    def paths(self, question: Question) -> tuple[str, ...]:
        """The first page of each list that together answers the question."""
        ...

    def page(self, shop: str, path: str, headers: Mapping[str, str], body: bytes) -> Page:
        """What the answer to `path` says. Header names are lower case. Raises UnreadableBody when it is not
        JSON of the platform's form."""
        ...
