"""The reading desk: what people see. Nothing here changes anything."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import zstandard

from bridge.alerts.outbox import current
from bridge.desk import feed
from bridge.desk.figures import HOURS, Stats, counted, hours_of, percentiles, shop_stats
from bridge.desk.operations import (
    Cursor,
    Limit,
    Query,
    ShopName,
    Since,
    StateName,
    Topic,
    Until,
    operation,
)
from bridge.desk.rows import (
    Links,
    action_rows,
    call_rows,
    document_row,
    event_row,
    float_text,
    kind_of,
    order_row,
    run_rows,
    text,
)
from bridge.desk.shops import ShopSigns, signs_of
from bridge.desk.values import (
    AlertShown,
    DocumentRow,
    EventRow,
    Happening,
    OrderRow,
    Page,
    RawEvent,
    Row,
    State,
    Story,
    Unknown,
    UnknownOrder,
)
from bridge.facturation.quota import Quota
from bridge.reasons import because
from bridge.settings.loading import Settings
from bridge.store.store import Store
from bridge.store.values import moment
from bridge.sync.index import terms_in
from bridge.valkey.scripts import COMMON, Scripts

PAGE: Final = 200
LOOK: Final = 5000
"""So many entries are looked at for one page; a page may then be short, and its cursor goes on."""

SCRIPTS: Final = (
    *("orders", "find", "story", "events", "event", "stats"),
    *("resume", "set_aside", "replayable", "erase", "blank", "answer"),
)

_LISTS = {
    State.ATTENTION: ("attention", ""),
    State.WAITING: ("waiting", "waiting"),
    State.IN_HAND: ("waiting", "in_hand"),
    State.OPEN: ("open", ""),
    State.IGNORED: ("ignored", ""),
    State.DONE: ("orders", "done"),
}


class ReadingDesk:
    """The orders and events of one installation, to look at. Everything raises StoreUnavailable."""

    def __init__(self, store: Store, settings: Settings, quota: Quota) -> None:
        self.store = store
        self._platforms = {name: shop.platform for name, shop in sorted(settings.shops.items())}
        self._quota = quota
        self._links = Links(settings.facturation.base_url, settings.facturation.firm_id)
        self.scripts = Scripts(store.redis, "desk", SCRIPTS, COMMON, "desk/common")

    @operation("list_orders", "orders")
    async def orders(
        self,
        *,
        state: StateName = "",
        shop: ShopName = "",
        query: Query = "",
        since: Since = None,
        until: Until = None,
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> Page[OrderRow]:
        """Orders, newest activity first.

        That is their last event, or with a state that has its own list their coming into it.
        `query`: an order's number, key or customer, a document's number, an e-mail address or its SHA-256,
        whole. `since`, `until`: their last event, or with such a state their coming into it, lies between
        these. With `state` done a page may be short of `limit`: its cursor says whether there is more.
        """
        if query:
            found = await self._found(query, state, shop)
            return Page(rows=tuple(row for row in found if _between(row.active_at, since, until)))
        listed, wanted = _LISTS[State(state)] if state else ("orders", "")
        newest, last = _place(cursor)
        if until and not cursor:
            newest = _ms(until)
        oldest = _ms(since) if since else "-inf"
        answer = await self.scripts.run("orders", listed, newest, last, wanted, shop, limit, LOOK, oldest)
        rows = tuple(order_row(row, self._links) for row in answer[1:])
        return Page(rows=rows, cursor=_cursor(answer[0]))

    async def _found(self, query: str, state: str, shop: str) -> list[OrderRow]:
        answer = await self.scripts.run("find", query.strip(), *terms_in(query))
        rows = [order_row(row, self._links) for row in answer]
        rows = [row for row in rows if state in ("", row.state) and shop in ("", row.shop)]
        rows.sort(key=lambda row: row.active_at or datetime.min.replace(tzinfo=UTC), reverse=True)
        return rows

    @operation("read_order", "orders/{key}")
    async def known_story(self, key: str) -> Story:
        """One order's story: what came, what was made of it, and why.

        Raises UnknownOrder.
        """
        story = await self.story(key)
        if story is None:
            raise UnknownOrder(because("no_order", order=key))
        return story

    async def story(self, key: str) -> Story | None:
        """Everything known of one order, None when there is no such order."""
        answer = await self.scripts.run("story", key)
        if answer is None:
            return None
        row, documents, further, working, due, events, calls, actions = answer
        return Story(
            order=order_row(row, self._links),
            events=tuple(event_row(event) for event in events),
            documents=await self._documents(key, documents, text(further).split()),
            calls=call_rows(calls),
            runs=run_rows(calls),
            actions=action_rows(actions),
            working=bool(working),
            due_at=moment(float_text(due)),
        )

    async def _documents(
        self, key: str, remembered: bytes | None, further: Sequence[str]
    ) -> tuple[DocumentRow, ...]:
        planned: list[list[str]] = json.loads(remembered) if remembered else [["invoice", key, ""]]
        records = await self.store.ledger([*further, *(document[1] for document in planned)])
        known = {document[1] for document in planned}
        attached = (name for name in further if records.get(name, {}).get("attached"))
        planned += [[kind_of(records[name]), name, ""] for name in attached if name not in known]
        rows = (
            document_row(kind, name, wanted, records.get(name), self._links) for kind, name, wanted in planned
        )
        return tuple(row for row in rows if row.id or row.wanted is not None)

    @operation("list_events", "events")
    async def events(
        self, *, shop: ShopName = "", topic: Topic = "", cursor: Cursor = "", limit: Limit = 50
    ) -> Page[EventRow]:
        """Webhooks, newest first, the ignored ones too.

        Of the last 50,000. A page may be short, as of `orders`.
        """
        answer = await self.scripts.run("events", *_place(cursor), shop, topic, limit, LOOK)
        return Page(rows=tuple(event_row(row) for row in answer[1:]), cursor=_cursor(answer[0]))

    @operation("read_event", "events/{id}")
    async def known_event(self, event_id: str) -> RawEvent:
        """A webhook as it came. It holds personal data.

        Raises Unknown.
        """
        event = await self.event(event_id)
        if event is None:
            raise Unknown(because("no_event", event=event_id))
        return event

    async def event(self, event_id: str) -> RawEvent | None:
        """One event as it came, by the id that lists show (`{shop}:{id}`). None when unknown or expired."""
        answer = await self.scripts.run("event", event_id)
        if answer is None:
            return None
        row, headers, body = answer
        return RawEvent(
            row=event_row(row),
            headers=json.loads(headers) if headers else {},
            body=zstandard.decompress(body) if body else b"",
        )

    async def feed(self, after: str = "", *, limit: int = 100, wait_ms: int = 0) -> list[Happening]:
        """What happened since the entry `after`, oldest first; without it, the last `limit`.

        `wait_ms`: as long as this for something to happen, under the client's own time-out.
        """
        if after:
            return await feed.after(self.store.redis, after, limit, wait_ms)
        return await feed.last_of(self.store.redis, limit)

    @operation("list_activity", "activity")
    async def activity(
        self, *, since: Since = None, until: Until = None, cursor: Cursor = "", limit: Limit = 50
    ) -> Page[Happening]:
        """What happened between two moments, newest first; of the last ten thousand entries."""
        return await feed.page_of(self.store.redis, since, until, cursor, limit)

    @operation("list_alerts", "alerts", under="alerts")
    async def alerts(self) -> tuple[AlertShown, ...]:
        """What somebody must look at now, worst and oldest first."""
        return await current(self.store)

    async def signs(self, shop: str) -> ShopSigns:
        """A shop's signs of life: deliveries by topic, wrong signatures."""
        return await signs_of(self.store.redis, shop, self._platforms[shop])

    @operation("list_shops", "shops", under="shops")
    async def shops(self) -> tuple[ShopSigns, ...]:
        """Each shop's signs of life."""
        return tuple([await self.signs(name) for name in self._platforms])

    @operation("read_stats", "stats")
    async def stats(self) -> Stats:
        """The system in figures.

        Two round trips, whatever is stored.
        """
        now_ms, counts, oldest, since, hours, shops = await self.scripts.run("stats", HOURS, *self._platforms)
        now = moment(now_ms) or datetime.now(UTC)
        found = counted(hours)
        everything, *several = counts
        states = (State.WAITING, State.ATTENTION, State.OPEN, State.IGNORED)
        per_state = dict(zip(states, several, strict=True))
        return Stats(
            now=now,
            orders=per_state | {State.DONE: max(0, everything - sum(several))},
            hours=hours_of(found, now),
            shops={text(name): shop_stats(found, text(name), moment(last), now) for name, last in shops},
            latency=percentiles(found, now),
            oldest=order_row(oldest[0], self._links) if oldest else None,
            oldest_since=moment(float_text(since)),
            quota=await self._quota.state(),
        )


async def every(read: Callable[..., Awaitable[Page[Row]]], **which: str) -> AsyncIterator[Row]:
    """All rows of `Desk.orders` or `Desk.events`, page by page."""
    cursor = ""
    while True:
        page = await read(cursor=cursor, limit=PAGE, **which)
        for row in page.rows:
            yield row
        cursor = page.cursor
        if not cursor:
            return


def _place(cursor: str) -> tuple[str, str]:
    score, _, last = cursor.partition(" ")
    return (score, last) if last else ("+inf", "")


def _ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _between(moment: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    return moment is not None and (since is None or moment >= since) and (until is None or moment <= until)


def _cursor(place: Sequence[bytes]) -> str:
    return " ".join(map(text, place))
