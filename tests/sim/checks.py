"""What must be true: at any time of the store, and at rest of the store and of Facturation.pro. Each check
yields what it finds broken, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.facturation.records import CustomerRecord, InvoiceRecord
from tests.sim.api_model import Facturation
from tests.sim.data import LEASE_MS, Data
from tests.sim.shops import Sale


def of_the_unfinished(data: Data) -> Iterator[str]:
    """Nothing that is still needed has a time to live, and what waits will be looked at."""
    for key in data.due:
        if any(data.events[name].mortal for name in data.events_of.get(key, ())):
            yield f"due, with an event that will expire: {key}"
    for key in data.waiting:
        if key not in data.due:
            yield f"waiting, but not due: {key}"


def of_the_store_at_rest(data: Data, now: int, sales: Iterable[Sale]) -> Iterator[str]:
    """Nothing is left to do, to ask, to find out or to let go of."""
    for key in {**data.due, **data.waiting}:
        yield f"not at rest: {key}"
    for key in data.attention:
        yield f"asks for attention: {key}: {data.orders[key].reason}"
    for key, entry in data.entries.items():
        if entry.state != "done":
            yield f"in the ledger: {key} is {entry.state}"
    for key, (_, until) in data.leases.items():
        if now < until <= now + LEASE_MS:
            yield f"still leased: {key}"
    for sale in sales:
        order = data.orders.get(sale.key)
        if order is None or order.state != "done":
            yield f"{sale.key} is {order.state if order else 'lost'}"


def of_facturation(facturation: Facturation, sales: list[Sale]) -> Iterator[str]:
    """Each sale once, each refund once, each buyer once, and nothing else."""
    for sale in sales:
        yield from _of_a_sale(facturation, sale)
    yield from _of_customers(facturation, sales)
    expected = {key for sale in sales for key in (sale.key, *sale.credits)}
    for stored in facturation.invoices.values():
        if stored.since > 0 and stored.record.api_custom not in expected:
            yield f"nobody asked for {stored.record.api_custom}"


def _of_a_sale(facturation: Facturation, sale: Sale) -> Iterator[str]:
    invoices = _documents(facturation, sale.key)
    if len(invoices) != 1:
        yield f"{sale.key} has {len(invoices)} invoices: {invoices}"
        return
    invoice = invoices[0]
    if invoice.draft or invoice.total_with_vat != sale.total or invoice.paid_on is None:
        yield f"not what was sold for {sale.total}: {invoice}"
    for key, amount in sale.credits.items():
        notes = _documents(facturation, key)
        if len(notes) != 1:
            yield f"{key} has {len(notes)} credit notes: {notes}"
            continue
        note = notes[0]
        if note.draft or note.total_with_vat != -amount:
            yield f"not what was refunded, {amount}: {note}"
        if (note.refund_id == invoice.id) != (key == sale.reversed):
            yield f"reversed, or not, wrongly: {note}"
        if note.customer_id != invoice.customer_id:
            yield f"credited to another customer: {note}"


def _documents(facturation: Facturation, key: str) -> list[InvoiceRecord]:
    stored = facturation.invoices.values()
    return [each.record for each in stored if each.record.api_custom == key]


def _of_customers(facturation: Facturation, sales: list[Sale]) -> Iterator[str]:
    records: list[CustomerRecord] = [each.record for each in facturation.customers.values()]
    for buyer in sorted({sale.buyer for sale in sales}):
        same = [record for record in records if buyer in record.emails or record.api_custom == buyer]
        if len(same) != 1:
            yield f"{buyer} is {len(same)} customers: {same}"
