"""Invoices and credit notes: made once, corrected while they are drafts, final when their total is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from bridge.billing.drafts import DraftLine
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import fingerprint
from bridge.billing.rules import DocumentPolicy
from bridge.billing.steps import (
    CreateCreditNote,
    CreateInvoice,
    Finalise,
    Mend,
    ReadBack,
    RecordPayment,
    ReverseInvoice,
    SendEmail,
)
from bridge.errors import (
    AccessRefused,
    ApiRefused,
    NeedsPerson,
    NotSent,
    OutcomeUnknown,
    QuotaReached,
    RequestForbidden,
)
from bridge.facturation.fields import (
    api_id_of,
    credit_note_fields,
    invoice_fields,
    line_fields,
    payment_fields,
)
from bridge.facturation.records import InvoiceRecord
from bridge.orders import legal_date
from bridge.reasons import because
from bridge.sync.customers import SAYS_NO_CUSTOMER, Customers
from bridge.sync.exactly_once import Attempts, BeforeSend, Run
from bridge.texts import text_of


class DocumentBook:
    """Carries out what concerns invoices and credit notes."""

    def __init__(self, attempts: Attempts, customers: Customers) -> None:
        self._attempts = attempts
        self._customers = customers

    def _today(self) -> date:
        return legal_date(self._attempts.clock.now())

    async def create_invoice(self, step: CreateInvoice, run: Run) -> dict[str, LedgerEntry]:
        """The invoice, and first its archived customer brought back where need be. Raises CustomerGone."""
        draft = step.draft

        mode = "external" if draft.policy is DocumentPolicy.EXTERNAL else "final"
        mode = "draft" if step.as_draft else mode

        async def create(before_send: BeforeSend) -> LedgerEntry:
            if mode == "final":
                await self._attempts.check_rounding(run)
            fields = invoice_fields(draft, step.customer_id, self._today())
            try:
                record = await self._attempts.api.create_invoice(fields, mode=mode, before_send=before_send)
            except ApiRefused as refusal:
                if refusal.status not in SAYS_NO_CUSTOMER:
                    raise
                try:
                    await self._customers.bring_back(step.customer, step.customer_id, run)
                except ApiRefused:
                    raise refusal from None
                record = await self._attempts.api.create_invoice(fields, mode=mode, before_send=before_send)
            return _made(record, draft.why, draft.lines)

        return await self._attempts.ensure(run, [draft.key], lambda: self._find(draft.key, draft.why), create)

    async def _find(self, key: str, why: tuple[str, ...]) -> LedgerEntry | None:
        records = await self._attempts.api.find_invoices(api_id_of(key))
        mine = sorted((record for record in records if record.api_custom == key), key=lambda r: r.id)
        return replace(_made(mine[0], why), twins=tuple(r.id for r in mine[1:])) if mine else None

    async def create_credit_note(self, step: CreateCreditNote, run: Run) -> dict[str, LedgerEntry]:
        """A partial credit note. Raises NeedsPerson where the whole invoice was reversed already."""
        draft, invoice = step.draft, step.invoice
        reversal = await self._attempts.api.find_credit_note_of(invoice.id, invoice.customer_id)
        if reversal:
            raise NeedsPerson(
                because(
                    "reversed_already",
                    order=run.order.number,
                    refund=draft.refund_id,
                    invoice=invoice.number,
                    note=reversal.number or reversal.id,
                )
            )

        async def create(before_send: BeforeSend) -> LedgerEntry:
            if not step.as_draft:
                await self._attempts.check_rounding(run)
            today = self._today()
            fields = credit_note_fields(
                draft, invoice.customer_id, invoice.number, invoice.made_on or today, today
            )
            record = await self._attempts.api.create_invoice(
                fields, mode="draft" if step.as_draft else "final", before_send=before_send
            )
            return _made(record, draft.why, draft.lines)

        return await self._attempts.ensure(run, [draft.key], lambda: self._find(draft.key, draft.why), create)

    async def reverse(self, step: ReverseInvoice, run: Run) -> dict[str, LedgerEntry]:
        """The credit note of the whole invoice, whoever made it."""
        draft, invoice = step.draft, step.invoice

        async def look_up() -> LedgerEntry | None:
            record = await self._attempts.api.find_credit_note_of(invoice.id, invoice.customer_id)
            return _made(record, draft.why) if record else await self._find(draft.key, draft.why)

        async def create(before_send: BeforeSend) -> LedgerEntry:
            record = await self._attempts.api.refund_invoice(
                invoice.id, api_id=api_id_of(draft.key), api_custom=draft.key, before_send=before_send
            )
            return _made(record, draft.why)

        # A person may have reversed it by hand: what a second refund does is not documented.
        found = await look_up()
        if found:
            return await self._attempts.write([draft.key], found)
        return await self._attempts.ensure(run, [draft.key], look_up, create)

    async def read_back(self, step: ReadBack) -> dict[str, LedgerEntry]:
        """A person may have changed it."""
        return await self._attempts.write([step.key], await self._read_back(step.made))

    async def _read_back(self, made: LedgerEntry) -> LedgerEntry:
        record = await self._attempts.api.get_invoice(made.id)
        fresh = _made(record, made.why)
        return replace(
            fresh,
            seen=True,
            written=made.written if fresh.total == made.total else "",
            accepted=made.accepted,
            emailed=made.emailed,
            twins=made.twins,
        )

    async def finalise(self, step: Finalise) -> dict[str, LedgerEntry]:
        """A draft becomes final, if it still is one and still of that total."""
        made = step.made if step.made.seen else await self._read_back(step.made)
        if made.draft and made.total == step.made.total:
            today = self._today().isoformat()
            record = await self._attempts.api.finalise_invoice(made.id, {"invoiced_on": today})
            made = replace(_made(record, made.why), written=made.written, accepted=made.accepted)
            if made.draft:
                raise NeedsPerson(because("draft_stays_draft", draft=made.id))
        return await self._attempts.write([step.key], made)

    async def mend(self, step: Mend) -> dict[str, LedgerEntry]:
        """A draft gets other lines."""
        lines, nature = step.lines_of.lines, step.lines_of.nature
        fields = {"items": [line_fields(line, n, nature) for n, line in enumerate(lines, start=1)]}
        try:
            record = await self._attempts.api.update_invoice(step.made.id, fields)
        except ApiRefused:
            # The ledger may be behind: someone else has mended the draft, and made it final, since.
            made = await self._read_back(step.made)
            if made.draft:
                raise
            return await self._attempts.write([step.key], made)
        return await self._attempts.write([step.key], _made(record, step.lines_of.why, lines))

    async def record_payment(self, step: RecordPayment, run: Run) -> dict[str, LedgerEntry]:
        """The invoice states its payment. Raises NeedsPerson where Facturation.pro does not keep it."""
        if step.draft.paid is None:
            raise TypeError("a payment step without payment")
        record = await self._attempts.api.update_invoice(step.made.id, payment_fields(step.draft.paid))
        if record.paid_on is None:
            raise NeedsPerson(because("payment_not_kept", order=run.order.number, invoice=step.made.number))
        return await self._attempts.write([step.key], replace(step.made, paid=True))

    async def send_email(self, step: SendEmail) -> dict[str, LedgerEntry]:
        """Asked for once, and noted before: a mail too few can be sent by hand, a mail too many cannot be
        taken back."""

        async def note(said: str) -> dict[str, LedgerEntry]:
            return await self._attempts.write(
                [step.key], replace(step.made, emailed=True, why=(*step.made.why, said))
            )

        await note("e-mail demandé à Facturation.pro")
        try:
            await self._attempts.api.send_email(step.made.id)
        except (ApiRefused, OutcomeUnknown, RequestForbidden) as exc:
            return await note(f"e-mail peut-être pas envoyé : {text_of(exc.reason, 'fr', personal=False)}")
        except (NotSent, QuotaReached, AccessRefused):
            await self._attempts.write([step.key], step.made)
            raise
        return await note("e-mail envoyé par Facturation.pro")


def _made(record: InvoiceRecord, why: tuple[str, ...], lines: tuple[DraftLine, ...] = ()) -> LedgerEntry:
    """`lines`: those just written."""
    return LedgerEntry(
        id=record.id,
        number=record.number,
        draft=record.draft,
        total=record.total_with_vat,
        paid=record.paid_on is not None,
        made_on=record.invoiced_on,
        customer_id=record.customer_id or 0,
        written=fingerprint(lines) if lines else "",
        fresh=bool(lines),
        seen=record.total_with_vat is not None,
        why=why,
    )
