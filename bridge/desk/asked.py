"""What operations are asked, checked alike for every face; unknown names are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
)

from bridge.desk.values import State

Cursor = Annotated[
    str, Field(pattern=r"^([0-9]{1,16} \S.*)?$", description="Of the page before; empty: the first.")
]
Limit = Annotated[int, Field(ge=1, le=1000, description="Rows on a page.")]
Who = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40),
    Field(description="Who does it; kept with the order."),
]
Because = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    Field(pattern=r"\S", description="Why; kept with the order."),
]
ShopName = Annotated[str, Field(pattern="^[a-z0-9_-]{0,40}$", description="Of this shop only.")]


def _written(value: object) -> object:
    """pydantic would also take a number for a time."""
    if not isinstance(value, datetime) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", str(value)):
        raise ValueError("write 2026-11-22T03:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)


class Asked(BaseModel):
    """What an operation is asked: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AskedPage(Asked):
    """Which part of a list."""

    cursor: Cursor = ""
    limit: Limit = 50


class AskedTime(AskedPage):
    """Of which time."""

    since: Moment = Field(default=LONG_AGO, description="Not older than this.")
    until: Moment = Field(default=NEVER, description="Not newer than this.")


class AskedOrders(AskedTime):
    """Which orders."""

    state: State | Literal[""] = Field(default="", description="In this state only.")
    shop: ShopName = ""
    query: str = Field(
        default="",
        max_length=300,
        description="Number, key, document number, customer, or an e-mail or its SHA-256; whole.",
    )


class AskedEvents(AskedPage):
    """Which events."""

    shop: ShopName = ""
    topic: str = Field(default="", max_length=100, description="With this topic only.")


class Doing(Asked):
    """An action."""

    who: Who = "api"


class DoingBecause(Doing):
    """An action that others will ask about."""

    reason: Because


class Crediting(Doing):
    """Issuing the credit note of one refund."""

    refund: str = Field(min_length=1, max_length=200, description="The refund's id, as the story has it.")


class Replaying(Doing):
    """Which orders are gone over again: of these events, or what `since` or `failed_only` name."""

    events: list[str] = Field(default=[], max_length=500, description="Event ids, as lists show them.")
    since: Annotated[datetime, BeforeValidator(_written)] | None = Field(
        default=None, description="What happened since then."
    )
    failed_only: StrictBool = Field(default=False, description="Only what asks for attention or failed.")
    shop: ShopName = ""
