"""The steps that a plan is made of; `bridge.sync.executor` carries them out."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, InvoiceDraft
from bridge.billing.made import LedgerEntry
from bridge.reasons import Reason


@dataclass(frozen=True, slots=True)
class EnsureCustomer:
    """The buyer must exist."""

    draft: CustomerDraft


@dataclass(frozen=True, slots=True)
class UpdateCustomer:
    """The buyer is known under another address or name than this newer order says."""

    draft: CustomerDraft
    made: LedgerEntry


@dataclass(frozen=True, slots=True)
class CreateInvoice:
    """The invoice must exist; `as_draft`: its total is to be seen before it becomes final. `customer`: who
    `customer_id` is."""

    draft: InvoiceDraft
    customer: CustomerDraft
    customer_id: int
    as_draft: bool


@dataclass(frozen=True, slots=True)
class CreateCreditNote:
    """A partial credit note must exist."""

    draft: CreditNoteDraft
    invoice: LedgerEntry
    as_draft: bool


@dataclass(frozen=True, slots=True)
class ReverseInvoice:
    """The whole invoice is to be reversed by Facturation.pro's own refund."""

    draft: CreditNoteDraft
    invoice: LedgerEntry


@dataclass(frozen=True, slots=True)
class Mend:
    """A draft came to another total: its lines are replaced by `lines_of`'s."""

    key: str
    made: LedgerEntry
    lines_of: InvoiceDraft | CreditNoteDraft


@dataclass(frozen=True, slots=True)
class Finalise:
    """A draft whose total is right becomes final."""

    key: str
    made: LedgerEntry


@dataclass(frozen=True, slots=True)
class RecordPayment:
    """The invoice does not state its payment yet."""

    key: str
    made: LedgerEntry
    draft: InvoiceDraft


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A person may have changed the document since: look before deciding."""

    key: str
    made: LedgerEntry


@dataclass(frozen=True, slots=True)
class SendEmail:
    """The shop wants its invoices e-mailed."""

    key: str
    made: LedgerEntry


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do. `outcome`: done, open (until the shop says more), ignored, or attention."""

    outcome: str
    reason: Reason


Step = (
    EnsureCustomer
    | UpdateCustomer
    | CreateInvoice
    | CreateCreditNote
    | ReverseInvoice
    | Mend
    | Finalise
    | RecordPayment
    | ReadBack
    | SendEmail
    | Rest
)
