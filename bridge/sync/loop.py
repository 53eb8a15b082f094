"""The one job: bring one order's documents in line with its events.

take → fold → plan → act, until nothing is missing; then release the order as done, open, waiting until a
time, ignored, or asking for attention. First delivery, retry, replay and sweep are this same call. It never
raises: what went wrong is stored with the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from bridge.billing.documents import documents_for
from bridge.billing.drafts import Documents
from bridge.billing.late import Late
from bridge.billing.lessons import lesson_of
from bridge.billing.made import LedgerEntry
from bridge.billing.plan import keys_of, next_step
from bridge.billing.questions import QUESTIONS
from bridge.billing.rounding import FirmRounding
from bridge.billing.rules import Gestures, PartialRefunds, Rules
from bridge.billing.steps import CreateInvoice, Rest
from bridge.billing.vat import Vat
from bridge.errors import (
    BridgeError,
    LeaseLost,
    NeedsPerson,
    PaidElsewhere,
    RetryLater,
    StoreUnavailable,
)
from bridge.facturation.quota import Lane
from bridge.failpoints import failpoint
from bridge.keys import EVENT, Key
from bridge.orders import Order, legal_date
from bridge.reasons import Reason, because
from bridge.store.values import HeldOrder, Lease, Outcome
from bridge.sync import questions
from bridge.sync.calls import calls, story_of
from bridge.sync.ending import POISON, Ending, again, bridge_failed, without_order
from bridge.sync.exactly_once import Clock, Ledger, Run
from bridge.sync.exchange import Exchange
from bridge.sync.executor import Executor
from bridge.sync.lease import Background, Renewing, held
from bridge.sync.progress import Progress
from bridge.sync.reading import Reader, Remembering
from bridge.sync.shop import Shop
from bridge.texts import text_of

STEPS = 60
"""More steps than any order needs: a loop would be a bug."""

log = structlog.get_logger("bridge.sync")


@dataclass(frozen=True, slots=True)
class Report:
    """How one run ended, for metrics and alerts.

    `seconds`: how long it took. `invoiced_after`: seconds from the order's first event, when this run made
    its invoice.
    """

    order_key: str
    outcome: Outcome
    reason: Reason
    seconds: float
    invoiced_after: float | None


class SyncStore(Ledger, Renewing, Remembering, questions.Questions, Protocol):
    """What the loop needs of the store, beside the ledger."""

    async def take(self, lease: Lease) -> HeldOrder | None: ...
    async def release(
        self,
        lease: Lease,
        view: HeldOrder,
        outcome: Outcome,
        reason: Reason,
        *,
        after: float = 0.0,
        counted: bool = False,
        calls: str = "",
        keep: Mapping[str, str] | None = None,
    ) -> HeldOrder | None: ...
    async def learn_rounding(self, before: str, after: str, contradiction: str) -> str: ...


class Syncer:
    """Runs `sync_order`. `executor`: one for each lane of the quota. `report` hears how each run ended;
    `unexpected` hears of bugs."""

    def __init__(
        self,
        store: SyncStore,
        executor: Callable[[Lane], Executor],
        shops: Mapping[str, Shop],
        clock: Clock,
        *,
        background: Background,
        exchange: Exchange | None = None,
        report: Callable[[Report], None] = lambda _: None,
        unexpected: Callable[[Exception, str], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._executor = executor
        self._shops = shops
        self._clock = clock
        self._background = background
        self._exchange = exchange
        self._report = report
        self._unexpected = unexpected

    async def sync_order(self, order_key: str) -> None:
        """Takes the order, does what it lacks, lets it go. Does nothing when another worker has it."""
        lease = Lease(order_key=order_key, token=self._clock.token())
        with structlog.contextvars.bound_contextvars(order=order_key):
            try:
                view = await self._store.take(lease)
                if view is None:
                    return
                async with held(lease, self._store, self._background):
                    token = calls.set([])
                    try:
                        while view is not None:
                            view = await self._run(lease, view)
                    finally:
                        calls.reset(token)
            except LeaseLost:
                log.info("lease lost", step="release")
            except StoreUnavailable as exc:
                # The order is still due; whoever sweeps next brings it back.
                log.warning("store unavailable", step="sync", error=str(exc))

    async def _run(self, lease: Lease, view: HeldOrder) -> HeldOrder | None:
        """One run over the order; returns its new view when it changed meanwhile."""
        began = self._clock.boottime()
        progress, end = await self._settle(lease, view)
        log.info(
            "released",
            step="release",
            outcome=end.outcome.value,
            code=end.reason.code,
            reason=text_of(end.reason, personal=False),
            after=round(end.after, 1),
        )
        fresh = await self._store.release(
            lease,
            view,
            end.outcome,
            end.reason,
            after=end.after,
            counted=end.counted,
            calls=story_of(self._clock.now(), end.outcome, end.reason),
            keep=progress.fields(),
        )
        if fresh is None:
            invoiced_after = None
            if progress.invoiced:
                received = min(event.received_at for event in view.events)
                invoiced_after = (self._clock.now() - received).total_seconds()
            seconds = self._clock.boottime() - began
            self._report(Report(lease.order_key, end.outcome, end.reason, seconds, invoiced_after))
        return fresh

    async def _settle(self, lease: Lease, view: HeldOrder) -> tuple[Progress, Ending]:
        """fold → plan → act until there is nothing to do, or something ends it."""
        try:
            known = await self._order_of(lease, view)
        except Exception as exc:
            return Progress(), self._ending_of(exc, lease, view)
        match known:
            case Ending():
                return Progress(), known
            case Late():
                return await self._act(known.order, lease, view, known.vat)
            case Order():
                return await self._act(known, lease, view)

    async def _order_of(self, lease: Lease, view: HeldOrder) -> Order | Late | Ending:
        """What the events say, or why they come to nothing that could be acted on."""
        if view.takes > POISON:
            raise NeedsPerson(because("worker_died", times=view.takes - 1))
        if view.set_aside:
            return Ending(view.set_aside, view.reason)
        if view.reason and Key.parse(lease.order_key).kind == EVENT:
            # A dispute, a request, an unknown topic: it never becomes an order, and what it asked stands.
            raise NeedsPerson(view.reason)
        reader = Reader(self._store, self._clock, self._executor(_lane_of(view)).read)
        known = await reader.understood(self._shop_of(lease.order_key), lease.order_key, view)
        return known if isinstance(known, Order | Late) else without_order(known, view, self._clock)

    async def _act(
        self, order: Order, lease: Lease, view: HeldOrder, vat: Vat | None = None
    ) -> tuple[Progress, Ending]:
        """plan → act. What was done before something ended it is told all the same."""
        progress = Progress(order=order)
        try:
            rules = _since(self._shop_of(lease.order_key).rules, view)
            if view.issue_credit_notes:
                rules = replace(rules, partial_refunds=PartialRefunds.FINAL, gestures=Gestures.CREDIT)
            if self._exchange:
                order = await self._exchange.priced(order, rules)
            run = Run(lease, order, rules, FirmRounding.read(view.rounding))
            executor = self._executor(_lane_of(view))
            records = await self._store.ledger(keys_of(order, rules, view.further))
            made = {key: LedgerEntry.from_record(record) for key, record in records.items()}
            for _ in range(STEPS):
                documents = documents_for(order, rules, run.rounding, made, self._clock.now(), vat)
                rounding = await self._learn(documents, made, run.rounding)
                if rounding != run.rounding:
                    run = replace(run, rounding=rounding)
                    documents = documents_for(order, rules, rounding, made, self._clock.now(), vat)
                if documents.hold.code in QUESTIONS:
                    if ending := await questions.put(self._store, documents.hold, order, view):
                        return progress, ending
                    rules = replace(rules, answers=rules.answers | {documents.hold.code})
                    run = replace(run, rules=rules)
                    continue
                progress = progress.knowing(order, documents, made)
                step = next_step(order, rules, documents, made)
                if isinstance(step, Rest):
                    await questions.settle(self._store, order, view)
                    return progress, self._resting(step, documents)
                log.debug("act", step=type(step).__name__)
                failpoint("sync", "act", type(step).__name__)
                made |= await executor.act(step, run)
                progress = replace(progress, invoiced=progress.invoiced or isinstance(step, CreateInvoice))
            raise NeedsPerson(because("no_end", order=order.number, steps=STEPS))
        except Exception as exc:
            return progress, self._ending_of(exc, lease, view)

    def _resting(self, step: Rest, documents: Documents) -> Ending:
        """Done, unless lines of what left may still be told, or something may still be added."""
        until = documents.waits_until
        if until is None or step.outcome == "attention":
            return Ending(Outcome(step.outcome), step.reason)
        return Ending(
            Outcome.WAITING,
            documents.wait or because("waits_for_lines"),
            (until - self._clock.now()).total_seconds(),
        )

    async def _learn(
        self, documents: Documents, made: Mapping[str, LedgerEntry], known: FirmRounding
    ) -> FirmRounding:
        """What is known of the firm's rounding by now; others may have learnt more meanwhile."""
        lesson = lesson_of(documents, made, known)
        if lesson.known == known:
            return known
        wrong = lesson.wrong.as_json() if lesson.wrong else ""
        return FirmRounding.read(await self._store.learn_rounding(known.text, lesson.known.text, wrong))

    def _shop_of(self, order_key: str) -> Shop:
        name = Key.parse(order_key).shop
        if name not in self._shops:
            raise NeedsPerson(because("shop_not_configured", shop=name))
        return self._shops[name]

    def _ending_of(self, exc: Exception, lease: Lease, view: HeldOrder) -> Ending:
        """What the class of an error says happens next. What concerns the run itself is raised again."""
        match exc:
            case RetryLater():
                return again(exc, view, self._clock)
            case PaidElsewhere():
                return self._paid_elsewhere(exc.other, lease)
            case NeedsPerson():
                return Ending(Outcome.ATTENTION, exc.reason)
            case BridgeError():
                raise exc
        self._unexpected(exc, lease.order_key)
        # A warning: an error in the log would be a second report of the same to Sentry.
        log.warning("unexpected", step="sync", exc_info=exc)
        return bridge_failed(exc, view, self._clock)

    def _paid_elsewhere(self, other: str, lease: Lease) -> Ending:
        """A sale that another source tells too is no sale of its own, where the shop says who leads."""
        shop, first = self._shop_of(lease.order_key), Key.parse(other).shop
        if first in shop.rules.defer_to:
            return Ending(Outcome.IGNORED, because("paid_elsewhere_known", other=other))
        return Ending(Outcome.ATTENTION, because("paid_elsewhere", other=other, shop=first))


def _since(rules: Rules, view: HeldOrder) -> Rules:
    """From which day on orders are invoiced: every one that is ours already."""
    heard = legal_date(view.first_heard) if view.first_heard else None
    return replace(rules, invoice_from=None if view.ours else rules.invoice_from or heard)


def _lane_of(view: HeldOrder) -> Lane:
    """An order that failed before leaves the last of the quota to those that were not tried yet."""
    if view.lane:
        return Lane(view.lane)
    return Lane.RETRY if view.attempts else Lane.LIVE
