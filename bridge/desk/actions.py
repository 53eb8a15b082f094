"""The desk: what people decide, beside what they see; see the package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from redis.exceptions import RedisError

from bridge.desk.erasure import erase
from bridge.desk.queries import ReadingDesk
from bridge.desk.requests import carry_out, end_request, find_request, open_requests, what_is_kept
from bridge.desk.rows import text
from bridge.desk.scripts import short, unknown
from bridge.desk.values import Erased, KeptAbout, NotDone, Replayed, RequestRow, State, Story, UnknownOrder
from bridge.errors import StoreUnavailable
from bridge.facturation.quota import Quota
from bridge.keys import CUSTOMER, Key
from bridge.settings.loading import Settings
from bridge.store.store import PREFIX, REHINT, Store

CROWD: Final = 20
"""A replay of more orders than this gives way to new ones."""
SPACING_MS: Final = 20
"""Between two orders of a big replay."""
PATIENCE: Final = 3.0
"""Seconds to wait for a worker to let go of an order that a person wants to set aside."""


class Desk(ReadingDesk):
    """See the module. Every method raises StoreUnavailable without Redis; actions raise NotDone when they
    cannot be done, UnknownOrder when there is no such order."""

    def __init__(self, store: Store, settings: Settings, quota: Quota | None = None) -> None:
        super().__init__(store, settings, quota)
        self._retention_days = settings.retention_days

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

    async def guests(self, platform: str, shop: str) -> list[str]:
        """The ledger's keys that are e-mail addresses, of one shop."""
        start, pattern = f"{PREFIX}ledger:", Key(platform, shop, CUSTOMER, "*@*")
        try:
            keys = self._store.redis.scan_iter(match=f"{start}{pattern}", count=1000)
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
