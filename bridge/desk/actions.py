"""What people decide about orders: each action is one atomic script, may be repeated, and is written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from bridge.billing.earlier import EARLIER, PAID_SINCE
from bridge.billing.questions import QUESTIONS
from bridge.desk.attaching import Firm, attach, attached_in, balance, detach, document_of, refuse_others
from bridge.desk.operations import (
    Because,
    DocumentNumber,
    DryRun,
    EventIds,
    FailedOnly,
    RefundId,
    ShopName,
    Since,
    Who,
    operation,
)
from bridge.desk.queries import ReadingDesk, every
from bridge.desk.rows import text
from bridge.desk.values import Balance, NotDone, Replayed, State, UnknownOrder
from bridge.facturation.quota import Quota
from bridge.reasons import NO_REASON, Reason, because, reason_from
from bridge.settings.loading import Settings
from bridge.store.store import PREFIX, REHINT, Store
from bridge.valkey.scripts import redis_errors

CROWD: Final = 20
"""A replay of more orders than this gives way to new ones."""
SPACING_MS: Final = 20
"""Between two orders of a big replay."""
LET_GO_SECONDS: Final = 3.0
"""How long a worker may take to let go of an order that a person wants to set aside."""
TAKEN_IN: Final = ("taken_in", "1")
"""What is kept with an order that is invoiced here whenever it was placed."""
LONGEST_TEXT: Final = 500
"""Of a reason or a name that a person gives."""


def short(given: str) -> str:
    """What a person wrote, on one line and not too long."""
    return " ".join(given.split())[:LONGEST_TEXT]


class Desk(ReadingDesk):
    """The one desk of console, API and commands. Everything raises StoreUnavailable; actions raise NotDone
    when they cannot be done, UnknownOrder when there is no such order."""

    def __init__(self, store: Store, settings: Settings, quota: Quota, firm: Firm) -> None:
        super().__init__(store, settings, quota)
        self._retention_days = settings.retention_days
        self._firm = firm
        self._scopes = tuple(f"{shop.platform}:{name}:" for name, shop in settings.shops.items())

    @operation("retry_order", "orders/{key}/retry", acts=True, under="done")
    async def retry(self, key: str, who: Who = "api") -> bool:
        """Looks at the order again, now.

        False when it is in hand already.
        """
        return await self._resume(key, who, "retry")

    @operation("replay", "replay", acts=True, leaving="progress")
    async def replay(
        self,
        who: Who = "api",
        *,
        events: EventIds = (),
        since: Since = None,
        failed_only: FailedOnly = False,
        shop: ShopName = "",
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Replayed:
        """Looks again at the orders of these events, or of a time. Nothing is made twice.

        `failed_only`: that ask for attention or wait after a failure. What a person set aside is left alone.
        `progress`: hears (done, of how many). More than a few orders give way to new ones.
        """
        keys = await self.replayable(events=events, since=since, failed_only=failed_only, shop=shop)
        return await self._resume_all(keys, who, "replay", progress=progress)

    async def _resume_all(
        self,
        keys: Sequence[str],
        who: str,
        what: str,
        *,
        field: tuple[str, str] = ("", ""),
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> Replayed:
        crowd = len(keys) > CROWD
        resumed: list[str] = []
        already: list[str] = []
        refused: dict[str, Reason] = {}
        for n, key in enumerate(keys):
            try:
                delay = n * SPACING_MS if crowd else None
                done = await self._resume(key, who, what, delay=delay, field=field)
                (resumed if done else already).append(key)
            except NotDone as exc:
                refused[key] = exc.reason
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
            answer = await self.scripts.run("replayable", start, int(failed_only), shop)
            keys |= dict.fromkeys(text(key) for key in answer)
        return list(keys)

    async def _order_of(self, event_id: str) -> str:
        event = await self.event(event_id)
        if event is None:
            raise NotDone(because("no_event", event=event_id))
        if not event.row.order_key:
            raise NotDone(because("event_without_order", event=event_id, why=event.row.note))
        return event.row.order_key

    @operation("accept_difference", "orders/{key}/accept", acts=True, under="done")
    async def accept(self, key: str, who: Who = "api") -> bool:
        """Takes its documents' totals as they are, an order placed before `invoice_from` in, or accepts the
        question that it asks for all orders.

        False when that was done already.
        """
        story = await self.known_story(key)
        if story.order.reason.code in EARLIER:
            return await self._resume(key, who, "take_in", field=TAKEN_IN)
        if story.order.reason.code in QUESTIONS:
            await self.scripts.run("answer", story.order.shop, story.order.reason.code, short(who))
            return await self._resume(key, who, "accept", because("question_accepted"))
        wrong = [document for document in story.documents if document.differs]
        taken_in = any(action.what == "take_in" for action in story.actions)
        if not wrong and (taken_in or any(each.accepted is not None for each in story.documents)):
            return False
        if not wrong or story.order.state is not State.ATTENTION:
            raise NotDone(because("no_difference", order=key))
        changes: list[str] = []
        for document in wrong:
            was = await self._record(document.key)
            record = json.loads(was)
            if Decimal(record.get("total", "0")) != document.total:
                raise NotDone(because("just_changed", order=key))
            becomes = json.dumps(record | {"accepted": record["total"]}, separators=(",", ":"))
            changes += [document.key, was, becomes]
        totals = [because("other_total", total=str(each.total), wanted=str(each.wanted)) for each in wrong]
        return await self._resume(key, who, "accept", because("accepted", totals=totals), changes=changes)

    @operation("accept_earlier", "accept-earlier", acts=True)
    async def accept_earlier(self, shop: ShopName, who: Who = "api") -> Replayed:
        """Takes in all orders of a shop that were placed before its `invoice_from` and paid since."""
        asking = [each async for each in every(self.orders, state=State.ATTENTION, shop=shop)]
        keys = [each.key for each in asking if each.reason.code == PAID_SINCE]
        return await self._resume_all(keys, who, "take_in", field=TAKEN_IN)

    @operation("issue_credit_note", "orders/{key}/credit-note", acts=True, under="done")
    async def issue_credit_note(self, key: str, refund: RefundId, who: Who = "api") -> bool:
        """Issues the refund's credit note now, and final.

        And what other credit notes the order still lacks, whatever the shop's rule about partial refunds.
        """
        story = await self.known_story(key)
        notes = [document for document in story.documents if document.kind == "credit_note"]
        mine = next((note for note in notes if note.refund_id == refund), None)
        if mine is None:
            known = ", ".join(note.refund_id for note in notes) or "–"
            raise NotDone(because("no_refund", order=key, refund=refund, known=known))
        if mine.id and not mine.draft:
            return False
        others = [note.refund_id for note in notes if note is not mine and (not note.id or note.draft)]
        said = because("credited", refund=refund)
        if others:
            said = because("credited_with_others", refund=refund, others=", ".join(others))
        return await self._resume(key, who, "issue_credit_note", said, field=("credit", "final"))

    @operation("attach_document", "orders/{key}/attach", acts=True)
    async def attach(
        self, key: str, number: DocumentNumber, who: Who = "api", *, dry_run: DryRun = False
    ) -> Balance:
        """Counts a document that a person made among the order's.

        Where something is left then, the order asks, and a retry makes the rest.
        """
        story = await self.known_story(key)
        record = await document_of(self._firm, number)
        refuse_others(story, record, self._scopes)
        then = balance(story, number, record.total_with_vat or Decimal(0), done=not dry_run)
        if not dry_run:
            await attach(self.store, story, record)
            await self._after(then, "attach", who)
        return then

    @operation("detach_document", "orders/{key}/detach", acts=True)
    async def detach(
        self, key: str, number: DocumentNumber, who: Who = "api", *, dry_run: DryRun = False
    ) -> Balance:
        """Counts a document that was attached no more; it stays in Facturation.pro as it is."""
        story = await self.known_story(key)
        mine = attached_in(story, number)
        then = balance(story, number, -(mine.total or Decimal(0)), done=not dry_run)
        if not dry_run:
            await detach(self.store, story, mine)
            await self._after(then, "detach", who)
        return then

    async def _after(self, then: Balance, what: str, who: str) -> None:
        """An order whose books agree is gone over; any other asks, so that nothing is made unasked."""
        said = because(
            "attached" if what == "attach" else "detached",
            document=then.document,
            sale=then.sale,
            documents=then.documents,
            left=then.left,
            currency=then.currency,
        )
        if not then.left:
            await self._resume(then.order, who, what, said)
            return
        await self.set_aside(then.order, State.ATTENTION, said, who)

    @operation("ignore_order", "orders/{key}/ignore", acts=True, under="done")
    async def ignore(self, key: str, reason: Because, who: Who = "api") -> bool:
        """Leaves the order alone, whatever comes, until somebody retries it."""
        return await self.set_aside(key, State.IGNORED, reason_from(short(reason)), who)

    @operation("send_to_person", "orders/{key}/send-to-person", acts=True, under="done")
    async def send_to_person(self, key: str, reason: Because, who: Who = "api") -> bool:
        """Does nothing about the order until a person has looked and retries it."""
        return await self.set_aside(key, State.ATTENTION, reason_from(short(reason)), who)

    async def _record(self, key: str) -> str:
        with redis_errors("record"):
            reading: Any = self.store.redis.hget(f"{PREFIX}ledger:{key}", "record")
            return text(await reading)

    async def _resume(
        self,
        key: str,
        who: str,
        what: str,
        reason: Reason = NO_REASON,
        *,
        delay: int | None = None,
        field: tuple[str, str] = ("", ""),
        changes: Sequence[str] = (),
    ) -> bool:
        backfill = delay is not None
        named = (key, short(who), what, reason.as_json() if reason.code else "")
        answer = text(
            await self.scripts.run("resume", *named, int(backfill), delay or 0, REHINT, *field, *changes)
        )
        match answer:
            case "unknown":
                raise UnknownOrder(because("no_order", order=key))
            case "expired":
                raise NotDone(because("webhooks_gone", order=key, days=self._retention_days))
            case "changed":
                raise NotDone(because("just_changed", order=key))
        return answer == "done"

    async def set_aside(self, key: str, state: State, reason: Reason, who: str) -> bool:
        """The order is left in this state until somebody retries it."""
        if not reason:
            raise NotDone(because("say_why", order=key))
        said = (state, reason.as_json(), timedelta(days=self._retention_days))
        give_up = asyncio.get_running_loop().time() + LET_GO_SECONDS
        while True:
            answer = text(await self.scripts.run("set_aside", key, short(who), *said))
            if answer == "unknown":
                raise UnknownOrder(because("no_order", order=key))
            if answer != "busy":
                return answer == "done"
            if asyncio.get_running_loop().time() > give_up:
                raise NotDone(because("in_a_workers_hands", order=key))
            await asyncio.sleep(0.1)
