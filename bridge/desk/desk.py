"""Reading and deciding; see the package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import zstandard
from redis.exceptions import RedisError

from bridge.alertbook import current
from bridge.alerts import Alert
from bridge.desk import feed
from bridge.desk.erasure import erase
from bridge.desk.requests import carry_out, end_request, find_request, open_requests, what_is_kept
from bridge.desk.rows import (
    HOURS,
    Links,
    action_rows,
    call_rows,
    counted,
    document_row,
    event_row,
    float_text,
    hours_of,
    order_row,
    percentiles,
    run_rows,
    shop_stats,
    text,
)
from bridge.desk.scripts import Scripts, short, unknown
from bridge.desk.shops import ShopSigns, signs_of
from bridge.desk.values import (
    DocumentRow,
    Erased,
    EventRow,
    Happening,
    KeptAbout,
    NotDone,
    OrderRow,
    Page,
    RawEvent,
    Replayed,
    RequestRow,
    State,
    Stats,
    Story,
    UnknownOrder,
)
from bridge.errors import StoreUnavailable
from bridge.facturation.quota import Quota
from bridge.found import terms_in
from bridge.settings import Settings
from bridge.store import PREFIX, REHINT, Store
from bridge.store_values import moment

LOOK: Final = 5000
"""So many entries are looked at for one page; a page may then be short, and its cursor goes on."""
CROWD: Final = 20
"""A replay of more orders than this gives way to new ones."""
SPACING_MS: Final = 20
"""Between two orders of a big replay."""
PATIENCE: Final = 3.0
"""Seconds to wait for a worker to let go of an order that a person wants to set aside."""

_LISTS = {
    State.ATTENTION: ("attention", ""),
    State.WAITING: ("waiting", "waiting"),
    State.IN_HAND: ("waiting", "in_hand"),
    State.OPEN: ("open", ""),
    State.IGNORED: ("ignored", ""),
    State.DONE: ("orders", "done"),
}


class Desk:
    """See the module. Every method raises StoreUnavailable without Redis; actions raise NotDone when they
    cannot be done, UnknownOrder when there is no such order."""

    def __init__(self, store: Store, settings: Settings, quota: Quota | None = None) -> None:
        self._store = store
        self._shops = sorted(settings.shops)
        self._retention_days = settings.retention_days
        self._quota = quota
        self._links = Links(settings.facturation.base_url, settings.facturation.firm_id)
        self._scripts = Scripts(store.redis)

    # ------------------------------------------------------------------------------------------- reading

    async def orders(
        self,
        *,
        state: str = "",
        shop: str = "",
        query: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page[OrderRow]:
        """Orders, those with the newest event first; with a state that has its own list, newest in it first.

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
        answer = await self._scripts.run("orders", listed, newest, last, wanted, shop, limit, LOOK, oldest)
        rows = tuple(order_row(row, self._links) for row in answer[1:])
        return Page(rows=rows, cursor=_cursor(answer[0]))

    async def _found(self, query: str, state: str, shop: str) -> list[OrderRow]:
        answer = await self._scripts.run("find", query.strip(), *terms_in(query))
        rows = [order_row(row, self._links) for row in answer]
        rows = [row for row in rows if state in ("", row.state) and shop in ("", row.shop)]
        rows.sort(key=lambda row: row.active_at or datetime.min.replace(tzinfo=UTC), reverse=True)
        return rows

    async def story(self, key: str) -> Story | None:
        """Everything known of one order, None when there is no such order."""
        answer = await self._scripts.run("story", key)
        if answer is None:
            return None
        row, documents, working, due, events, calls, actions = answer
        return Story(
            order=order_row(row, self._links),
            events=tuple(event_row(event) for event in events),
            documents=await self._documents(key, documents),
            calls=call_rows(calls),
            runs=run_rows(calls),
            actions=action_rows(actions),
            working=bool(working),
            due_at=moment(float_text(due)),
        )

    async def _documents(self, key: str, remembered: bytes | None) -> tuple[DocumentRow, ...]:
        planned: list[list[str]] = json.loads(remembered) if remembered else [["invoice", key, ""]]
        records = await self._store.ledger([document[1] for document in planned])
        rows = (
            document_row(kind, name, wanted, records.get(name), self._links) for kind, name, wanted in planned
        )
        return tuple(row for row in rows if row.id or row.wanted is not None)

    async def events(
        self, *, shop: str = "", topic: str = "", cursor: str = "", limit: int = 50
    ) -> Page[EventRow]:
        """Events, newest first, ignored ones too; of the last 50,000. A page may be short, as of `orders`."""
        answer = await self._scripts.run("events", *_place(cursor), shop, topic, limit, LOOK)
        return Page(rows=tuple(event_row(row) for row in answer[1:]), cursor=_cursor(answer[0]))

    async def event(self, event_id: str) -> RawEvent | None:
        """One event as it came, by the id that lists show (`{shop}:{id}`). None when unknown or expired."""
        answer = await self._scripts.run("event", event_id)
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
            return await feed.after(self._store.redis, after, limit, wait_ms)
        return await feed.last_of(self._store.redis, limit)

    async def activity(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page[Happening]:
        """What happened between two moments, newest first; of the last ten thousand entries."""
        return await feed.page_of(self._store.redis, since, until, cursor, limit)

    async def alerts(self) -> tuple[Alert, ...]:
        """What was raised and is not over, worst and oldest first."""
        return await current(self._store)

    async def signs(self, shop: str) -> ShopSigns:
        """A shop's signs of life: deliveries by topic, wrong signatures."""
        return await signs_of(self._store.redis, shop)

    async def stats(self) -> Stats:
        """The figures: two round trips, whatever is stored."""
        now_ms, counts, oldest, since, hours, shops = await self._scripts.run("stats", HOURS, *self._shops)
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
            quota=await self._quota.state() if self._quota else None,
        )

    # ------------------------------------------------------------------------------------------- actions

    async def retry(self, key: str, who: str) -> bool:
        """Looks at the order again, now. False when it is in hand already."""
        return await self._resume(key, who, "retry")

    async def replay(
        self,
        who: str,
        *,
        events: Sequence[str] = (),
        since: datetime | None = None,
        failed_only: bool = False,
        shop: str = "",
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Replayed:
        """Looks again at the orders of these events, or at those that something happened to `since` then.

        `failed_only`: that ask for attention or wait after a failure. What a person set aside is left alone.
        `progress`: hears (done, of how many). More than a few orders give way to new ones.
        """
        keys = await self.replayable(events=events, since=since, failed_only=failed_only, shop=shop)
        crowd = len(keys) > CROWD
        resumed: list[str] = []
        already: list[str] = []
        refused: dict[str, str] = {}
        for n, key in enumerate(keys):
            try:
                delay = n * SPACING_MS if crowd else None
                (resumed if await self._resume(key, who, "replay", delay=delay) else already).append(key)
            except NotDone as exc:
                refused[key] = str(exc)
            progress(n + 1, len(keys))
        return Replayed(resumed=tuple(resumed), already=tuple(already), refused=refused)

    async def replayable(
        self,
        *,
        events: Sequence[str] = (),
        since: datetime | None = None,
        failed_only: bool = False,
        shop: str = "",
    ) -> list[str]:
        """The orders that `replay` would look at again."""
        keys = dict.fromkeys([await self._order_of(event_id) for event_id in events])
        if since or failed_only:
            start = int(since.timestamp() * 1000) if since else 0
            answer = await self._scripts.run("replayable", start, int(failed_only), shop)
            keys |= dict.fromkeys(text(key) for key in answer)
        return list(keys)

    async def _order_of(self, event_id: str) -> str:
        event = await self.event(event_id)
        if event is None:
            raise NotDone(f"event {event_id} is unknown or expired: see bridge events list")
        if not event.row.order_key:
            raise NotDone(f"event {event_id} belongs to no order ({event.row.note}): nothing to replay")
        return event.row.order_key

    async def accept(self, key: str, who: str) -> bool:
        """Takes the totals that the order's documents have in place of those they should have.
        False when they were taken already."""
        story = await self._story(key)
        wrong = [document for document in story.documents if document.differs]
        if not wrong and any(document.accepted is not None for document in story.documents):
            return False
        if not wrong or story.order.state is not State.ATTENTION:
            raise NotDone(f"order {key} has no document with another total than it should have")
        changes: list[str] = []
        for document in wrong:
            was = await self._record(document.key)
            record = json.loads(was)
            if Decimal(record.get("total", "0")) != document.total:
                raise NotDone(f"order {key} has just changed: look at it again")
            becomes = json.dumps(record | {"accepted": record["total"]}, separators=(",", ":"))
            changes += [document.key, was, becomes]
        said = ", ".join(f"{document.total} in place of {document.wanted}" for document in wrong)
        return await self._resume(key, who, "accept", said, changes=changes)

    async def issue_credit_note(self, key: str, refund_id: str, who: str) -> bool:
        """Makes the order's credit notes now, and final, whatever the shop's rule about partial refunds."""
        story = await self._story(key)
        notes = [document for document in story.documents if document.kind == "credit_note"]
        mine = next((note for note in notes if note.refund_id == refund_id), None)
        if mine is None:
            known = ", ".join(note.refund_id for note in notes) or "none"
            raise NotDone(f"order {key} has no refund {refund_id} to credit (its refunds: {known})")
        if mine.id and not mine.draft:
            return False
        others = [note.refund_id for note in notes if note is not mine and (not note.id or note.draft)]
        said = ", ".join([f"refund {refund_id}", *(f"and with it refund {each}" for each in others)])
        return await self._resume(key, who, "issue_credit_note", said, field=("credit", "final"))

    async def ignore(self, key: str, reason: str, who: str) -> bool:
        """The bridge leaves this order alone, whatever comes, until somebody retries it."""
        return await self._set_aside(key, State.IGNORED, reason, who)

    async def send_to_person(self, key: str, reason: str, who: str) -> bool:
        """The order asks for attention, whatever comes, until somebody retries it."""
        return await self._set_aside(key, State.ATTENTION, reason, who)

    async def _record(self, key: str) -> str:
        try:
            reading: Any = self._store.redis.hget(f"{PREFIX}ledger:{key}", "record")
            return text(await reading)
        except (RedisError, OSError) as exc:
            raise StoreUnavailable(f"record: {type(exc).__name__}: {exc}") from exc

    async def erase(self, whom: str, who: str) -> Erased:
        """Deletes the webhooks of a buyer, by e-mail address or customer (`shopify:boutique:customer:7001`),
        from the finished orders, and the terms that find them. What it refuses, it names.

        Kept: the orders' numbers, amounts and documents, which name nobody. Not touched: Facturation.pro.
        """
        return await erase(self, self._scripts, whom.strip(), who)

    # ---------------------------------------------------------------------- requests about personal data

    async def requests(self) -> tuple[RequestRow, ...]:
        """The open ones that platforms passed on, the most urgent first."""
        return await open_requests(self)

    async def request(self, key: str) -> RequestRow:
        """One of them, open or ended. Raises NotDone when there is none of this key."""
        return await find_request(self, key)

    async def carry_out(self, row: RequestRow, who: str) -> Erased:
        """Erases, as `erase` does, the webhooks of the orders that the request is about.

        Ends the request when nothing was refused; until then, and after it, it can be carried out again.
        """
        return await carry_out(self, self._scripts, row, who)

    async def what_is_kept(self, row: RequestRow) -> KeptAbout:
        """What is kept about the buyer of a request for it. Changes nothing: `answered` ends the request."""
        return await what_is_kept(self, self._scripts, row)

    async def answered(self, row: RequestRow, who: str) -> None:
        """What is kept was handed on: the request asks for nobody any more."""
        await end_request(self, row, "answered: what is kept was written out", who)

    async def guests(self, scope: str) -> list[str]:
        """The ledger's keys that are e-mail addresses. `scope`: `platform:shop:`."""
        start = f"{PREFIX}ledger:"
        try:
            keys = self._store.redis.scan_iter(match=f"{start}{scope}customer:*@*", count=1000)
            return [text(key).removeprefix(start) async for key in keys]
        except (RedisError, OSError) as exc:
            raise StoreUnavailable(f"guests: {type(exc).__name__}: {exc}") from exc

    async def _story(self, key: str) -> Story:
        story = await self.story(key)
        if story is None:
            raise UnknownOrder(unknown(key))
        return story

    async def _resume(
        self,
        key: str,
        who: str,
        what: str,
        reason: str = "",
        *,
        delay: int | None = None,
        field: tuple[str, str] = ("", ""),
        changes: Sequence[str] = (),
    ) -> bool:
        backfill = delay is not None
        rehint = int(REHINT.total_seconds() * 1000)
        named = (key, short(who), what, short(reason))
        answer = text(
            await self._scripts.run("resume", *named, int(backfill), delay or 0, rehint, *field, *changes)
        )
        match answer:
            case "unknown":
                raise UnknownOrder(unknown(key))
            case "expired":
                raise NotDone(
                    f"order {key}: its webhooks are gone (kept {self._retention_days} days after it was "
                    "finished, or erased): there is nothing to start from"
                )
            case "changed":
                raise NotDone(f"order {key} has just changed: look at it again")
        return answer == "done"

    async def _set_aside(self, key: str, state: State, reason: str, who: str) -> bool:
        if not reason.strip():
            raise NotDone(f"order {key}: say why, for those who find it later")
        said = (state, short(reason), self._retention_days * 86_400_000)
        give_up = asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = text(await self._scripts.run("set_aside", key, short(who), *said))
            if answer == "unknown":
                raise UnknownOrder(unknown(key))
            if answer != "busy":
                return answer == "done"
            if asyncio.get_running_loop().time() > give_up:
                raise NotDone(f"order {key}: a worker is at it now: try again in a moment")
            await asyncio.sleep(0.1)


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
