"""The one job: bring one order's documents in line with its events.

take → fold → plan → act, until nothing is missing; then release the order as done, open, waiting until a
time, ignored, or asking for attention. First delivery, retry, replay and sweep are this same call. It never
raises: what went wrong is stored with the order, in words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from bridge.billing.documents import documents_for
from bridge.billing.made import LedgerEntry
from bridge.billing.plan import keys_of, next_step
from bridge.billing.rules import PartialRefunds, Rules
from bridge.billing.steps import CreateInvoice, Rest
from bridge.billing.totals import ALL, Rounding
from bridge.errors import AccessRefused, BridgeError, LeaseLost, NeedsPerson, RetryLater, StoreUnavailable
from bridge.facturation.quota import Lane
from bridge.failpoints import failpoint
from bridge.orders import Event, Folded, Ignored, Incomplete, Unfinished
from bridge.sources.base import FETCHED, Source
from bridge.store.store import LEASE
from bridge.store.values import HeldOrder, Lease, Outcome
from bridge.sync.exactly_once import Clock, Ledger, Run
from bridge.sync.executor import Executor
from bridge.sync.index import remembered, terms_of

GIVE_UP = timedelta(hours=72)
"""After so long of failing, or of waiting for the rest of an order, a person is asked."""
POISON = 5
"""An order taken so often without ever being let go has been killing its worker."""
STEPS = 60
"""More steps than any order needs: a loop would be a bug."""
PAGES = 40
"""At most so many answers are fetched from a platform for one order."""

log = structlog.get_logger("bridge.sync.loop")

calls: ContextVar[list[dict[str, Any]] | None] = ContextVar("calls", default=None)
"""The API calls of the run in hand, for the order's story; the client's `on_call` adds to it."""


def note_call(at: datetime, call: str, outcome: str, seconds: float) -> None:
    """Adds an API call to the story of the order in hand, if there is one."""
    noted = calls.get()
    if noted is not None:
        when = at.isoformat(timespec="milliseconds")
        noted.append({"at": when, "call": call, "outcome": outcome, "ms": round(seconds * 1000)})


Fetch = Callable[[str], Awaitable[bytes]]
"""path → body, from the platform's own API. Raises RetryLater or NeedsPerson."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One configured shop. `fetch`: None without a `platform_api_key`."""

    name: str
    source: Source
    rules: Rules
    fetch: Fetch | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How one run ended, for metrics and alerts.

    `seconds`: how long it took. `invoiced_after`: seconds from the order's first event, when this run made
    its invoice.
    """

    order_key: str
    outcome: Outcome
    reason: str
    seconds: float
    invoiced_after: float | None


class SyncStore(Ledger, Protocol):
    """What the loop needs of the store, beside the ledger."""

    async def take(self, lease: Lease) -> HeldOrder | None: ...
    async def extend(self, lease: Lease) -> bool: ...
    async def release(
        self,
        lease: Lease,
        view: HeldOrder,
        outcome: Outcome,
        reason: str,
        *,
        after: float = 0.0,
        counted: bool = False,
        calls: str = "",
        keep: Mapping[str, str] | None = None,
    ) -> HeldOrder | None: ...
    async def keep_fetched(self, order_key: str, path: str, body: bytes) -> None: ...


class Background(Protocol):
    """Runs something beside the loop, as long as the loop has the order."""

    def __call__(self, renewal: Callable[[], Awaitable[bool]], every: float) -> Callable[[], None]:
        """Calls `renewal` every so many seconds until it says False; returns what stops it."""
        ...


class Syncer:
    """See the module. `executor`: one for each lane of the quota. `report` hears how each run ended;
    `unexpected` hears of bugs."""

    def __init__(
        self,
        store: SyncStore,
        executor: Callable[[Lane], Executor],
        shops: Mapping[str, Shop],
        clock: Clock,
        *,
        background: Background,
        report: Callable[[Report], None] = lambda _: None,
        unexpected: Callable[[Exception, str], None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._executor = executor
        self._shops = shops
        self._clock = clock
        self._background = background
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
                async with self._held(lease):
                    while view is not None:
                        view = await self._run(lease, view)
            except LeaseLost:
                log.info("lease lost", step="release")
            except StoreUnavailable as exc:
                # The order is still due; whoever sweeps next brings it back.
                log.warning("store unavailable", step="sync", error=str(exc))

    @asynccontextmanager
    async def _held(self, lease: Lease) -> AsyncIterator[None]:
        async def renew() -> bool:
            try:
                return await self._store.extend(lease)
            except StoreUnavailable:
                return True

        stop = self._background(renew, LEASE.total_seconds() / 3)
        token = calls.set([])
        try:
            yield
        finally:
            stop()
            calls.reset(token)

    async def _run(self, lease: Lease, view: HeldOrder) -> HeldOrder | None:
        """One run over the order; returns its new view when it changed meanwhile."""
        keep: dict[str, str] = {}
        began = self._clock.boottime()
        outcome, after, counted = Outcome.WAITING, 0.0, False
        try:
            outcome, reason = await self._settle(lease, view, keep)
            if outcome is Outcome.WAITING:
                after = 6 * 3600.0
        except RetryLater as exc:
            reason, counted = exc.reason, exc.counts_as_attempt
            after = self._pause(view, exc)
            if counted and view.failing_since and self._clock.now() - view.failing_since > GIVE_UP:
                outcome = Outcome.ATTENTION
                reason = f"has been failing for {GIVE_UP.days} days ({reason}): mend the cause, then retry"
        except NeedsPerson as exc:
            outcome, reason = Outcome.ATTENTION, exc.reason
        except BridgeError:
            raise
        except Exception as exc:
            self._unexpected(exc, lease.order_key)
            # A warning: an error in the log would be a second report of the same to Sentry.
            log.warning("unexpected", step="sync", exc_info=True)
            outcome = Outcome.ATTENTION if view.attempts >= POISON else Outcome.WAITING
            reason = f"the bridge failed on it ({type(exc).__name__}): report this as a bug, then retry"
            after, counted = self._backoff(view.attempts), True
        invoiced_now = keep.pop("invoiced_now", "")
        log.info("released", step="release", outcome=outcome.value, reason=reason, after=round(after, 1))
        made_calls = self._story_of(outcome, reason)
        fresh = await self._store.release(
            lease, view, outcome, reason, after=after, counted=counted, calls=made_calls, keep=keep
        )
        if fresh is None:
            invoiced_after = None
            if invoiced_now:
                received = min(event.received_at for event in view.events)
                invoiced_after = (self._clock.now() - received).total_seconds()
            seconds = self._clock.boottime() - began
            self._report(Report(lease.order_key, outcome, reason, seconds, invoiced_after))
        return fresh

    def _story_of(self, outcome: Outcome, reason: str) -> str:
        """The run for the order's story: its calls, and why it did not finish. "" when there is nothing to
        tell: an order that only waits its turn would push its own past out."""
        noted = calls.get() or []
        if outcome is Outcome.ATTENTION or (noted and outcome is Outcome.WAITING):
            at = self._clock.now().isoformat(timespec="milliseconds")
            noted = [*noted, {"at": at, "ended": outcome.value, "why": reason}]
        return json.dumps(noted, separators=(",", ":")) if noted else ""

    async def _settle(self, lease: Lease, view: HeldOrder, keep: dict[str, str]) -> tuple[Outcome, str]:
        """fold → plan → act until there is nothing to do."""
        if view.takes > POISON:
            raise NeedsPerson(
                f"its worker died {view.takes - 1} times over it: look at its events, then retry"
            )
        if view.set_aside:
            return view.set_aside
        shop = self._shop_of(lease.order_key)
        folded = await self._fold(shop, lease, view)
        if isinstance(folded, Ignored):
            return Outcome.IGNORED, folded.reason
        if isinstance(folded, Unfinished | Incomplete):
            first = min((event.received_at for event in view.events), default=self._clock.now())
            if self._clock.now() - first > GIVE_UP:
                raise NeedsPerson(f"{folded.reason}; it never came")
            return Outcome.WAITING, folded.reason
        keep |= {
            "number": folded.number,
            "total": str(folded.total),
            "currency": folded.currency,
            "placed": folded.placed_at.isoformat(),
        }
        # An order that failed before leaves the last of the quota to those that were not tried yet.
        lane = Lane.RETRY if view.attempts else Lane.LIVE
        executor = self._executor(Lane(view.lane) if view.lane else lane)
        rules = shop.rules
        if view.issue_credit_notes:
            rules = replace(rules, partial_refunds=PartialRefunds.FINAL)
        run = Run(lease, folded, rules)
        return await self._bring_in_line(run, executor, rules_in_force(view.rounding), keep)

    def _shop_of(self, order_key: str) -> Shop:
        name = order_key.split(":")[1]
        if name not in self._shops:
            raise NeedsPerson(f"shop {name} is no longer configured: put it back, or ignore the order")
        return self._shops[name]

    async def _fold(self, shop: Shop, lease: Lease, view: HeldOrder) -> Folded:
        """The order as its events say, after fetching what the platform left out."""
        events = view.events
        asked: set[str] = set()
        while True:
            failpoint("sync", "fold")
            folded = shop.source.fold(shop.name, lease.order_key, events)
            if not isinstance(folded, Incomplete):
                return folded
            if shop.fetch is None or folded.path in asked or len(asked) >= PAGES:
                raise NeedsPerson(folded.reason)
            asked.add(folded.path)
            body = await shop.fetch(folded.path)
            await self._store.keep_fetched(lease.order_key, folded.path, body)
            known = tuple(e for e in events if (e.topic, e.id) != (FETCHED, folded.path))
            answer = Event(id=folded.path, topic=FETCHED, body=body, received_at=self._clock.now())
            events = (*known, answer)

    async def _bring_in_line(
        self, run: Run, executor: Executor, rounding: frozenset[Rounding], keep: dict[str, str]
    ) -> tuple[Outcome, str]:
        documents = documents_for(run.order, run.rules, rounding)
        keep |= {"documents": remembered(run.order, documents)}
        records = await self._store.ledger(keys_of(run.order, documents))
        made = {key: LedgerEntry.from_record(record) for key, record in records.items()}
        for _ in range(STEPS):
            step = next_step(run.order, run.rules, rounding, documents, made)
            invoice = made.get(run.order.key)
            keep["find"] = terms_of(run.order, [each.number for each in made.values()])
            if invoice:
                keep |= {"invoice": invoice.number, "invoice_id": str(invoice.id)}
            if isinstance(step, Rest):
                return Outcome(step.outcome), step.reason
            log.debug("act", step=type(step).__name__)
            failpoint("sync", "act", type(step).__name__)
            made |= await executor.act(step, run)
            if isinstance(step, CreateInvoice):
                keep["invoiced_now"] = "1"
        raise NeedsPerson(f"order {run.order.number} finds no end after {STEPS} steps: report this as a bug")

    def _pause(self, view: HeldOrder, exc: RetryLater) -> float:
        if exc.after is not None:
            return exc.after
        if isinstance(exc, AccessRefused) and not exc.counts_as_attempt:
            return 15.0
        return self._backoff(view.attempts)

    def _backoff(self, attempts: int) -> float:
        """2, 4, 8 … seconds up to a quarter of an hour, each a little off, so that nobody walks in step."""
        return float(min(900, 2 ** (attempts + 1))) * self._clock.jitter()


def rules_in_force(calibrated: str) -> frozenset[Rounding]:
    """The rounding rules that Facturation.pro may be using: one once calibrated, else every candidate."""
    return frozenset({Rounding(calibrated)}) if calibrated else ALL


def in_background(renewal: Callable[[], Awaitable[bool]], every: float) -> Callable[[], None]:
    """`Background` on asyncio."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            if not await renewal():
                return

    task = asyncio.create_task(beat())

    def stop() -> None:
        task.cancel()

    return stop
