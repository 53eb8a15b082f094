"""What a platform must say about itself.

A source is a package with the members of `Source` in its `__init__`, and a line in `registry`. It is pure:
bytes and headers in, values out. Tools that several need stand beside this: `reading`, `signatures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from bridge.keys import PAYMENT, Key
from bridge.orders import Event, Folded, Incomplete
from bridge.reasons import Reason
from bridge.sources.access import Grant
from bridge.sources.privacy import PrivacySource
from bridge.sources.subscribing import Subscribing

if TYPE_CHECKING:  # it needs `Identity` itself
    from bridge.sources.listing import Listing

FETCHED = "fetched"
"""Topic of an event that no webhook brought: the bridge found it in the platform's list (`listing`)."""
ANSWER = "answer"
"""Topic of an answer of the platform's API to the question of an `Incomplete`; its id is the path."""
NOTHING = b"{}"
"""The answer that stands for none, where none is needed."""
UNNAMED = "—"
"""What people read where a topic, a number or a name is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForOrder:
    """An event that says something of an order.

    `event_id`: the same for every repetition of this delivery, and for nothing else of this shop. `links`:
    ids of the platform that lead to an order (payment intents, charges). With an `order_key` the event ties
    them to that order; without, it goes to the order that they are, or will be, tied to.
    """

    event_id: str
    topic: str
    order_key: str | None
    links: tuple[str, ...] = ()

    def key(self, platform: str, shop: str) -> str:
        """The order's, or of the place where payment events wait until somebody knows it (record.lua)."""
        return self.order_key or str(Key(platform, shop, PAYMENT, self.links[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """An event of which nothing will come, and why."""

    event_id: str
    topic: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An event that belongs to no order, and why a person must look at it."""

    event_id: str
    topic: str
    reason: Reason


Identity = ForOrder | Ignored | Alarm
"""What receiving needs to know of an event, and nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """A GET to the platform's own API."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A payload as the platform posts it, not yet signed. `guessed`: the topic stands nowhere in it."""

    topic: str
    body: bytes = field(repr=False)
    guessed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A paid sale, made up, as the platform sends it; `bridge demo` lets `shop` sell it.

    `number`: the order's, as people read it. `paid`: in euros, VAT included.
    """

    shop: str
    topic: str
    body: bytes = field(repr=False)
    number: str
    paid: Decimal


def answer_to(wanted: Incomplete, body: bytes, now: datetime) -> Event:
    """What the platform's API answered, as `fold` takes it."""
    return Event(id=wanted.path, topic=ANSWER, body=body, received_at=now)


class Source(Protocol):
    """The members of a platform's package. Header names are lower case."""

    PLATFORM: str
    """Its name in keys and in the configuration."""
    TITLE: str
    """Its name for people."""
    HANDLED: frozenset[str]
    IGNORED: Mapping[str, Reason]
    """Topic → why nothing is done. A topic in neither of the two is alarming."""
    KEPT_HEADERS: frozenset[str]
    """The headers that `fold` may read; they are stored with the body."""
    GRANT: Grant | None
    """How it gives keys that last for hours, if it does."""
    LISTING: Listing | None
    """How it is asked for its sales, if it can be."""
    SUBSCRIBING: Subscribing | None
    """How it is told where to send its webhooks, if it can be."""
    PRIVACY: PrivacySource | None
    """How it passes on requests about personal data, if it does."""

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """The platform tries the address, unsigned: 200 and nothing else."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
        """Raises BadSignature unless one of the secrets signed exactly these bytes, recently enough."""
        ...

    def sign(self, body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
        """The headers with which the platform would post this body, under the id `delivery` where it sends
        one. For the demo, previews and tests."""
        ...

    def secret_problem(self, secret: str) -> Reason | None:
        """Why this can hardly be what signs the webhooks, if something speaks against it."""
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

    def recognise(self, data: object) -> str:
        """The topic that JSON of this shape stands for; "" when it does not look like this platform's."""
        ...

    def as_delivered(self, body: bytes, topic: str) -> Delivery:
        """A payload out of a file, as it would come: a bare object is wrapped, a `topic` of "" told by the
        shape. Raises UnreadableBody."""
        ...

    def sample(self, now: datetime) -> Sample:
        """A sale paid `now`."""
        ...
