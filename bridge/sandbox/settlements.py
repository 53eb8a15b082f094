"""Settlements: several payments, each with its own method, that add up to one invoice."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from bridge.sandbox.columns import SETTLEMENT_READ_ONLY, SETTLEMENT_READERS
from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.fields import read_fields, require
from bridge.sandbox.invoices import UNPAID, InvoiceBook
from bridge.sandbox.records import Invoice, Settlement
from bridge.sandbox.refusals import InvalidFields, RecordNotFound


class SettlementBook:
    """Adds settlements to invoices and takes them back. Overpaying is refused (undocumented)."""

    def __init__(self, config: SandboxConfig, invoices: InvoiceBook) -> None:
        self._config = config
        self._invoices = invoices
        self._ids = count(70_001)

    def of(self, invoice_id: int) -> list[Settlement]:
        """Raises RecordNotFound."""
        return list(self._invoices.shelf.get(invoice_id).settlements.values())

    def get(self, invoice_id: int, settlement_id: int) -> Settlement:
        """Raises RecordNotFound."""
        try:
            return self._invoices.shelf.get(invoice_id).settlements[settlement_id]
        except KeyError:
            raise RecordNotFound from None

    def create(self, invoice_id: int, body: Mapping[str, object]) -> Settlement:
        """The settlement that completes the total pays the invoice, with its own date and method.

        Raises RecordNotFound, InvalidFields.
        """
        invoice = self._invoices.shelf.get(invoice_id)
        sent, errors = read_fields(body, SETTLEMENT_READERS, SETTLEMENT_READ_ONLY)
        values: dict[str, Any] = dict.fromkeys(SETTLEMENT_READERS) | {"paid_on": self._config.today()} | sent
        require(values, ("total", "payment_mode"), errors)
        if (
            "total" not in errors
            and not 0 < values["total"] <= invoice.totals.total_with_vat - invoice.settled
        ):
            errors["total"] = ["doit être positif et ne pas dépasser le reste à payer"]
        if invoice.draft or invoice.paid:
            errors["base"] = ["la facture est un brouillon ou déjà réglée"]
        if errors:
            raise InvalidFields(errors)
        settlement = Settlement(id=next(self._ids), invoice_id=invoice.id, values=values)
        invoice.settlements[settlement.id] = settlement
        self._pay_when_complete(invoice, settlement)
        return settlement

    def delete(self, invoice_id: int, settlement_id: int) -> None:
        """Take a settlement back; a paid invoice becomes unpaid. Raises RecordNotFound."""
        settlement = self.get(invoice_id, settlement_id)
        invoice = self._invoices.shelf.get(invoice_id)
        del invoice.settlements[settlement.id]
        if invoice.paid:
            self._invoices.record_payment(invoice, UNPAID)

    def _pay_when_complete(self, invoice: Invoice, last: Settlement) -> None:
        if invoice.settled >= invoice.totals.total_with_vat:
            names = ("paid_on", "payment_mode", "payment_ref")
            self._invoices.record_payment(invoice, {name: last.values[name] for name in names})
