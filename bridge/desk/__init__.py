"""The desk: what people see of the orders, and what they decide about them.

Console, API, commands and the assistant's tools all sit at this one desk. Reading is paged; each action is
one atomic script, may be repeated, and is written down with the order: who, when, what.
"""

from __future__ import annotations

from bridge.desk.actions import Desk
from bridge.desk.offers import Offer, offers
from bridge.desk.shops import ShopSigns
from bridge.desk.values import (
    ActionRow,
    CallRow,
    DocumentRow,
    Entry,
    Erased,
    EventRow,
    Happening,
    Hour,
    Kept,
    KeptAbout,
    KeptOrder,
    NotDone,
    OrderRow,
    Page,
    RawEvent,
    Replayed,
    RequestRow,
    RunRow,
    ShopStats,
    State,
    Stats,
    Story,
    UnknownOrder,
)

__all__ = [
    "ActionRow",
    "CallRow",
    "Desk",
    "DocumentRow",
    "Entry",
    "Erased",
    "EventRow",
    "Happening",
    "Hour",
    "Kept",
    "KeptAbout",
    "KeptOrder",
    "NotDone",
    "Offer",
    "OrderRow",
    "Page",
    "RawEvent",
    "Replayed",
    "RequestRow",
    "RunRow",
    "ShopSigns",
    "ShopStats",
    "State",
    "Stats",
    "Story",
    "UnknownOrder",
    "offers",
]
