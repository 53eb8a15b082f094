"""Requests about personal data that a platform passed on: what is asked, by when, and carrying one out.

A person starts each of them (docs/adr/0016): nothing is erased because a webhook says so. Carrying out may be
repeated; it ends the request once nothing is left to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

from bridge.desk.erasure import erase_orders, mentions
from bridge.desk.scripts import short
from bridge.desk.values import (
    Erased,
    EventRow,
    Kept,
    KeptAbout,
    KeptOrder,
    NotDone,
    OrderRow,
    Page,
    RawEvent,
    RequestRow,
    State,
    Story,
)
from bridge.errors import NeedsPerson
from bridge.keys import CUSTOMER, Key
from bridge.sources.privacy import PrivacyRequest, Wanted
from bridge.sources.registry import privacy_of
from bridge.sync.index import term
from bridge.texts import text_of
from bridge.valkey.scripts import Scripts

MANY: Final = 200


class Books(Protocol):
    """What this reads of the desk, and how it ends a request."""

    async def orders(
        self, *, state: str = "", shop: str = "", query: str = "", cursor: str = "", limit: int = 50
    ) -> Page[OrderRow]: ...
    async def events(
        self, *, shop: str = "", topic: str = "", cursor: str = "", limit: int = 50
    ) -> Page[EventRow]: ...
    async def event(self, event_id: str) -> RawEvent | None: ...
    async def story(self, key: str) -> Story | None: ...
    async def ignore(self, key: str, reason: str, who: str) -> bool: ...
    async def guests(self, platform: str, shop: str) -> list[str]: ...


async def open_requests(desk: Books) -> tuple[RequestRow, ...]:
    """Those that ask for a person, the most urgent first."""
    found = [await _request_row(desk, row) async for row in _orders(desk, state=State.ATTENTION)]
    return tuple(sorted((each for each in found if each), key=lambda each: (each.due_at, each.key)))


async def find_request(desk: Books, key: str) -> RequestRow:
    """One of them, also when it was carried out. Raises NotDone when there is none of this key."""
    story = await desk.story(key)
    row = await _request_row(desk, story.order) if story else None
    if row is None:
        raise NotDone(f"there is no request {key}: bridge privacy list shows those there are")
    return row


async def carry_out(desk: Books, scripts: Scripts, row: RequestRow, who: str) -> Erased:
    """Erases what the request asks to erase, and ends it unless something is refused. See Desk.carry_out."""
    asked, key = _asked(row), Key.parse(row.key)
    if asked.wanted is Wanted.REPORT:
        raise NotDone(f"request {row.key} asks what is kept, not to erase it")
    await _refuse_before_reports(desk, row)
    if asked.wanted is Wanted.ERASE_SHOP:
        keys = {each.key async for each in _orders(desk, shop=row.shop)}
        strays = [each async for each in _events(desk, row.shop) if not each.order_key]
        guests = await desk.guests(key.platform, key.shop)
    else:
        naming = await mentions(desk, asked.email, row.shop) if asked.email else []
        naming += [each.row async for each in _unattached(desk, row)]
        keys = await _orders_of(desk, scripts, row) | {each.order_key for each in naming if each.order_key}
        strays = [each for each in naming if not each.order_key]
        guests = [str(key.sibling(CUSTOMER, asked.email))] if asked.email else []
    # Each request ends by its own carrying out: two about one buyer do not stand in each other's way.
    erased = await erase_orders(scripts, {key: () for key in keys if privacy_of(key) is None}, who, strays)
    if not erased.refused:
        said = f"carried out: {erased.payloads + erased.unattached} payloads of {len(erased.orders)} orders"
        await end_request(desk, row, f"{said} are gone", who)
        await scripts.run("erase", row.key, short(who), *guests)
    return erased


async def what_is_kept(desk: Books, scripts: Scripts, row: RequestRow) -> KeptAbout:
    """Everything kept here about the buyer who asks: of this shop, and of nobody else."""
    if _asked(row).wanted is not Wanted.REPORT:
        raise NotDone(f"request {row.key} asks to erase, not what is kept")
    stories = [await desk.story(key) for key in sorted(await _orders_of(desk, scripts, row))]
    orders = [await _kept_order(desk, story) for story in stories if story]
    others = [each async for each in _unattached(desk, row)]
    return KeptAbout(request=row, orders=tuple(orders), others=tuple(others))


async def end_request(desk: Books, row: RequestRow, reason: str, who: str) -> None:
    """Nothing is left to do: the request asks for nobody any more, and its alert ends."""
    if row.state is not State.IGNORED:
        await desk.ignore(row.key, reason, who)


async def _refuse_before_reports(desk: Books, row: RequestRow) -> None:
    """What is erased cannot be shown any more to a buyer who asks for it."""
    asked = _asked(row)
    for other in await open_requests(desk):
        theirs = other.asked
        if theirs is None or theirs.wanted is not Wanted.REPORT or other.shop != row.shop:
            continue
        same = asked.customer == theirs.customer or (asked.email and asked.email == theirs.email)
        if same or asked.wanted is Wanted.ERASE_SHOP:
            raise NotDone(f"request {other.key} asks for what this one erases: carry that one out first")


async def _request_row(desk: Books, order: OrderRow) -> RequestRow | None:
    """None when the order is no such request."""
    request = privacy_of(order.key)
    if request is None or order.created_at is None:
        return None
    privacy, topic = request
    raw = await desk.event(f"{order.shop}:{Key.parse(order.key).id}")
    asked: PrivacyRequest | None = None
    problem = "what it asks is gone: it was carried out"
    if raw and raw.row.kept is Kept.KEPT:
        try:
            asked = privacy.request_of(order.shop, topic, raw.body)
        except NeedsPerson as exc:
            problem = text_of(exc.reason)
    elif raw is None or raw.row.kept is Kept.EXPIRED:
        problem = "what it asks has expired"
    return RequestRow(
        key=order.key,
        shop=order.shop,
        topic=topic,
        state=order.state,
        received_at=order.created_at,
        due_at=order.created_at + privacy.TERMS[topic],
        asked=asked,
        problem="" if asked else problem,
    )


def _asked(row: RequestRow) -> PrivacyRequest:
    if row.asked is None:
        raise NotDone(
            f"request {row.key}: {row.problem}; bridge orders show tells its story. To do by hand what it "
            "asks: bridge privacy erase, then bridge orders ignore"
        )
    return row.asked


async def _orders_of(desk: Books, scripts: Scripts, row: RequestRow) -> set[str]:
    """The buyer's orders in this shop: those the request names, and those known under the same customer."""
    asked = _asked(row)
    terms = [term(each) for each in (asked.customer, asked.email) if each]
    known: list[Any] = await scripts.run("find", "", *terms)
    shop = Key.parse(row.key).platform, row.shop
    found = (Key.parse(each[0].decode()) for each in known)
    return set(asked.orders) | {str(key) for key in found if (key.platform, key.shop) == shop}


async def _kept_order(desk: Books, story: Story) -> KeptOrder:
    raws = [await desk.event(event.id) for event in story.events if event.kept is Kept.KEPT]
    return KeptOrder(
        order=story.order, documents=story.documents, payloads=tuple(raw for raw in raws if raw is not None)
    )


async def _unattached(desk: Books, row: RequestRow) -> AsyncIterator[RawEvent]:
    """The buyer's own events that belong to no order, such as a change of address."""
    request, asked = privacy_of(row.key), _asked(row)
    async for event in _events(desk, row.shop):
        raw = await desk.event(event.id) if event.kept is Kept.KEPT and not event.order_key else None
        if raw and request and request[0].is_about(asked, event.topic, raw.body):
            yield raw


async def _orders(desk: Books, **which: str) -> AsyncIterator[OrderRow]:
    async for row in _all(desk.orders, **which):
        yield row


async def _events(desk: Books, shop: str) -> AsyncIterator[EventRow]:
    async for row in _all(desk.events, shop=shop):
        yield row


async def _all(read: Any, **which: str) -> AsyncIterator[Any]:
    cursor = ""
    while True:
        page = await read(cursor=cursor, limit=MANY, **which)
        for row in page.rows:
            yield row
        cursor = page.cursor
        if not cursor:
            return
