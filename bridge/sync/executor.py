"""From a step of the plan to whoever carries it out."""

from __future__ import annotations

from datetime import timedelta

from bridge.billing.made import LedgerEntry
from bridge.billing.steps import (
    CreateCreditNote,
    CreateInvoice,
    EnsureCustomer,
    Finalise,
    Mend,
    ReadBack,
    RecordPayment,
    ReverseInvoice,
    SendEmail,
    Step,
    UpdateCustomer,
)
from bridge.errors import ApiRefused, RetryLater
from bridge.facturation.records import InvoiceRecord
from bridge.orders import legal_date
from bridge.reasons import because
from bridge.sync.customers import Customers
from bridge.sync.documents import DocumentBook
from bridge.sync.exactly_once import Api, Attempts, Clock, Ledger, Run

MIDNIGHT = timedelta(minutes=1)
"""So far may two machines' clocks differ on which day it is."""


class Executor:
    """Carries steps out. `settle`: seconds after which an attempt that cannot be found never happened."""

    def __init__(self, store: Ledger, api: Api, clock: Clock, *, settle: float) -> None:
        self._clock = clock
        self._api = api
        attempts = Attempts(store, api, clock, settle=settle)
        self._customers = Customers(attempts)
        self._documents = DocumentBook(attempts, self._customers)

    async def read(self, invoice_id: int) -> InvoiceRecord:
        """A document as it is now."""
        return await self._api.get_invoice(invoice_id)

    async def act(self, step: Step, run: Run) -> dict[str, LedgerEntry]:
        """Does what the step says and returns what now exists, by ledger key."""
        try:
            return await self._act(step, run)
        except ApiRefused as exc:
            # Others may have numbered an invoice of tomorrow already, and a series' dates never go back.
            now = self._clock.now()
            if legal_date(now - MIDNIGHT) == legal_date(now + MIDNIGHT):
                raise
            reason = because("around_midnight", reason=exc.reason)
            raise RetryLater(reason, after=2 * MIDNIGHT.total_seconds()) from exc

    async def _act(self, step: Step, run: Run) -> dict[str, LedgerEntry]:
        match step:
            case EnsureCustomer():
                return await self._customers.ensure(step, run)
            case UpdateCustomer():
                return await self._customers.update(step, run)
            case CreateInvoice():
                return await self._documents.create_invoice(step, run)
            case CreateCreditNote():
                return await self._documents.create_credit_note(step, run)
            case ReverseInvoice():
                return await self._documents.reverse(step, run)
            case Finalise():
                return await self._documents.finalise(step)
            case Mend():
                return await self._documents.mend(step, run)
            case RecordPayment():
                return await self._documents.record_payment(step, run)
            case ReadBack():
                return await self._documents.read_back(step)
            case SendEmail():
                return await self._documents.send_email(step)
            case _:
                raise TypeError(f"no step: {step}")
