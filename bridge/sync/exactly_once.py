"""Around every create and refund: intent → look-up → settle → a new, named attempt.

The ledger is the safety device. A request can reach the server long after its sender is dead, so nothing that
may have left is sent again before it is looked up, and before it has had the time to arrive. All I/O is
injected: the store, the API and the clock, so that this very code runs under the simulator.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bridge.billing.claims import claims_of
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import FirmRounding
from bridge.billing.rules import Rules
from bridge.errors import (
    AccessRefused,
    CustomerGone,
    NeedsPerson,
    NotSent,
    PaidElsewhere,
    QuotaReached,
    Settling,
)
from bridge.facturation.records import CustomerRecord, InvoiceRecord
from bridge.keys import Key
from bridge.orders import Order
from bridge.reasons import because
from bridge.store.values import CreationPermit, Lease

SEND_DEADLINE = 5.0
"""Seconds between writing the intent and the first byte: later than that, the intent's time would lie."""

BeforeSend = Callable[[], None]


class Clock(Protocol):
    """Time, chance and concurrency, injected."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def boottime(self) -> float:
        """Seconds that also pass while the machine is suspended (CLOCK_BOOTTIME)."""
        ...

    def token(self) -> str:
        """A name nobody else has."""
        ...

    def jitter(self) -> float:
        """Between 0.8 and 1.2."""
        ...


class Ledger(Protocol):
    """What acting needs of the store."""

    async def ledger(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]: ...
    async def begin(
        self,
        lease: Lease,
        key: str,
        attempt: str,
        placed_at: datetime,
        scope: str,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit: ...
    async def replace_attempt(self, lease: Lease, key: str, current: str, attempt: str) -> None: ...
    async def clear(self, key: str, attempt: str) -> None: ...
    async def done(self, keys: Sequence[str], record: dict[str, Any]) -> None: ...
    async def forget(self, keys: Sequence[str], customer_id: int, attempt: str) -> None: ...
    async def set_shop_verdict(self, scope: str, *, clean: bool) -> None: ...
    async def rounding(self) -> str: ...
    async def archived_customer(self, buyer_lock: str) -> int | None: ...
    async def keep_archived_customers(self, index: Mapping[str, int]) -> None: ...


class Api(Protocol):
    """What acting needs of Facturation.pro. Raises the RetryLater family and ApiRefused."""

    async def find_customers(self, api_id: int) -> list[CustomerRecord]: ...
    async def find_customers_by_email(self, email: str) -> list[CustomerRecord]: ...
    async def archived_customers(self) -> list[CustomerRecord]: ...
    async def find_customers_by_custom_prefix(self, prefix: str) -> list[CustomerRecord]: ...
    async def get_customer(self, customer_id: int) -> CustomerRecord: ...
    async def create_customer(self, fields: dict[str, Any], *, before_send: BeforeSend) -> CustomerRecord: ...
    async def update_customer(self, customer_id: int, fields: dict[str, Any]) -> CustomerRecord: ...
    async def unarchive_customer(self, customer_id: int) -> None: ...
    async def find_invoices(self, api_id: int) -> list[InvoiceRecord]: ...
    async def find_invoices_by_custom_prefix(self, prefix: str) -> list[InvoiceRecord]: ...
    async def find_credit_note_of(self, invoice_id: int, customer_id: int) -> InvoiceRecord | None: ...
    async def get_invoice(self, invoice_id: int) -> InvoiceRecord: ...
    async def create_invoice(
        self, fields: dict[str, Any], *, mode: str, before_send: BeforeSend
    ) -> InvoiceRecord: ...
    async def update_invoice(self, invoice_id: int, fields: dict[str, Any]) -> InvoiceRecord: ...
    async def finalise_invoice(self, invoice_id: int, fields: dict[str, Any]) -> InvoiceRecord: ...
    async def refund_invoice(
        self, invoice_id: int, *, api_id: int, api_custom: str, before_send: BeforeSend
    ) -> InvoiceRecord: ...
    async def send_email(self, invoice_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """One worker's hold of one order. `rounding`: what was known of the firm's rule when it was planned."""

    lease: Lease
    order: Order
    rules: Rules
    rounding: FirmRounding

    @property
    def scope(self) -> str:
        """The prefix of every key of this shop."""
        return Key.parse(self.order.key).scope


class Attempts:
    """The protocol and what it needs. `settle`: seconds after which an attempt that cannot be found never
    happened."""

    def __init__(self, store: Ledger, api: Api, clock: Clock, *, settle: float) -> None:
        self.store = store
        self.api = api
        self.clock = clock
        self._settle = settle

    async def write(self, keys: Sequence[str], made: LedgerEntry) -> dict[str, LedgerEntry]:
        """What exists, into the ledger, under all these keys."""
        await self.store.done(keys, made.as_record())
        return dict.fromkeys(keys, made)

    async def check_rounding(self, run: Run) -> None:
        """Before a document is made final at once: nobody has seen the firm's rule fail meanwhile."""
        if await self.store.rounding() != run.rounding.text:
            raise NotSent(because("rounding_changed"), after=1)

    async def ensure(
        self,
        run: Run,
        keys: Sequence[str],
        look_up: Callable[[], Awaitable[LedgerEntry | None]],
        create: Callable[[BeforeSend], Awaitable[LedgerEntry]],
        since: datetime | None = None,
    ) -> dict[str, LedgerEntry]:
        """The protocol. `keys[0]` is the one whose ledger entry is the lock; all get the result. `since`:
        from when on there can have been an attempt, if that is not when the order was placed."""
        key, attempt, armed = keys[0], self.clock.token(), self.clock.boottime()
        since = since or run.order.placed_at
        concerned = run.order.credits if key == run.order.key else ()
        asked = (run.lease, key, attempt, since, run.scope, claims_of(run.order), concerned)
        begun = await self.store.begin(*asked)
        if begun.unsure and await self._judge(run.scope):
            armed = self.clock.boottime()
            begun = await self.store.begin(*asked)
        if begun.act == "claimed":
            raise PaidElsewhere(begun.other)
        if begun.act == "done":
            return await self.write(keys, LedgerEntry.from_record(begun.record or {}))
        if begun.act == "busy":
            raise Settling(because("neighbour_creates_customer"), after=0.5)
        if begun.act == "lookup":
            found = await look_up()
            if found:
                return await self.write(keys, found)
            if begun.age < self._settle:
                wait = min(self._settle - begun.age + 1, max(5.0, begun.age))
                raise Settling(because("attempt_may_arrive"), after=wait)
            armed = self.clock.boottime()
            await self.store.replace_attempt(run.lease, key, begun.attempt, attempt)

        def last_moment() -> None:
            if self.clock.boottime() - armed > SEND_DEADLINE:
                raise NotSent(because("not_sent_in_time"), after=1)

        try:
            made = await create(last_moment)
        except (NotSent, QuotaReached, AccessRefused, CustomerGone, NeedsPerson):
            # Refused by Facturation.pro (ApiRefused, CustomerGone), or by ourselves before it was sent.
            await self.store.clear(key, attempt)
            raise
        return await self.write(keys, made)

    async def _judge(self, scope: str) -> bool:
        """Was this shop ever bridged? A new ledger of a shop that never was has forgotten nothing."""
        clean = not await self.api.find_invoices_by_custom_prefix(scope)
        clean = clean and not await self.api.find_customers_by_custom_prefix(scope)
        await self.store.set_shop_verdict(scope, clean=clean)
        return clean
