"""The documents an order should have, before anyone is asked to make them.

A draft depends on facts and rules alone: the same order gives the same drafts, whenever it is planned. The
day of issue is added when the step is carried out. Amounts in the order's currency; prices exclude VAT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from bridge.billing.books.parts import Part
from bridge.billing.rules import DocumentPolicy
from bridge.movements import PaymentMethod
from bridge.reasons import NO_REASON, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDraft:
    """Who is invoiced. `individual`: a consumer; otherwise `company` is not empty.

    `why`: in French, for the accountant: which facts made this customer.
    """

    key: str = field(repr=False)
    individual: bool
    company: str = field(default="", repr=False)
    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    street: str = field(default="", repr=False)
    postcode: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    country: str = ""
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    language: str = "fr"
    vat_number: str = field(default="", repr=False)
    siret: str = field(default="", repr=False)
    why: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """One line of a document. `unit_price`: excluding VAT, at most 3 decimals; `quantity`: at most 4;
    `vat`: a fraction, at most 3 decimals."""

    title: str
    quantity: Decimal
    unit_price: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNote:
    """The payment that the invoice states."""

    on: date
    method: PaymentMethod
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft:
    """One sale's invoice.

    `total`: what was charged, VAT included: the document must come to exactly that. `agreed`: the firm's
    rounding rule is known and gives that total for `lines`, so it may be made final at once. `delivered_on`:
    the supply's day or the payment's, None where neither is known; `due_on`: of an unpaid one.
    `vat_exemption`: the legal mention, "" where VAT is charged. `vat_country`: ISO alpha-2
    under OSS. `parts` and `less`: see `books.documents.Document`. `why`: in French, for the accountant.
    """

    key: str
    policy: DocumentPolicy
    lines: tuple[DraftLine, ...]
    currency: str
    total: Decimal
    agreed: bool
    language: str = "fr"
    title: str = ""
    information: str = ""
    delivered_on: date | None = None
    due_on: date | None = None
    paid: PaymentNote | None = None
    vat_exemption: str = ""
    vat_country: str = ""
    external_ref: str = ""
    external_on: date | None = None
    purchase_number: str = ""
    category_id: int | None = None
    nature: int | None = None
    send_email: bool = False
    parts: tuple[Part, ...] = ()
    less: tuple[str, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteDraft:
    """The credit note of one refund, or of what was removed.

    `full`: the whole invoice is reversed, by Facturation.pro itself, and `lines` stays empty. Otherwise
    `lines` have negative quantities and `total` is the negative of what left. `on`: the keys of the invoices
    that it is on, whose numbers and dates are added when it is made. `parts`: negative. `differences`: what
    it states too much of each rate (or too little), where the platform has told its lines since.
    """

    key: str
    invoice_key: str
    refund_id: str
    full: bool
    total: Decimal
    currency: str
    refunded_on: date
    lines: tuple[DraftLine, ...] = ()
    agreed: bool = True
    language: str = "fr"
    information: str = ""
    vat_exemption: str = ""
    vat_country: str = ""
    category_id: int | None = None
    nature: int | None = None
    parts: tuple[Part, ...] = ()
    on: tuple[str, ...] = ()
    differences: tuple[tuple[Decimal, Decimal], ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """All that one order should have. `further`: invoices over what was added after the first. `hold`: why a
    person must decide first; then nothing of what it concerns is created. `hold_refunds`: the same for credit
    notes alone: the invoice is not blocked. `ignore`: why nothing is due at all; credit notes beside it are
    due only if an invoice was made before. `wait`: what must happen in the shop first. `waits_until`: lines
    of what left may still be told until then. `revoked`: keys of credit notes that must not exist (any more),
    each with what happened. `broken`: where the books do not agree, once nothing is missing. `owed`: what was
    added after the invoice and is not paid yet."""

    customer: CustomerDraft | None = None
    invoice: InvoiceDraft | None = None
    further: tuple[InvoiceDraft, ...] = ()
    credit_notes: tuple[CreditNoteDraft, ...] = field(default=())
    hold: Reason = NO_REASON
    hold_refunds: tuple[Reason, ...] = ()
    ignore: Reason = NO_REASON
    wait: Reason = NO_REASON
    waits_until: datetime | None = None
    revoked: Mapping[str, Reason] = field(default_factory=dict)
    broken: Reason = NO_REASON
    owed: Decimal = Decimal(0)

    @property
    def invoices(self) -> tuple[InvoiceDraft, ...]:
        """The first, and the further ones."""
        return (*((self.invoice,) if self.invoice else ()), *self.further)
