"""A document that a person made, counted among those of an order, and what the books come to then."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from bridge.billing.late import stated_by_rate
from bridge.billing.made import LedgerEntry
from bridge.desk.values import Balance, DocumentRow, NotDone, Story
from bridge.facturation.records import InvoiceRecord
from bridge.orders import ZERO, to_cents
from bridge.reasons import because
from bridge.store.store import Store


class Firm(Protocol):
    """What attaching needs of Facturation.pro."""

    async def find_invoices_by_number(self, number: str) -> list[InvoiceRecord]: ...
    async def get_invoice(self, invoice_id: int) -> InvoiceRecord: ...


async def document_of(firm: Firm, number: str) -> InvoiceRecord:
    """The one of this number, with its lines. Raises NotDone when there is none."""
    found = await firm.find_invoices_by_number(number)
    if len(found) != 1:
        raise NotDone(because("no_document", document=number))
    return await firm.get_invoice(found[0].id)


async def attach(store: Store, story: Story, record: InvoiceRecord) -> None:
    """From now on it is counted. Raises NotDone."""
    order, key = story.order.key, _key_for(story, record)
    match await store.attach(order, key, _entry_of(story, record).as_record()):
        case "attached", other:
            raise NotDone(because("attached_elsewhere", document=record.number, other=other))
        case "busy", _:
            raise NotDone(because("in_a_workers_hands", order=order))
        case "begun", _:
            raise NotDone(because("attached_begun", order=order, document=record.number))


def attached_in(story: Story, number: str) -> DocumentRow:
    """The attached document of this number. Raises NotDone when there is none."""
    for each in story.documents:
        if each.attached and each.number == number:
            return each
    raise NotDone(because("not_attached", order=story.order.key, document=number))


async def detach(store: Store, story: Story, document: DocumentRow) -> None:
    """It is not counted any more. Raises NotDone."""
    order = story.order.key
    match await store.detach(order, document.key, document.id):
        case "unknown":
            raise NotDone(because("not_attached", order=order, document=document.number))
        case "busy":
            raise NotDone(because("in_a_workers_hands", order=order))


def refuse_others(story: Story, record: InvoiceRecord, scopes: tuple[str, ...]) -> None:
    """Raises NotDone for what is this order's already, or another's. `scopes`: the beginnings of the bridge's
    own keys."""
    order = story.order
    if order.total is None:
        raise NotDone(because("attached_unread", order=order.key))
    if any(each.id == record.id for each in _documents(story)):
        raise NotDone(because("attached_already", order=order.key, document=record.number))
    if record.api_custom.startswith(scopes) and record.api_custom != order.key:
        raise NotDone(because("attached_elsewhere", document=record.number, other=record.api_custom))
    if order.currency and record.currency not in ("", order.currency):
        raise NotDone(because("attached_currency", document=record.number, currency=record.currency))


def _key_for(story: Story, record: InvoiceRecord) -> str:
    """Under which key it is counted: that of the document whose place it takes, else one of its own. Raises
    NotDone for a credit note of none of the refunds that lack one."""
    total, order = record.total_with_vat or ZERO, story.order.key
    missing = [each for each in story.documents if not each.id]
    if total >= 0:
        if not any(each.key == order and each.id for each in story.documents):
            return order
        invoices = [each.key for each in missing if each.kind == "invoice"]
        return invoices[0] if invoices else f"{order}:{record.id}"
    notes = [each for each in missing if each.kind == "credit_note"]
    fitting = next((each.key for each in notes if each.wanted == total), None)
    if notes and fitting is None:
        lacking = ", ".join(f"{each.refund_id} {each.wanted}" for each in notes)
        raise NotDone(because("attached_no_refund", document=record.number, total=total, lacking=lacking))
    return fitting or f"{order}:{record.id}:credit"


def _entry_of(story: Story, record: InvoiceRecord) -> LedgerEntry:
    """As the ledger keeps it."""
    total = record.total_with_vat or ZERO
    return LedgerEntry(
        id=record.id,
        number=record.number,
        total=total,
        paid=record.paid_on is not None,
        emailed=True,
        attached=True,
        made_on=record.invoiced_on,
        customer_id=record.customer_id or 0,
        parts=tuple(stated_by_rate(record.lines, total)),
        on=(story.order.key,) if total < 0 else (),
        why=("Document fait à la main, rattaché à la commande.",),
    )


def balance(story: Story, document: str, change: Decimal, *, done: bool) -> Balance:
    """`change`: what the document adds to the others, negative when it is taken out."""
    wanted = [each.wanted for each in _documents(story) if each.wanted is not None]
    sale = sum(wanted, ZERO) if wanted else story.order.total or ZERO
    then = sum((each.total or ZERO for each in _documents(story)), ZERO) + change
    return Balance(
        order=story.order.key,
        document=document,
        sale=sale,
        documents=to_cents(then),
        left=to_cents(sale - then),
        currency=story.order.currency,
        done=done,
    )


def _documents(story: Story) -> list[DocumentRow]:
    return [each for each in story.documents if each.kind != "customer"]
