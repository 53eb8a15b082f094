"""Requests about personal data that a platform passed on: what is asked, by when, and carrying one out.

A person starts each of them (docs/adr/0016): nothing is erased because a webhook says so. Carrying out may be
repeated; it ends the request once nothing is left to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.desk.actions import Desk, short
from bridge.desk.erasure import Erased, erase_orders, guests, mentions
from bridge.desk.queries import every
from bridge.desk.values import DocumentRow, Kept, NotDone, OrderRow, RawEvent, State, Story
from bridge.errors import NeedsPerson
from bridge.keys import CUSTOMER, Key
from bridge.reasons import NO_REASON, Reason, because
from bridge.sources.privacy import PrivacyRequest, Wanted
from bridge.sources.registry import privacy_of
from bridge.sync.index import term


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A request about personal data. `due_at`: the law's term; `asked`: None when its payload is gone or
    cannot be read, and then `problem` says which. `state`: attention while it is open, ignored at its end."""

    key: str
    shop: str
    topic: str
    state: State
    received_at: datetime
    due_at: datetime
    asked: PrivacyRequest | None
    problem: Reason = NO_REASON


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOrder:
    """What is kept of one order of a buyer. It holds personal data."""

    order: OrderRow
    documents: tuple[DocumentRow, ...]
    payloads: tuple[RawEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAbout:
    """Everything kept about the buyer of a request. `others`: events that belong to no order."""

    request: RequestRow
    orders: tuple[KeptOrder, ...]
    others: tuple[RawEvent, ...]


async def open_requests(desk: Desk) -> tuple[RequestRow, ...]:
    """Those that ask for a person, the most urgent first."""
    found = [await _request_row(desk, row) async for row in every(desk.orders, state=State.ATTENTION)]
    return tuple(sorted((each for each in found if each), key=lambda each: (each.due_at, each.key)))


async def find_request(desk: Desk, key: str) -> RequestRow:
    """One of them, also when it was carried out. Raises NotDone when there is none of this key."""
    story = await desk.story(key)
    row = await _request_row(desk, story.order) if story else None
    if row is None:
        raise NotDone(because("no_request", request=key))
    return row


async def carry_out(desk: Desk, row: RequestRow, who: str) -> Erased:
    """Erases, as `erase` does, the webhooks of the orders that the request is about.

    Ends the request when nothing was refused; until then, and after it, it can be carried out again.
    """
    asked, key = _asked(row), Key.parse(row.key)
    if asked.wanted is Wanted.REPORT:
        raise NotDone(because("asks_what_is_kept", request=row.key))
    await _refuse_before_reports(desk, row)
    if asked.wanted is Wanted.ERASE_SHOP:
        keys = {each.key async for each in every(desk.orders, shop=row.shop)}
        strays = [each async for each in every(desk.events, shop=row.shop) if not each.order_key]
        addresses = await guests(desk, key.platform, key.shop)
    else:
        naming = await mentions(desk, asked.email, row.shop) if asked.email else []
        naming += [each.row async for each in _unattached(desk, row)]
        keys = await _orders_of(desk, row) | {each.order_key for each in naming if each.order_key}
        strays = [each for each in naming if not each.order_key]
        addresses = [str(key.sibling(CUSTOMER, asked.email))] if asked.email else []
    # Each request ends by its own carrying out: two about one buyer do not stand in each other's way.
    erased = await erase_orders(desk, {key: () for key in keys if privacy_of(key) is None}, who, strays)
    if not erased.refused:
        payloads = erased.payloads + erased.unattached
        await _end(desk, row, because("carried_out", payloads=payloads, orders=len(erased.orders)), who)
        await desk.scripts.run("erase", row.key, short(who), *addresses)
    return erased


async def what_is_kept(desk: Desk, row: RequestRow) -> KeptAbout:
    """Everything kept here about the buyer who asks: of this shop, and of nobody else.

    Changes nothing: `answered` ends the request.
    """
    if _asked(row).wanted is not Wanted.REPORT:
        raise NotDone(because("asks_to_erase", request=row.key))
    stories = [await desk.story(key) for key in sorted(await _orders_of(desk, row))]
    orders = [await _kept_order(desk, story) for story in stories if story]
    others = [each async for each in _unattached(desk, row)]
    return KeptAbout(request=row, orders=tuple(orders), others=tuple(others))


async def answered(desk: Desk, row: RequestRow, who: str) -> None:
    """What is kept was handed on: the request asks for nobody any more."""
    await _end(desk, row, because("answered"), who)


async def _end(desk: Desk, row: RequestRow, reason: Reason, who: str) -> None:
    """Nothing is left to do: its alert ends too."""
    if row.state is not State.IGNORED:
        await desk.set_aside(row.key, State.IGNORED, reason, who)


async def _refuse_before_reports(desk: Desk, row: RequestRow) -> None:
    """What is erased cannot be shown any more to a buyer who asks for it."""
    asked = _asked(row)
    for other in await open_requests(desk):
        theirs = other.asked
        if theirs is None or theirs.wanted is not Wanted.REPORT or other.shop != row.shop:
            continue
        same = asked.customer == theirs.customer or (asked.email and asked.email == theirs.email)
        if same or asked.wanted is Wanted.ERASE_SHOP:
            raise NotDone(because("asked_to_see_first", request=other.key))


async def _request_row(desk: Desk, order: OrderRow) -> RequestRow | None:
    """None when the order is no such request."""
    request = privacy_of(order.key)
    if request is None or order.created_at is None:
        return None
    privacy, topic = request
    raw = await desk.event(f"{order.shop}:{Key.parse(order.key).id}")
    asked: PrivacyRequest | None = None
    problem = because("request_carried_out")
    if raw and raw.row.kept is Kept.KEPT:
        try:
            asked = privacy.request_of(order.shop, topic, raw.body)
        except NeedsPerson as exc:
            problem = exc.reason
    elif raw is None or raw.row.kept is Kept.EXPIRED:
        problem = because("request_expired")
    return RequestRow(
        key=order.key,
        shop=order.shop,
        topic=topic,
        state=order.state,
        received_at=order.created_at,
        due_at=order.created_at + privacy.TERMS[topic],
        asked=asked,
        problem=NO_REASON if asked else problem,
    )


def _asked(row: RequestRow) -> PrivacyRequest:
    if row.asked is None:
        raise NotDone(because("request_unreadable", request=row.key, why=row.problem))
    return row.asked


async def _orders_of(desk: Desk, row: RequestRow) -> set[str]:
    """The buyer's orders in this shop: those the request names, and those known under the same customer."""
    asked = _asked(row)
    terms = [term(each) for each in (asked.customer, asked.email) if each]
    known: list[Any] = await desk.scripts.run("find", "", *terms)
    scope = Key.parse(row.key).scope
    return set(asked.orders) | {key for each in known if (key := each[0].decode()).startswith(scope)}


async def _kept_order(desk: Desk, story: Story) -> KeptOrder:
    raws = [await desk.event(event.id) for event in story.events if event.kept is Kept.KEPT]
    return KeptOrder(
        order=story.order, documents=story.documents, payloads=tuple(raw for raw in raws if raw is not None)
    )


async def _unattached(desk: Desk, row: RequestRow) -> AsyncIterator[RawEvent]:
    """The buyer's own events that belong to no order, such as a change of address."""
    request, asked = privacy_of(row.key), _asked(row)
    async for event in every(desk.events, shop=row.shop):
        raw = await desk.event(event.id) if event.kept is Kept.KEPT and not event.order_key else None
        if raw and request and request[0].is_about(asked, event.topic, raw.body):
            yield raw
