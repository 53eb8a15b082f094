"""Everything that people ask of the desk, in one table: terminal, `/api` and console are faces of it.

Each operation is a function (desk, key, what is asked) → what it gives; `key`: of the order or event it is
about. Faces check what they are asked, and write what they answer, by the types that the function names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_type_hints

from pydantic import BaseModel

from bridge.desk.actions import Desk
from bridge.desk.asked import (
    Asked,
    AskedEvents,
    AskedOrders,
    AskedTime,
    Crediting,
    Doing,
    DoingBecause,
    Replaying,
)
from bridge.desk.figures import Stats
from bridge.desk.shops import Shops
from bridge.desk.values import EventRow, Happening, OrderRow, Page, RawEvent, Replayed, Story, Unknown
from bridge.reasons import because


@dataclass(frozen=True, slots=True)
class Done:
    """`done`: false when there was nothing to do, because it was done or asked for already."""

    done: bool


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


@dataclass(frozen=True, slots=True)
class AlertsShown:
    """The alerts that stand, worst and oldest first."""

    alerts: tuple[AlertShown, ...]


Run = Callable[[Desk, str, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the table. `path`: under /api; `{key}` or `{id}` in it is the order or event it is about.
    `acts`: it changes something, and is written down."""

    name: str
    path: str
    summary: str
    asked: type[Asked]
    gives: Any
    acts: bool
    run: Run

    @property
    def about(self) -> str:
        """`key`, `id`, or "" when it is about no order or event."""
        return self.path.partition("{")[2].partition("}")[0]


OPERATIONS: Final[dict[str, Operation]] = {}
"""By name."""


def operation(path: str, *, acts: bool = False) -> Callable[[Run], Operation]:
    """Makes a function a line of the table; its docstring is what people read of it."""

    def register(run: Run) -> Operation:
        types, name, summary = get_type_hints(run), run.__name__, run.__doc__ or ""
        made = Operation(name, path, summary, types["asked"], types["return"], acts, run)
        OPERATIONS[name] = made
        return made

    return register


@operation("orders")
async def list_orders(desk: Desk, key: str, asked: AskedOrders) -> Page[OrderRow]:
    """Orders, those with the newest event first."""
    return await desk.orders(**dict(asked))


# Actions before the order itself, whose key may hold slashes.
@operation("orders/{key}/retry", acts=True)
async def retry_order(desk: Desk, key: str, asked: Doing) -> Done:
    """Looks at the order again, now."""
    return Done(await desk.retry(key, asked.who))


@operation("orders/{key}/accept", acts=True)
async def accept_difference(desk: Desk, key: str, asked: Doing) -> Done:
    """Takes its documents' totals as they are, in place of the order's."""
    return Done(await desk.accept(key, asked.who))


@operation("orders/{key}/credit-note", acts=True)
async def issue_credit_note(desk: Desk, key: str, asked: Crediting) -> Done:
    """Issues the refund's credit note, final."""
    return Done(await desk.issue_credit_note(key, asked.refund, asked.who))


@operation("orders/{key}/ignore", acts=True)
async def ignore_order(desk: Desk, key: str, asked: DoingBecause) -> Done:
    """Leaves the order alone, whatever comes, until somebody retries it."""
    return Done(await desk.ignore(key, asked.reason, asked.who))


@operation("orders/{key}/send-to-person", acts=True)
async def send_to_person(desk: Desk, key: str, asked: DoingBecause) -> Done:
    """Does nothing about the order until a person has looked and retries it."""
    return Done(await desk.send_to_person(key, asked.reason, asked.who))


@operation("orders/{key}")
async def read_order(desk: Desk, key: str, asked: Asked) -> Story:
    """One order's story: what came, what was made of it, and why."""
    return await desk.known_story(key)


@operation("events")
async def list_events(desk: Desk, key: str, asked: AskedEvents) -> Page[EventRow]:
    """Webhooks, newest first, the ignored ones too."""
    return await desk.events(**dict(asked))


@operation("events/{id}")
async def read_event(desk: Desk, key: str, asked: Asked) -> RawEvent:
    """A webhook as it came. It holds personal data."""
    event = await desk.event(key)
    if event is None:
        raise Unknown(because("no_event", event=key))
    return event


@operation("replay", acts=True)
async def replay(desk: Desk, key: str, asked: Replaying) -> Replayed:
    """Looks again at the orders of these events, or of a time. Nothing is made twice."""
    return await desk.replay(**dict(asked))


@operation("activity")
async def list_activity(desk: Desk, key: str, asked: AskedTime) -> Page[Happening]:
    """What happened, newest first."""
    return await desk.activity(**dict(asked))


@operation("alerts")
async def list_alerts(desk: Desk, key: str, asked: Asked) -> AlertsShown:
    """What somebody must look at now."""
    standing = await desk.alerts()
    return AlertsShown(tuple(AlertShown.model_validate(alert.as_dict()) for alert in standing))


@operation("shops")
async def list_shops(desk: Desk, key: str, asked: Asked) -> Shops:
    """Each shop's signs of life."""
    return await desk.shops()


@operation("stats")
async def read_stats(desk: Desk, key: str, asked: Asked) -> Stats:
    """The system in figures."""
    return await desk.stats()
