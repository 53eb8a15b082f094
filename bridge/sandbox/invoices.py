"""Invoices: drafts, numbering, immutability, payment, credit notes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from bridge.sandbox.columns import INVOICE_READ_ONLY, INVOICE_READERS
from bridge.sandbox.config import PaymentAtCreation, SandboxConfig
from bridge.sandbox.customers import CustomerBook
from bridge.sandbox.fields import NOT_IN_LIST, Errors, read_fields, require
from bridge.sandbox.lines import edited_lines
from bridge.sandbox.records import BLANK_INVOICE, Invoice, Item, Shelf
from bridge.sandbox.refusals import InvalidFields
from bridge.sandbox.terms import due_on
from bridge.sandbox.totals import DocumentTotals, document_totals

UNPAID: dict[str, Any] = {
    "payment_mode": 0,
    "paid_on": None,
    "payment_ref": None,
    "paid_in_main_currency": None,
}
EDITABLE_WHEN_FINAL = frozenset(
    (
        *UNPAID,
        *("information", "internal_note", "pay_before", "term_on", "penalty", "discount", "overdue_at"),
        *("category_id", "followup_id", "user_id", "accounting_entry", "api_id", "api_custom"),
    )
)
FROZEN = "ne peut plus être modifié : la facture est définitive"
REFUNDED_WITH = 99


@dataclass(slots=True)
class Series:
    """The firm's numbers: "202611-1" is the first of November 2026. Dates never go back."""

    last_day: date | None = None
    issued: int = 0
    by_month: dict[str, int] = field(default_factory=dict)

    def take(self, day: date) -> tuple[int, str]:
        """The rank in the whole series and the number itself."""
        month = f"{day:%Y%m}"
        self.by_month[month] = self.by_month.get(month, 0) + 1
        self.issued += 1
        self.last_day = max(day, self.last_day or day)
        return self.issued, f"{month}-{self.by_month[month]}"


class InvoiceBook:
    """The firm's invoices. A look-up by id or `api_id` costs the same however many there are."""

    def __init__(self, config: SandboxConfig, customers: CustomerBook) -> None:
        self._config = config
        self._customers = customers
        self._item_ids = count(900_001)
        self._series = Series()
        self._credit_note_of: dict[int, Invoice] = {}
        self.shelf: Shelf[Invoice] = Shelf(first_id=5001)

    def create(self, body: Mapping[str, object], *, type_doc: str | None, external: bool) -> Invoice:
        """A final, numbered invoice, unless it is a draft or was issued elsewhere. Raises InvalidFields."""
        draft = _wants_draft(type_doc)
        fields = {name: value for name, value in body.items() if name != "items"}
        values, errors = read_fields(fields, INVOICE_READERS, INVOICE_READ_ONLY)
        if self._config.payment_at_creation is PaymentAtCreation.DROPPED:
            values |= UNPAID
        items, line_errors = self._edited([], body.get("items", []))
        errors |= line_errors
        require(values, ("customer_id",), errors)
        if external:
            require(values, ("external_ref",), errors)
            if draft:
                errors["type_doc"] = ["une facture externe ne peut pas être un brouillon"]
        complete = self._with_defaults(BLANK_INVOICE | values)
        totals = self._checked(complete, items, errors, numbered=not (draft or external))
        now = self._config.clock()
        invoice = Invoice(
            id=self.shelf.new_id(),
            values=_with_payment(complete, totals),
            items=items,
            totals=totals,
            customer_identity=self._identity(complete),
            draft=draft,
            external=external,
            created_at=now,
            updated_at=now,
        )
        self.shelf.add(invoice)
        if not draft:
            self._issue(invoice)
        return invoice

    def update(self, invoice_id: int, body: Mapping[str, object], *, type_doc: str | None) -> Invoice:
        """Change the fields sent; `type_doc="final"` also numbers a draft, for ever.

        Raises RecordNotFound, and InvalidFields where a final invoice would change in substance.
        """
        invoice = self.shelf.get(invoice_id)
        stays_draft = _wants_draft(type_doc) if type_doc else invoice.draft
        fields = {name: value for name, value in body.items() if name != "items"}
        sent, errors = read_fields(fields, INVOICE_READERS, INVOICE_READ_ONLY)
        values = invoice.values | sent
        items, totals = invoice.items, invoice.totals
        if invoice.draft:
            if "items" in body:
                items, line_errors = self._edited(items, body["items"])
                errors |= line_errors
            if sent.keys() & {"pay_before", "invoiced_on", "delivery_on"} and "term_on" not in sent:
                values["term_on"] = None
            values = self._with_defaults(values)
            totals = self._checked(values, items, errors, numbered=not stays_draft)
        else:
            errors |= _frozen(invoice, body, sent)
            if stays_draft:
                errors["type_doc"] = ["une facture définitive ne redevient pas un brouillon"]
            if errors:
                raise InvalidFields(errors)
        self.shelf.change(invoice, _with_payment(values, totals))
        invoice.items, invoice.totals = items, totals
        invoice.customer_identity = self._identity(values) if invoice.draft else invoice.customer_identity
        self._touch(invoice)
        if invoice.draft and not stays_draft:
            invoice.draft = False
            self._issue(invoice)
        return invoice

    def delete(self, invoice_id: int) -> None:
        """Raises RecordNotFound, and InvalidFields unless it is a draft."""
        invoice = self.shelf.get(invoice_id)
        if not invoice.draft:
            raise InvalidFields({"base": ["seul un brouillon peut être supprimé"]})
        self.shelf.remove(invoice)

    def refund(self, invoice_id: int, *, api_id: int | None, api_custom: str | None) -> Invoice:
        """The credit note that reverses the whole invoice, already settled.

        Raises RecordNotFound, InvalidFields.
        """
        original = self.shelf.get(invoice_id)
        if original.draft or original.external or original.is_credit_note:
            raise InvalidFields({"base": ["seule une facture définitive peut faire l'objet d'un avoir"]})
        if original.id in self._credit_note_of:
            raise InvalidFields({"base": ["un avoir existe déjà pour cette facture"]})
        day = max(self._config.today(), self._series.last_day or date.min)
        items = [self._reversed(item) for item in original.items]
        totals = self._totals(items)
        now = self._config.clock()
        values = original.values | {
            "api_id": api_id,
            "api_custom": api_custom,
            "invoiced_on": day,
            "paid_on": day,
            "payment_mode": REFUNDED_WITH,
            "payment_ref": None,
            "paid_in_main_currency": None,
        }
        credit_note = Invoice(
            id=self.shelf.new_id(),
            values=_with_payment(values, totals),
            items=items,
            totals=totals,
            customer_identity=original.customer_identity,
            draft=False,
            refund_id=original.id,
            created_at=now,
            updated_at=now,
        )
        self.shelf.add(credit_note)
        self._credit_note_of[original.id] = credit_note
        self._issue(credit_note)
        return credit_note

    def record_payment(self, invoice: Invoice, payment: dict[str, Any]) -> None:
        """Mark paid (or, with UNPAID, unpaid again)."""
        self.shelf.change(invoice, _with_payment(invoice.values | payment, invoice.totals))
        self._touch(invoice)

    def delete_customer(self, customer_id: int) -> None:
        """Raises RecordNotFound, and InvalidFields when the customer was ever invoiced."""
        customer = self._customers.shelf.get(customer_id)
        if any(invoice.values["customer_id"] == customer_id for invoice in self.shelf):
            raise InvalidFields({"base": ["ce client a été facturé et ne peut pas être supprimé"]})
        if self._config.deleted_stay_readable:
            customer.soft_deleted = True
        else:
            self._customers.shelf.remove(customer)

    def _edited(self, existing: list[Item], sent: object) -> tuple[list[Item], Errors]:
        return edited_lines(
            existing,
            sent,
            new_id=lambda: next(self._item_ids),
            accept_negative=self._config.accept_negative_quantity,
        )

    def _checked(
        self, values: dict[str, Any], items: list[Item], errors: Errors, *, numbered: bool
    ) -> DocumentTotals:
        """Totals of a document that may be written. Raises InvalidFields with everything that is wrong."""
        if "customer_id" not in errors:
            customer = self._customers.shelf.find(values["customer_id"])
            if customer is None or customer.soft_deleted:
                errors["customer_id"] = ["n'existe pas"]
            elif customer.archived:
                errors["customer_id"] = ["est archivé"]
        last_day = self._series.last_day
        if numbered and self._config.refuse_earlier_dates and last_day and values["invoiced_on"] < last_day:
            errors["invoiced_on"] = [f"doit être postérieure ou égale à la dernière facture ({last_day})"]
        if errors:
            raise InvalidFields(errors)
        return self._totals(items)

    def _totals(self, items: list[Item]) -> DocumentTotals:
        totals = document_totals((item.priced for item in items), self._config.rounding)
        for item, net in zip(items, totals.nets, strict=True):
            item.total = net
        return totals

    def _with_defaults(self, values: dict[str, Any]) -> dict[str, Any]:
        customer = self._customers.shelf.find(values["customer_id"])
        preferred = customer.values if customer else {}
        complete = values | {
            "invoiced_on": values["invoiced_on"] or self._config.today(),
            "currency": values["currency"] or preferred.get("currency") or "EUR",
            "language": values["language"] or preferred.get("language") or "fr",
        }
        if complete["pay_before"] is None:
            complete["pay_before"] = (preferred.get("pay_before") or "0")[:16]
        if complete["term_on"] is None:
            complete["term_on"] = due_on(
                complete["pay_before"],
                invoiced_on=complete["invoiced_on"],
                delivery_on=complete["delivery_on"],
            )
        return complete

    def _issue(self, invoice: Invoice) -> None:
        if not invoice.external:
            invoice.number, invoice.invoice_ref = self._series.take(invoice.values["invoiced_on"])
        if customer := self._customers.shelf.find(invoice.values["customer_id"]):
            customer.last_invoiced_on = invoice.values["invoiced_on"]
            customer.last_paid_on = invoice.values["paid_on"] or customer.last_paid_on

    def _touch(self, invoice: Invoice) -> None:
        invoice.updated_at = self._config.clock()
        customer = self._customers.shelf.find(invoice.values["customer_id"])
        if customer and not invoice.draft and invoice.paid:
            customer.last_paid_on = invoice.values["paid_on"]

    def _reversed(self, item: Item) -> Item:
        return Item(id=next(self._item_ids), values=item.values | {"quantity": -item.values["quantity"]})

    def _identity(self, values: Mapping[str, Any]) -> str:
        return self._customers.shelf.get(values["customer_id"]).identity


def _wants_draft(type_doc: str | None) -> bool:
    if type_doc not in (None, "", "draft", "final"):
        raise InvalidFields({"type_doc": [NOT_IN_LIST]})
    return type_doc == "draft"


def _frozen(invoice: Invoice, body: Mapping[str, object], sent: Mapping[str, Any]) -> Errors:
    changed = {name for name, value in sent.items() if value != invoice.values[name]}
    if "items" in body:
        changed.add("items")
    return {name: [FROZEN] for name in sorted(changed - EDITABLE_WHEN_FINAL)}


def _with_payment(values: dict[str, Any], totals: DocumentTotals) -> dict[str, Any]:
    """What follows from `paid_on`: unpaid has no mode; paid in euros has its amount."""
    if values["paid_on"] is None:
        return values | {"paid_in_main_currency": None, "payment_mode": values["payment_mode"] or 0}
    if values["paid_in_main_currency"] is None and values["currency"] == "EUR":
        return values | {"paid_in_main_currency": totals.total_with_vat}
    return values
