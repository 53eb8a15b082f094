"""What requests to the API say, and what its answers show beside the desk's own values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, StringConstraints

from bridge.api.openapi import Asked
from bridge.desk import EventRow, State

Cursor = Annotated[
    str, Field(pattern=r"^([0-9]{1,16} \S.*)?$", description="Of the page before; empty: the first.")
]
Limit = Annotated[int, Field(ge=1, le=200, description="Rows on a page.")]
Who = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40),
    Field(description="Who does it; kept with the order."),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Field(pattern=r"\S", description="Why; kept with the order."),
]
ShopName = Annotated[str, Field(pattern="^[a-z0-9_-]{0,40}$", description="Of this shop only.")]


def _written(value: object) -> object:
    """In a query pydantic would also take a number for a time."""
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("write 2026-11-22T03:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


class OrdersQuery(Asked):
    """Which orders."""

    state: State | Literal[""] = Field(default="", description="In this state only.")
    shop: ShopName = ""
    query: str = Field(
        default="",
        max_length=300,
        description="Number, key, document number, customer, or an e-mail or its SHA-256; whole.",
    )
    since: Moment = Field(default=LONG_AGO, description="Not older than this.")
    until: Moment = Field(default=NEVER, description="Not newer than this.")
    cursor: Cursor = ""
    limit: Limit = 50


class ActivityQuery(Asked):
    """What happened when."""

    since: Moment = Field(default=LONG_AGO, description="Not older than this.")
    until: Moment = Field(default=NEVER, description="Not newer than this.")
    cursor: Cursor = ""
    limit: Limit = 50


class EventsQuery(Asked):
    """Which events."""

    shop: ShopName = ""
    topic: str = Field(default="", max_length=100, description="With this topic only.")
    cursor: Cursor = ""
    limit: Limit = 50


class Doing(Asked):
    """An action."""

    who: Who = "api"


class DoingWithReason(Doing):
    """An action that others will ask about."""

    reason: Reason


class Crediting(Doing):
    """Issuing the credit note of one refund."""

    refund: str = Field(min_length=1, max_length=200, description="The refund's id, as the story has it.")


class Replaying(Doing):
    """Which orders are gone over again: of these events, or what `since` or `failed_only` name."""

    events: list[str] = Field(default=[], max_length=500, description="Event ids, as lists show them.")
    since: datetime | None = Field(default=None, description="What happened since then.")
    failed_only: bool = Field(default=False, description="Only what asks for attention or failed.")
    shop: ShopName = ""


class Done(BaseModel):
    """`done`: false when there was nothing to do, because it was done or asked for already."""

    done: bool


class EventShown(BaseModel):
    """An event as it came. `body`: its text, "" when it was erased. It holds personal data."""

    event: EventRow
    headers: Mapping[str, str]
    body: str


class CheckShown(BaseModel):
    """One check of /health."""

    status: Literal["pass", "warn", "fail"]
    observed: Any
    since: str
    reason: str = ""


class HealthShown(BaseModel):
    """As /health, always with 200."""

    status: Literal["pass", "warn", "fail"]
    checks: Mapping[str, CheckShown]


class AlertShown(BaseModel):
    """What somebody must look at now. `orders`: the first few of `count`; `runbook`: where the documentation
    tells all about it."""

    name: str
    key: str
    severity: Literal["critical", "warning"]
    since: datetime
    text: str
    meaning: str
    check: str
    cure: str
    runbook: str
    shop: str
    count: int
    orders: tuple[str, ...]


class AlertsShown(BaseModel):
    """The alerts that stand, worst and oldest first."""

    alerts: tuple[AlertShown, ...]


class ShopShown(BaseModel):
    """A shop's signs of life. `last`: topic → its last delivery; `refused`: deliveries in a row without a
    valid signature, `refused_since` the first of them, `refused_at` the last one ever."""

    name: str
    platform: str
    topics: tuple[str, ...]
    last_event: datetime | None
    last: Mapping[str, datetime]
    refused: int
    refused_since: datetime | None
    refused_at: datetime | None


class ShopsShown(BaseModel):
    """The configured shops."""

    shops: tuple[ShopShown, ...]
