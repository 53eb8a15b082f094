"""`bridge privacy erase`: a buyer asks to be forgotten (GDPR, article 17).

What the law makes the seller keep is in Facturation.pro and stays there. Here the payloads go, and what finds
them; orders that still need theirs are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from bridge.desk.rows import text
from bridge.desk.scripts import short
from bridge.desk.values import Erased, EventRow, Kept, Page, RawEvent
from bridge.keys import CUSTOMER, Key
from bridge.sync.index import term
from bridge.valkey.scripts import Scripts


class Events(Protocol):
    """What erasing reads of the desk."""

    async def events(
        self, *, shop: str = "", topic: str = "", cursor: str = "", limit: int = 50
    ) -> Page[EventRow]: ...
    async def event(self, event_id: str) -> RawEvent | None: ...


async def erase(desk: Events, scripts: Scripts, whom: str, who: str) -> Erased:
    """See Desk.erase."""
    by_email = "@" in whom
    keys = {text(row[0]) for row in await scripts.run("find", "", term(whom))}
    strays = await mentions(desk, whom) if by_email else []
    keys |= {event.order_key for event in strays if event.order_key}
    # A guest's ledger key is the e-mail address itself; the record's other key is a digest.
    forget = {key: (str(Key.parse(key).sibling(CUSTOMER, whom.lower())),) if by_email else () for key in keys}
    return await erase_orders(scripts, forget, who, [event for event in strays if not event.order_key])


async def erase_orders(
    scripts: Scripts, forget: Mapping[str, Iterable[str]], who: str, unattached: Iterable[EventRow]
) -> Erased:
    """Erases these orders (key → the ledger's keys that go with it), and these events without an order."""
    orders: list[str] = []
    refused: dict[str, str] = {}
    payloads = 0
    for key, names in sorted(forget.items()):
        told, detail = await scripts.run("erase", key, short(who), *names)
        if text(told) == "done":
            orders.append(key)
            payloads += detail
        elif text(told) == "unfinished":
            refused[key] = f"it is not finished ({text(detail)}): settle or ignore it, then run this again"
    gone = 0
    for event in unattached:
        gone += await scripts.run("blank", event.id)
    return Erased(orders=tuple(orders), payloads=payloads, unattached=gone, refused=refused)


async def mentions(desk: Events, email: str, shop: str = "") -> list[EventRow]:
    """The events whose payload names this address: those without an order are in no index."""
    needle, cursor = email.lower().encode(), ""
    found: list[EventRow] = []
    while True:
        page = await desk.events(shop=shop, cursor=cursor, limit=200)
        for row in page.rows:
            event = await desk.event(row.id) if row.kept is Kept.KEPT else None
            if event and needle in event.body.lower():
                found.append(row)
        cursor = page.cursor
        if not cursor:
            return found
