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
from datetime import UTC, datetime, timedelta
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
    entity_of,
    facts_of,
    matched_by_email,
)
from bridge.billing.rules import DocumentPolicy, Rules
from bridge.errors import (
    AccessRefused,
    ApiRefused,
    NeedsPerson,
    NotSent,
    OutcomeUnknown,
    QuotaReached,
    RetryLater,
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

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""As if placed then: the buyer of a new order may be an old one, whom the ledger has forgotten."""
MIDNIGHT = timedelta(minutes=1)
"""So far may two machines' clocks differ on which day it is."""
SAYS_ARCHIVED = frozenset({400, 404, 422})
"""Statuses of a refusal to invoice an archived customer: which one is not documented."""
ADDRESS = ("street", "zip_code", "city", "country")
COMPANY = ("company_name", "vat_number", "siret")

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
        try:
            return await self._act(step, run)
        except ApiRefused as exc:
            # Others may have numbered an invoice of tomorrow already, and a series' dates never go back.
            now = self._clock.now()
            if legal_date(now - MIDNIGHT) == legal_date(now + MIDNIGHT):
                raise
            reason = f"{exc.reason} (around midnight: it is tried again with the new date)"
            raise RetryLater(reason, after=2 * MIDNIGHT.total_seconds()) from exc

    async def _act(self, step: Step, run: Run) -> dict[str, Made]:
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
        since: datetime | None = None,
    ) -> dict[str, Made]:
        """The protocol. `keys[0]` is the one whose ledger entry is the fence; all get the result. `since`:
        from when on there can have been an attempt, if that is not when the order was placed."""
        key, attempt, armed = keys[0], self._clock.token(), self._clock.boottime()
        since = since or run.order.placed_at
        begun = await self._store.begin(run.lease, key, attempt, since, run.scope)
        if begun.unsure and await self._judge(run.scope):
            armed = self._clock.boottime()
            begun = await self._store.begin(run.lease, key, attempt, since, run.scope)
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
        except (NotSent, QuotaReached, AccessRefused, NeedsPerson):
            # Refused by Facturation.pro (ApiRefused), or by ourselves before it was sent.
            await self._store.clear(key, attempt)
            raise
        return await self._write(keys, made)

    async def _judge(self, scope: str) -> bool:
        """Was this shop ever bridged? A new ledger of a shop that never was has forgotten nothing."""
        clean = not await self._api.find_invoices_by_custom_prefix(scope)
        clean = clean and not await self._api.find_customers_by_custom_prefix(scope)
        await self._store.judge(scope, clean=clean)
        return clean

    async def _ensure_customer(self, step: EnsureCustomer, run: Run) -> dict[str, Made]:
        draft = step.draft
        by_email, entity = matched_by_email(draft, run.rules), entity_of(draft)
        keys = [fence_of(draft), draft.key] if by_email else [draft.key]
        if by_email:
            known = (await self._store.ledger(keys[:1])).get(keys[0])
            if known:
                return await self._write(keys[1:], replace(Made.from_record(known), entity=entity))
            made = await self._find_by_email(draft)
            if made:
                return await self._write(keys, made)
        as_of = run.order.placed_at.astimezone(UTC).isoformat()
        base = Made(id=0, facts=facts_of(draft), as_of=as_of, entity=entity, why=draft.why)

        async def look_up() -> Made | None:
            records = await self._api.find_customers(api_id_of(draft.key))
            mine = sorted(
                record.id
                for record in records
                if record.api_custom == draft.key and (not by_email or _same_buyer(record, draft))
            )
            if mine:
                return replace(base, id=mine[0], twins=tuple(mine[1:]))
            return await self._find_by_email(draft) if by_email else None

        async def create(before_send: BeforeSend) -> Made:
            record = await self._api.create_customer(customer_fields(draft), before_send=before_send)
            return replace(base, id=record.id)

        return await self._ensure(run, keys, look_up, create, since=None if by_email else EVER)

    async def _find_by_email(self, draft: CustomerDraft) -> Made | None:
        """A customer of exactly this e-mail who is the same kind of buyer: a person, or this company."""
        records = await self._api.find_customers_by_email(draft.email)
        same = sorted(record.id for record in records if _same_buyer(record, draft))
        found = Made(id=0, found=True, entity=entity_of(draft))
        if same:
            return replace(found, id=same[0], why=("client trouvé par son e-mail exact", *draft.why))
        archived = await self._archived(fence_of(draft))
        if not archived:
            return None
        await self._api.unarchive_customer(archived)
        why = ("client archivé trouvé par son e-mail, rétabli", *draft.why)
        return replace(found, id=archived, why=why)

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
        draft = step.draft
        fields = customer_fields(draft)
        del fields["api_id"], fields["api_custom"]
        # An address is replaced as a whole, and a person has nothing of a company. The rest of what is not
        # said may have been completed by hand, and stays.
        gone = (*(ADDRESS if fields.keys() & {*ADDRESS} else ()), *(COMPANY if draft.individual else ()))
        await self._api.update_customer(step.made.id, dict.fromkeys(gone, "") | fields)
        as_of = run.order.placed_at.astimezone(UTC).isoformat()
        made = replace(step.made, facts=facts_of(draft), as_of=as_of, entity=entity_of(draft))
        return await self._write([draft.key], made)

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
                if refusal.status not in SAYS_ARCHIVED:
                    raise
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
        reversal = await self._api.find_credit_note_of(invoice.id, invoice.customer_id)
        if reversal:
            raise NeedsPerson(
                f"order {run.order.number}: refund {draft.refund_id} is not credited, because all of invoice "
                f"{invoice.number} was reversed by {reversal.number or reversal.id}: ignore the order if that "
                "is right"
            )

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
            fresh,
            seen=True,
            mended=made.mended,
            accepted=made.accepted,
            emailed=made.emailed,
            twins=made.twins,
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
        """Asked for once, and noted before: a mail too few can be sent by hand, a mail too many cannot be
        taken back."""

        async def note(said: str) -> dict[str, Made]:
            return await self._write([step.key], replace(step.made, emailed=True, why=(*step.made.why, said)))

        await note("e-mail demandé à Facturation.pro")
        try:
            await self._api.send_email(step.made.id)
        except (NotSent, QuotaReached, AccessRefused):
            await self._write([step.key], step.made)
            raise
        except (ApiRefused, OutcomeUnknown) as exc:
            return await note(f"e-mail peut-être pas envoyé : {exc}")
        return await note("e-mail envoyé par Facturation.pro")


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
