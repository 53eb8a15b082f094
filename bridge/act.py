"""Carrying one step out, exactly once, against an API that knows no idempotency keys.

Around every create and refund: intent → look-up → settle → a new, named attempt. The ledger is the safety
device. A request can reach the server long after its sender is dead, so nothing that may have left is sent
again before it is looked up, and before it has had the time to arrive. All I/O is injected: the store, the
API and the clock, so that this very code runs under the simulator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from bridge.billing.drafts import CustomerDraft
from bridge.billing.plan import (
    CreateCreditNote,
    CreateInvoice,
    EnsureCustomer,
    Finalise,
    Made,
    Mend,
    ReadBack,
    RecordPayment,
    ReverseInvoice,
    SendEmail,
    Step,
    UpdateCustomer,
    facts_of,
)
from bridge.billing.rules import DocumentPolicy, Rules
from bridge.errors import (
    AccessRefused,
    ApiRefused,
    NeedsPerson,
    NotSent,
    OutcomeUnknown,
    QuotaReached,
    Settling,
)
from bridge.facturation.records import (
    CustomerRecord,
    InvoiceRecord,
    api_id_of,
    credit_note_fields,
    customer_fields,
    invoice_fields,
    line_fields,
    payment_fields,
)
from bridge.orders import Order, legal_date
from bridge.store import Begun, Lease

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
    async def begin(self, lease: Lease, key: str, attempt: str, placed_at: datetime, scope: str) -> Begun: ...
    async def rearm(self, lease: Lease, key: str, current: str, attempt: str) -> None: ...
    async def clear(self, key: str, attempt: str) -> None: ...
    async def done(self, keys: Sequence[str], record: dict[str, Any]) -> None: ...
    async def judge(self, scope: str, *, clean: bool) -> None: ...
    async def archived_customer(self, fence: str) -> int | None: ...
    async def keep_archived_customers(self, index: Mapping[str, int]) -> None: ...


class Api(Protocol):
    """What acting needs of Facturation.pro. Raises the RetryLater family and ApiRefused."""

    async def find_customers(self, api_id: int) -> list[CustomerRecord]: ...
    async def find_customers_by_email(self, email: str) -> list[CustomerRecord]: ...
    async def archived_customers(self) -> list[CustomerRecord]: ...
    async def find_customers_by_custom_prefix(self, prefix: str) -> list[CustomerRecord]: ...
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
    """One worker's hold of one order."""

    lease: Lease
    order: Order
    rules: Rules

    @property
    def scope(self) -> str:
        """The prefix of every key of this shop."""
        return f"{self.order.platform}:{self.order.shop}:"


class Actor:
    """Carries steps out. `settle`: seconds after which an attempt that cannot be found never happened."""

    def __init__(self, store: Ledger, api: Api, clock: Clock, *, settle: float) -> None:
        self._store = store
        self._api = api
        self._clock = clock
        self._settle = settle

    async def act(self, step: Step, run: Run) -> dict[str, Made]:
        """Does what the step says and returns what now exists, by ledger key."""
        match step:
            case EnsureCustomer():
                return await self._ensure_customer(step, run)
            case UpdateCustomer():
                return await self._update_customer(step, run)
            case CreateInvoice():
                return await self._create_invoice(step, run)
            case CreateCreditNote():
                return await self._create_credit_note(step, run)
            case ReverseInvoice():
                return await self._reverse(step, run)
            case Finalise():
                return await self._finalise(step)
            case Mend():
                return await self._mend(step)
            case RecordPayment():
                return await self._record_payment(step, run)
            case ReadBack():
                return await self._write([step.key], await self._read_back(step.made))
            case SendEmail():
                return await self._send_email(step)
            case _:
                raise TypeError(f"no step: {step}")

    async def _write(self, keys: Sequence[str], made: Made) -> dict[str, Made]:
        await self._store.done(keys, made.as_record())
        return dict.fromkeys(keys, made)

    async def _ensure(
        self,
        run: Run,
        keys: Sequence[str],
        look_up: Callable[[], Awaitable[Made | None]],
        create: Callable[[BeforeSend], Awaitable[Made]],
    ) -> dict[str, Made]:
        """The protocol. `keys[0]` is the one whose ledger entry is the fence; all get the result."""
        key, attempt, armed = keys[0], self._clock.token(), self._clock.boottime()
        begun = await self._begin(run, key, attempt)
        if begun.unsure and await self._judge(run.scope):
            armed = self._clock.boottime()
            begun = await self._begin(run, key, attempt)
        if begun.act == "done":
            return await self._write(keys, Made.from_record(begun.record or {}))
        if begun.act == "busy":
            raise Settling("another order of the same buyer is creating the customer", after=0.5)
        if begun.act == "lookup":
            found = await look_up()
            if found:
                return await self._write(keys, found)
            if begun.age < self._settle:
                wait = min(self._settle - begun.age + 1, max(5.0, begun.age))
                raise Settling("an earlier attempt may still arrive; it is looked for again", after=wait)
            armed = self._clock.boottime()
            await self._store.rearm(run.lease, key, begun.attempt, attempt)

        def last_moment() -> None:
            if self._clock.boottime() - armed > SEND_DEADLINE:
                raise NotSent("it took too long to get ready; nothing was sent", after=1)

        try:
            made = await create(last_moment)
        except (NotSent, QuotaReached, AccessRefused, ApiRefused):
            await self._store.clear(key, attempt)
            raise
        return await self._write(keys, made)

    async def _begin(self, run: Run, key: str, attempt: str) -> Begun:
        return await self._store.begin(run.lease, key, attempt, run.order.placed_at, run.scope)

    async def _judge(self, scope: str) -> bool:
        """Was this shop ever bridged? A new ledger of a shop that never was has forgotten nothing."""
        clean = not await self._api.find_invoices_by_custom_prefix(scope)
        clean = clean and not await self._api.find_customers_by_custom_prefix(scope)
        await self._store.judge(scope, clean=clean)
        return clean

    async def _ensure_customer(self, step: EnsureCustomer, run: Run) -> dict[str, Made]:
        draft = step.draft
        by_email = run.rules.match_customers_by_email and bool(draft.email)
        keys = [fence_of(draft), draft.key] if by_email else [draft.key]
        if by_email:
            known = (await self._store.ledger(keys[:1])).get(keys[0])
            if known:
                return await self._write(keys[1:], Made.from_record(known))
            made = await self._find_by_email(draft)
            if made:
                return await self._write(keys, made)
        as_of = run.order.placed_at.astimezone(UTC).isoformat()
        base = Made(id=0, facts=facts_of(draft), as_of=as_of, why=draft.why)

        async def look_up() -> Made | None:
            records = await self._api.find_customers(api_id_of(draft.key))
            mine = sorted(record.id for record in records if record.api_custom == draft.key)
            if mine:
                return replace(base, id=mine[0], twins=tuple(mine[1:]))
            return await self._find_by_email(draft) if by_email else None

        async def create(before_send: BeforeSend) -> Made:
            record = await self._api.create_customer(customer_fields(draft), before_send=before_send)
            return replace(base, id=record.id)

        return await self._ensure(run, keys, look_up, create)

    async def _find_by_email(self, draft: CustomerDraft) -> Made | None:
        """A customer of exactly this e-mail who is the same kind of buyer: a person, or this company."""
        records = await self._api.find_customers_by_email(draft.email)
        same = sorted(record.id for record in records if _same_buyer(record, draft))
        if same:
            return Made(id=same[0], found=True, why=("client trouvé par son e-mail exact", *draft.why))
        archived = await self._archived(fence_of(draft))
        if not archived:
            return None
        await self._api.unarchive_customer(archived)
        return Made(
            id=archived, found=True, why=("client archivé trouvé par son e-mail, rétabli", *draft.why)
        )

    async def _archived(self, fence: str) -> int:
        """The archived customer behind this fence, or 0. Asked of a list kept for hours: a look-up in the
        archive for each new buyer would cost a call an order."""
        index = await self._store.archived_customer(fence)
        if index is not None:
            return index
        index_of = {
            _fence("" if record.individual else record.company_name, email): record.id
            for record in await self._api.archived_customers()
            for email in record.emails
        }
        await self._store.keep_archived_customers(index_of)
        return index_of.get(fence, 0)

    async def _update_customer(self, step: UpdateCustomer, run: Run) -> dict[str, Made]:
        fields = customer_fields(step.draft)
        del fields["api_id"], fields["api_custom"]
        await self._api.update_customer(step.made.id, fields)
        as_of = run.order.placed_at.astimezone(UTC).isoformat()
        return await self._write(
            [step.draft.key], replace(step.made, facts=facts_of(step.draft), as_of=as_of)
        )

    async def _create_invoice(self, step: CreateInvoice, run: Run) -> dict[str, Made]:
        draft = step.draft

        async def create(before_send: BeforeSend) -> Made:
            fields = invoice_fields(draft, step.customer_id, legal_date(self._clock.now()))
            mode = "external" if draft.policy is DocumentPolicy.EXTERNAL else "final"
            mode = "draft" if step.as_draft else mode
            try:
                record = await self._api.create_invoice(fields, mode=mode, before_send=before_send)
            except ApiRefused as refusal:
                # An archived customer cannot be invoiced, and nothing in a record says that it is archived.
                try:
                    await self._api.unarchive_customer(step.customer_id)
                except ApiRefused:
                    raise refusal from None
                record = await self._api.create_invoice(fields, mode=mode, before_send=before_send)
            return _made(record, draft.why)

        return await self._ensure(run, [draft.key], lambda: self._find(draft.key, draft.why), create)

    async def _find(self, key: str, why: tuple[str, ...]) -> Made | None:
        records = await self._api.find_invoices(api_id_of(key))
        mine = sorted((record for record in records if record.api_custom == key), key=lambda r: r.id)
        return replace(_made(mine[0], why), twins=tuple(r.id for r in mine[1:])) if mine else None

    async def _create_credit_note(self, step: CreateCreditNote, run: Run) -> dict[str, Made]:
        draft, invoice = step.draft, step.invoice

        async def create(before_send: BeforeSend) -> Made:
            today = legal_date(self._clock.now())
            fields = credit_note_fields(
                draft, invoice.customer_id, invoice.number, invoice.made_on or today, today
            )
            record = await self._api.create_invoice(
                fields, mode="draft" if step.as_draft else "final", before_send=before_send
            )
            return _made(record, draft.why)

        return await self._ensure(run, [draft.key], lambda: self._find(draft.key, draft.why), create)

    async def _reverse(self, step: ReverseInvoice, run: Run) -> dict[str, Made]:
        draft, invoice = step.draft, step.invoice

        async def look_up() -> Made | None:
            record = await self._api.find_credit_note_of(invoice.id, invoice.customer_id)
            return _made(record, draft.why) if record else await self._find(draft.key, draft.why)

        async def create(before_send: BeforeSend) -> Made:
            record = await self._api.refund_invoice(
                invoice.id, api_id=api_id_of(draft.key), api_custom=draft.key, before_send=before_send
            )
            return _made(record, draft.why)

        # A person may have reversed it by hand: what a second refund does is not documented.
        found = await look_up()
        if found:
            return await self._write([draft.key], found)
        return await self._ensure(run, [draft.key], look_up, create)

    async def _read_back(self, made: Made) -> Made:
        record = await self._api.get_invoice(made.id)
        fresh = _made(record, made.why)
        return replace(
            fresh, mended=made.mended, accepted=made.accepted, emailed=made.emailed, twins=made.twins
        )

    async def _finalise(self, step: Finalise) -> dict[str, Made]:
        made = step.made if step.made.seen else await self._read_back(step.made)
        if made.draft and made.total == step.made.total:
            today = legal_date(self._clock.now()).isoformat()
            record = await self._api.finalise_invoice(made.id, {"invoiced_on": today})
            made = replace(_made(record, made.why), mended=made.mended, accepted=made.accepted)
            if made.draft:
                raise NeedsPerson(f"draft {made.id} does not become final: finalise it in Facturation.pro")
        return await self._write([step.key], made)

    async def _mend(self, step: Mend) -> dict[str, Made]:
        lines, nature = step.lines_of.lines, step.lines_of.nature
        fields = {"items": [line_fields(line, n, nature) for n, line in enumerate(lines, start=1)]}
        try:
            record = await self._api.update_invoice(step.made.id, fields)
        except ApiRefused:
            # The ledger may be behind: someone else has mended the draft, and made it final, since.
            made = await self._read_back(step.made)
            if made.draft:
                raise
            return await self._write([step.key], made)
        return await self._write([step.key], replace(_made(record, step.lines_of.why), mended=True))

    async def _record_payment(self, step: RecordPayment, run: Run) -> dict[str, Made]:
        if step.draft.paid is None:
            raise TypeError("a payment step without payment")
        record = await self._api.update_invoice(step.made.id, payment_fields(step.draft.paid))
        if record.paid_on is None:
            raise NeedsPerson(
                f"order {run.order.number}: Facturation.pro does not keep the payment of invoice "
                f"{step.made.number}: record it there, then retry"
            )
        return await self._write([step.key], replace(step.made, paid=True))

    async def _send_email(self, step: SendEmail) -> dict[str, Made]:
        """Asked for once: a mail too few can be sent by hand, a mail too many cannot be taken back."""
        said = "e-mail envoyé par Facturation.pro"
        try:
            await self._api.send_email(step.made.id)
        except (ApiRefused, OutcomeUnknown) as exc:
            said = f"e-mail peut-être pas envoyé : {exc}"
        made = replace(step.made, emailed=True, why=(*step.made.why, said))
        return await self._write([step.key], made)


def fence_of(draft: CustomerDraft) -> str:
    """The ledger key that all orders of one buyer share, so that two first orders make one customer."""
    return _fence("" if draft.individual else str(customer_fields(draft)["company_name"]), draft.email)


def _fence(company: str, email: str) -> str:
    who = f"{company.casefold()}|{email.strip().casefold()}"
    return f"buyer:{hashlib.sha256(who.encode()).hexdigest()[:32]}"


def _same_buyer(record: CustomerRecord, draft: CustomerDraft) -> bool:
    if draft.individual:
        return record.individual
    written = str(customer_fields(draft)["company_name"])
    return not record.individual and record.company_name.casefold() == written.casefold()


def _made(record: InvoiceRecord, why: tuple[str, ...]) -> Made:
    return Made(
        id=record.id,
        number=record.number,
        draft=record.draft,
        total=record.total_with_vat,
        paid=record.paid_on is not None,
        made_on=record.invoiced_on,
        customer_id=record.customer_id or 0,
        seen=record.total_with_vat is not None,
        why=why,
    )
