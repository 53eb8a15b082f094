"""Facturation.pro as it may be at its worst: nothing is unique, a request that left may be carried out a
minute later, an answer may get lost, searches lag behind. What is assumed of it: a request is carried out
within 60 s of its arrival or never, and its result is found by searches within 15 s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, TypeVar

from bridge.billing.drafts import DraftLine
from bridge.billing.rounding import Rounding, total_under
from bridge.errors import ApiRefused, NotSent, OutcomeUnknown, QuotaReached, StoreUnavailable
from bridge.facturation.quota import LONGEST_SLEEP
from bridge.facturation.records import CustomerRecord, InvoiceRecord, emails_in
from bridge.reasons import reason_from
from bridge.sync.exactly_once import BeforeSend
from tests.sim.store_model import Server
from tests.sim.world import Task, Wait, World

T = TypeVar("T")
Change = Callable[[], Any]

LATEST_COMMIT = 60.0
LONGEST_LAG = 15.0
LATEST_ARRIVAL = 10.0
"""TCP_USER_TIMEOUT: later than that the kernel gives up."""
TOTAL_SECONDS = 30.0


@dataclass(slots=True)
class Stored:
    """A customer or a document, `since` when it exists."""

    record: Any
    since: float


class Facturation:
    """The server. `bad`: how likely something goes wrong with a request."""

    def __init__(self, world: World, *, bad: float, rounding: Rounding) -> None:
        self.world = world
        self.bad = bad
        self.rounding = rounding
        self.down = False
        self.customers: dict[int, Stored] = {}
        self.invoices: dict[int, Stored] = {}
        self.archived: set[int] = set()
        self.under_way = 0
        self.calls = 0
        self.refused = 0
        self.deleted = 0
        self.violations: list[str] = []
        self._limited_until = 0.0
        self._told_at = float("inf")
        self._ids = 0

    # ---------------------------------------------------------------------------------------- one request

    def request(self, change: Change, permit_at: float) -> Wait[Any]:
        """One request, on its way from now. `change`: carries it out, once, when its time has come."""
        return Wait(partial(self._leave, change, permit_at))

    def _leave(self, change: Change, permit_at: float, task: Task, turn: int) -> None:
        chance = self.world.random
        slow = chance.random() < self.bad / 3
        delay = chance.uniform(0, LATEST_ARRIVAL) if slow else chance.uniform(0.005, 0.05)
        self.under_way += 1
        self.world.at(delay, self._arrive, change, permit_at, self.world.now, task, turn)

    def _arrive(self, change: Change, permit_at: float, sent_at: float, task: Task, turn: int) -> None:
        world, chance = self.world, self.world.random
        self.calls += 1
        if world.now < self._limited_until:
            if permit_at > self._told_at:
                self.violations.append(f"a call during a Retry-After at {world.now:.1f}")
            self._answer(0.05, sent_at, task, turn, self._limited())
        elif chance.random() < self.bad / 20:
            self._limited_until = world.now + chance.uniform(1, 20)
            self._told_at = float("inf")
            self._answer(0.05, sent_at, task, turn, self._limited())
        elif self.down or chance.random() < self.bad / 3:
            self._answer(0.1, sent_at, task, turn, OutcomeUnknown(reason_from("500: not carried out")))
        else:
            late = chance.random() < self.bad / 2
            delay = chance.uniform(0, LATEST_COMMIT) if late else chance.uniform(0.01, 0.4)
            world.at(delay, self._commit, change, sent_at, task, turn)
            return
        self.under_way -= 1

    def _limited(self) -> QuotaReached:
        self.refused += 1
        return QuotaReached(reason_from("429"), after=self._limited_until - self.world.now)

    def _commit(self, change: Change, sent_at: float, task: Task, turn: int) -> None:
        self.under_way -= 1
        try:
            answer = change()
        except ApiRefused as refused:
            answer = refused
        fate = self.world.random.random()
        if fate < self.bad / 4:
            answer = OutcomeUnknown(reason_from("502 after it was carried out"))
        hang = TOTAL_SECONDS if fate > 1 - self.bad / 8 else 0.05
        self._answer(hang, sent_at, task, turn, answer)

    def _answer(self, delay: float, sent_at: float, task: Task, turn: int, answer: Any) -> None:
        """The client waits so long for an answer, and no longer."""
        left = sent_at + TOTAL_SECONDS - self.world.now
        if delay >= left:
            delay, answer = max(0.0, left), OutcomeUnknown(reason_from("no answer"))
        if isinstance(answer, Exception):
            self.world.at(delay, task.wake, turn, None, answer)
        else:
            self.world.at(delay, task.wake, turn, answer)

    def told(self, until: float) -> None:
        """From now on every worker can know that it must not call before `until`."""
        if until >= self._limited_until:
            self._told_at = min(self._told_at, self.world.now)

    def forgotten(self) -> None:
        """The workers' common memory of the quota was lost."""
        self._told_at = float("inf")

    # -------------------------------------------------------------------------------------------- changes

    def add_customer(self, fields: dict[str, Any], since: float | None = None) -> CustomerRecord:
        self._ids += 1
        record = CustomerRecord(
            id=self._ids,
            api_id=fields.get("api_id"),
            api_custom=fields.get("api_custom", ""),
            individual=fields["individual"],
            company_name=fields.get("company_name", ""),
            emails=emails_in(fields.get("email", "")),
        )
        self.customers[record.id] = Stored(record, self.world.now if since is None else since)
        return record

    def customer(self, customer_id: int) -> CustomerRecord:
        if customer_id not in self.customers:
            raise ApiRefused(reason_from("The record could not be found"), status=404)
        record: CustomerRecord = self.customers[customer_id].record
        return record

    def unarchive(self, customer_id: int) -> None:
        self.archived.discard(self.customer(customer_id).id)

    def delete_some_customer(self, chance: Random) -> None:
        """A person deletes a customer who was never invoiced, if there is one."""
        invoiced = {stored.record.customer_id for stored in self.invoices.values()}
        idle = [customer_id for customer_id in self.customers if customer_id not in invoiced]
        if idle:
            self.deleted += 1
            del self.customers[chance.choice(idle)]

    def add_invoice(self, fields: dict[str, Any], mode: str, since: float | None = None) -> InvoiceRecord:
        if since is None and fields["customer_id"] not in self.customers:
            raise ApiRefused(reason_from("the customer does not exist"), status=422)
        if fields["customer_id"] in self.archived:
            raise ApiRefused(reason_from("an archived customer cannot be invoiced"), status=422)
        self._ids += 1
        record = InvoiceRecord(
            id=self._ids,
            customer_id=fields["customer_id"],
            api_id=fields.get("api_id"),
            api_custom=fields.get("api_custom", ""),
            number="" if mode == "draft" else f"F{self._ids}",
            draft=mode == "draft",
            currency=fields["currency"],
            total_with_vat=self._total(fields["items"]),
            invoiced_on=date.fromisoformat(fields["invoiced_on"]),
            paid_on=date.fromisoformat(fields["paid_on"]) if "paid_on" in fields else None,
        )
        self.invoices[record.id] = Stored(record, self.world.now if since is None else since)
        return record

    def change_invoice(
        self, invoice_id: int, fields: dict[str, Any], *, final: bool = False
    ) -> InvoiceRecord:
        stored = self.invoices[invoice_id]
        record: InvoiceRecord = stored.record
        if "items" in fields:
            if not record.draft:
                raise ApiRefused(reason_from("a final invoice keeps its lines"), status=422)
            record = replace(record, total_with_vat=self._total(fields["items"]))
        if "paid_on" in fields:
            record = replace(record, paid_on=date.fromisoformat(fields["paid_on"]))
        if final and record.draft:
            record = replace(record, draft=False, number=f"F{record.id}")
        stored.record = record
        return record

    def reverse(self, invoice_id: int, api_id: int, api_custom: str) -> InvoiceRecord:
        """What a second one does is not documented; here it makes a second one."""
        original: InvoiceRecord = self.invoices[invoice_id].record
        self._ids += 1
        total = original.total_with_vat or Decimal(0)
        record = replace(
            original,
            id=self._ids,
            number=f"A{self._ids}",
            draft=False,
            api_id=api_id,
            api_custom=api_custom,
            refund_id=invoice_id,
            total_with_vat=-total,
        )
        self.invoices[record.id] = Stored(record, self.world.now)
        return record

    def _total(self, items: list[dict[str, Any]]) -> Decimal:
        lines = [
            DraftLine(
                title=item["title"],
                quantity=Decimal(item["quantity"]),
                unit_price=Decimal(item["unit_price"]),
                vat=Decimal(item["vat"]),
            )
            for item in items
        ]
        return total_under(self.rounding, lines)

    def active(self, wanted: Callable[[CustomerRecord], bool]) -> list[CustomerRecord]:
        """Customers, as their lists show them."""
        return self.search(self.customers, lambda r: r.id not in self.archived and wanted(r))

    def search(self, stored: dict[int, Stored], wanted: Callable[[Any], bool]) -> list[Any]:
        """What a search finds: nothing younger than its lag of the moment."""
        chance = self.world.random
        lag = chance.uniform(0, LONGEST_LAG) if chance.random() < 0.7 else 0.0
        until = self.world.now - lag
        return [each.record for each in stored.values() if each.since <= until and wanted(each.record)]


class Client:
    """`Api`, as one worker has it: asks leave of the quota that all share, sends, and tells of a 429."""

    def __init__(self, facturation: Facturation, server: Server) -> None:
        self._api = facturation
        self._server = server

    async def _call(self, change: Callable[[], T], before_send: BeforeSend | None = None) -> T:
        api, world, chance = self._api, self._api.world, self._api.world.random
        permit_at = await self._permit()
        if chance.random() < api.bad / 10:
            await sleep(world, chance.uniform(0, 5))
            raise NotSent(reason_from("no connection"))
        if chance.random() < api.bad / 5:
            await self._hesitate(world)
        if before_send:
            before_send()
        try:
            answer: T = await api.request(change, permit_at)
        except QuotaReached as exc:
            await self._tell(exc.after or 1.0)
            raise
        return answer

    async def _hesitate(self, world: World) -> None:
        """DNS, TLS, a busy machine."""
        await sleep(world, world.random.uniform(0, 7))

    async def _permit(self) -> float:
        """When the quota gave leave. Waits as long for it as `Quota.take` does."""
        while True:
            wait, at = await self._server.call(
                lambda data, now: (data.paused(now) / 1000, self._server.world.now)
            )
            if wait <= 0:
                return at
            if wait > LONGEST_SLEEP:
                raise QuotaReached(reason_from("paused"), after=wait)
            await sleep(self._server.world, wait)

    async def _tell(self, after: float) -> None:
        def pause(data: Any, now: int) -> None:
            data.pause(now, after)
            self._api.told(self._api.world.now + after)

        with suppress(StoreUnavailable):  # as the quota does: it only logs
            await self._server.call(pause)

    async def find_customers(self, api_id: int) -> list[CustomerRecord]:
        return await self._call(lambda: self._api.active(lambda r: r.api_id == api_id))

    async def find_customers_by_email(self, email: str) -> list[CustomerRecord]:
        wanted = email.strip().lower()
        return await self._call(lambda: self._api.active(lambda r: wanted in r.emails))

    async def archived_customers(self) -> list[CustomerRecord]:
        api = self._api
        return await self._call(lambda: api.search(api.customers, lambda r: r.id in api.archived))

    async def find_customers_by_custom_prefix(self, prefix: str) -> list[CustomerRecord]:
        return await self._call(lambda: self._api.active(lambda r: r.api_custom.startswith(prefix))[:1])

    async def create_customer(self, fields: dict[str, Any], *, before_send: BeforeSend) -> CustomerRecord:
        return await self._call(lambda: self._api.add_customer(fields), before_send)

    async def update_customer(self, customer_id: int, fields: dict[str, Any]) -> CustomerRecord:
        return await self._call(lambda: self._api.customer(customer_id))

    async def get_customer(self, customer_id: int) -> CustomerRecord:
        return await self._call(lambda: self._api.customer(customer_id))

    async def unarchive_customer(self, customer_id: int) -> None:
        await self._call(lambda: self._api.unarchive(customer_id))

    async def find_invoices(self, api_id: int) -> list[InvoiceRecord]:
        api = self._api
        return await self._call(lambda: api.search(api.invoices, lambda r: r.api_id == api_id))

    async def find_invoices_by_custom_prefix(self, prefix: str) -> list[InvoiceRecord]:
        api = self._api
        return await self._call(
            lambda: api.search(api.invoices, lambda r: r.api_custom.startswith(prefix))[:1]
        )

    async def find_credit_note_of(self, invoice_id: int, customer_id: int) -> InvoiceRecord | None:
        api = self._api
        found = await self._call(lambda: api.search(api.invoices, lambda r: r.refund_id == invoice_id))
        return found[0] if found else None

    async def get_invoice(self, invoice_id: int) -> InvoiceRecord:
        record: InvoiceRecord = await self._call(lambda: self._api.invoices[invoice_id].record)
        return record

    async def create_invoice(
        self, fields: dict[str, Any], *, mode: str, before_send: BeforeSend
    ) -> InvoiceRecord:
        return await self._call(lambda: self._api.add_invoice(fields, mode), before_send)

    async def update_invoice(self, invoice_id: int, fields: dict[str, Any]) -> InvoiceRecord:
        return await self._call(lambda: self._api.change_invoice(invoice_id, fields))

    async def finalise_invoice(self, invoice_id: int, fields: dict[str, Any]) -> InvoiceRecord:
        return await self._call(lambda: self._api.change_invoice(invoice_id, fields, final=True))

    async def refund_invoice(
        self, invoice_id: int, *, api_id: int, api_custom: str, before_send: BeforeSend
    ) -> InvoiceRecord:
        return await self._call(lambda: self._api.reverse(invoice_id, api_id, api_custom), before_send)

    async def send_email(self, invoice_id: int) -> None:
        raise AssertionError("no shop here sends e-mails")


def sleep(world: World, seconds: float) -> Wait[None]:
    """Nothing, for so long."""
    return Wait(lambda task, turn: world.at(seconds, task.wake, turn))


def standstill(world: World, seconds: float) -> Wait[None]:
    """The whole process stands still for so long."""

    def start(task: Task, turn: int) -> None:
        task.process.freeze(seconds)
        world.at(seconds, task.wake, turn)

    return Wait(start)
