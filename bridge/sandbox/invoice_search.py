"""Which invoices a list shows, and in which order."""

from collections.abc import Callable
from datetime import date
from typing import Any

from starlette.datastructures import QueryParams

from bridge.sandbox.config import SandboxConfig
from bridge.sandbox.customers import CustomerBook
from bridge.sandbox.invoices import InvoiceBook
from bridge.sandbox.records import Invoice
from bridge.sandbox.search import candidates, chosen, contains, whole_parameter, within

PARTIAL_FILTERS = ("api_custom", "payment_ref", "title")
EXACT_FILTERS = ("customer_id", "category_id", "followup_id", "user_id")
CUSTOMER_FILTERS = {"company": "company_name", "last_name": "last_name"}


def _issued_here(invoice: Invoice) -> bool:
    return not (invoice.draft or invoice.external)


def _nothing(_invoice: Invoice, _today: date) -> bool:
    return False


# Deposit invoices, notes and Nova declarations do not exist in the sandbox.
BILL_TYPES: dict[str, Callable[[Invoice, date], bool]] = {
    "": lambda invoice, today: True,
    "paid": lambda invoice, today: _issued_here(invoice) and invoice.paid,
    "unpaid": lambda invoice, today: _issued_here(invoice) and not invoice.paid,
    "term": lambda invoice, today: (
        _issued_here(invoice) and not invoice.paid and (invoice.values["term_on"] or today) < today
    ),
    "invoice": lambda invoice, today: _issued_here(invoice) and not invoice.is_credit_note,
    "external": lambda invoice, today: invoice.external,
    "refund": lambda invoice, today: _issued_here(invoice) and invoice.is_credit_note,
    "draft": lambda invoice, today: invoice.draft,
    "down_payment": _nothing,
    "notes": _nothing,
    "nova": _nothing,
}
ORDERS: dict[str, Callable[[Invoice], Any]] = {
    "": lambda invoice: (invoice.number or float("inf"), invoice.id),
    "customer": lambda invoice: (invoice.customer_identity.casefold(), invoice.id),
    "paid": lambda invoice: (invoice.values["paid_on"] or date.min, invoice.id),
    "total": lambda invoice: (invoice.totals.total, invoice.id),
    "billed": lambda invoice: (invoice.values["invoiced_on"], invoice.id),
    "term": lambda invoice: (invoice.values["term_on"] or date.max, invoice.id),
    "created": lambda invoice: (invoice.created_at, invoice.id),
    "updated": lambda invoice: (invoice.updated_at, invoice.id),
}


def search_invoices(
    invoices: InvoiceBook, customers: CustomerBook, params: QueryParams, config: SandboxConfig
) -> list[Invoice]:
    """The whole list, filtered, highest number first. Raises InvalidFields for an unknown choice."""
    found, filtered = candidates(invoices.shelf, params, config)
    if filtered:
        of_type = chosen(BILL_TYPES, "bill_type", params)
        today = config.today()
        exact = {n: v for n in EXACT_FILTERS if (v := whole_parameter(params, n)) is not None}
        found = [
            invoice
            for invoice in found
            if of_type(invoice, today)
            and all((invoice.values[n] or 0) == v for n, v in exact.items())
            and _passes(invoice, params)
            and _customer_passes(invoice, customers, params)
        ]
    key = chosen(ORDERS, "order", params)
    return sorted(found, key=key, reverse=params.get("sort", "desc") != "asc")


def _passes(invoice: Invoice, params: QueryParams) -> bool:
    values = invoice.values
    if any((sent := params.get(n)) and not contains(sent, values[n]) for n in PARTIAL_FILTERS):
        return False
    if (sent := params.get("invoice_ref")) and not contains(sent, invoice.invoice_ref):
        return False
    if (sent := params.get("full_invoice_ref")) and sent != invoice.full_invoice_ref:
        return False
    if (sent := params.get("accounting_entry")) and sent != values["accounting_entry"]:
        return False
    return within(values["invoiced_on" if params.get("period_type") == "billed" else "paid_on"], params)


def _customer_passes(invoice: Invoice, customers: CustomerBook, params: QueryParams) -> bool:
    sent = {field: text for name, field in CUSTOMER_FILTERS.items() if (text := params.get(name))}
    customer = customers.shelf.find(invoice.values["customer_id"]) if sent else None
    return not sent or (
        customer is not None and all(contains(text, customer.values[field]) for field, text in sent.items())
    )
