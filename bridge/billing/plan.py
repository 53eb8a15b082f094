"""What is missing: the documents an order should have, compared with those that exist → the next step.

Pure. The worker carries the step out, writes the result to the ledger, and asks again, until the answer is
not a step but a rest: done, open, ignored, or a question for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from bridge.billing.books.reading import names_of
from bridge.billing.buyers import as_written
from bridge.billing.customers import customer_for
from bridge.billing.disputes import disputed, open_dispute
from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, Documents, InvoiceDraft
from bridge.billing.known_buyers import as_sold, buyer_locks, customer_of, facts_of, matched_by_email
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import SUSPECTS, fingerprint, fitting
from bridge.billing.rules import DocumentPolicy, PartialRefunds, Rules
from bridge.billing.steps import (
    CreateCreditNote,
    CreateInvoice,
    EnsureCustomer,
    Finalise,
    Mend,
    ReadBack,
    RecordPayment,
    Rest,
    ReverseInvoice,
    SendEmail,
    Step,
    UpdateCustomer,
)
from bridge.billing.text import percent
from bridge.orders import Order
from bridge.reasons import Reason, because, together


def keys_of(order: Order, rules: Rules, further: Iterable[str]) -> list[str]:
    """The ledger keys that a plan for this order looks at. `further`: of documents that were begun for it and
    that its facts do not name."""
    names = names_of(order)
    told = [name for each in order.reductions for name in (each.id, *each.refunds)]
    notes = [names.note(name) for name in (*told, f"cancel-{order.id}")]
    buyer = customer_for(as_written(order, rules.fields), rules)
    locks = buyer_locks(buyer) if matched_by_email(buyer, rules) else ()
    return list(dict.fromkeys([order.key, buyer.key, *notes, *further, *order.credits, *locks]))


def next_step(order: Order, rules: Rules, documents: Documents, made: Mapping[str, LedgerEntry]) -> Step:
    """The one next step for this order, or the rest it has come to."""
    first = made.get(order.key)
    for key, happened in documents.revoked.items():
        if key in made:
            note = made[key]
            code = "revoked_draft" if note.draft else "revoked_note"
            return _ask(code, order, happened=happened, note=_name(note))
    if documents.hold:
        return Rest("attention", documents.hold)
    if documents.customer is None:
        # A cancelled order needs no invoice, but one that was made for it must be reversed.
        if first and (documents.credit_notes or documents.hold_refunds):
            return _credit_note_step(order, rules, documents, first, made)
        return _without_invoice(order, documents, first)
    for invoice in documents.invoices:
        existing = made.get(invoice.key)
        step = (
            _new_invoice_step(order, rules, documents.customer, invoice, made)
            if existing is None
            else _invoice_step(order, invoice, existing)
        )
        if step:
            return step
    if order.credits:
        return _credit_note_step(order, rules, documents, first, made)
    if first is None:
        return _without_invoice(order, documents, first)
    if first.draft and first.accepted is None and documents.invoice is None:
        if not first.seen:
            return ReadBack(order.key, first)
        return _ask("draft_of_nothing", order, invoice=_name(first))
    return _credit_note_step(order, rules, documents, first, made)


def _new_invoice_step(
    order: Order,
    rules: Rules,
    buyer: CustomerDraft,
    invoice: InvoiceDraft,
    made: Mapping[str, LedgerEntry],
) -> Step:
    customer = customer_of(buyer, rules, made)
    if customer is None:
        return EnsureCustomer(buyer)
    newer = order.placed_at.isoformat() > customer.as_of
    if newer and customer.facts != facts_of(buyer):
        return UpdateCustomer(buyer, customer)
    as_draft = invoice.policy is DocumentPolicy.DRAFT or not invoice.agreed
    as_draft = as_draft and invoice.policy is not DocumentPolicy.EXTERNAL
    return CreateInvoice(as_sold(invoice, buyer, customer), buyer, customer.id, as_draft)


def _ask(code: str, order: Order, **facts: Decimal | int | str | Reason | Sequence[Reason]) -> Rest:
    return Rest("attention", because(code, order=order.number, **facts))


def _name(made: LedgerEntry) -> str:
    """A document's number, or its id while it has none."""
    return made.number or str(made.id)


def _ids(made: LedgerEntry) -> str:
    return ", ".join(map(str, (made.id, *made.twins)))


def _refund(order: Order, note: CreditNoteDraft) -> dict[str, Decimal | int | str | Reason]:
    return {"refund": note.refund_id, "amount": -note.total, "currency": order.currency}


def _without_invoice(order: Order, documents: Documents, existing: LedgerEntry | None) -> Rest:
    if documents.ignore and existing:
        return _ask("not_due_but_invoiced", order, why=documents.ignore, invoice=_name(existing))
    if documents.ignore:
        return Rest("ignored", documents.ignore)
    return Rest("open", documents.wait or because("nothing_due", order=order.number))


def _invoice_step(order: Order, invoice: InvoiceDraft, existing: LedgerEntry) -> Step | None:
    if existing.twins:
        return _ask("several_invoices", order, ids=_ids(existing))
    wanted = invoice.total if existing.accepted is None else existing.accepted
    if existing.total != wanted or (existing.draft and _sale_changed(invoice, existing)):
        return _mismatch(order, invoice, existing)
    if invoice.policy is DocumentPolicy.FINAL and existing.draft:
        return Finalise(invoice.key, existing)
    ours = invoice.policy is not DocumentPolicy.EXTERNAL and not existing.attached
    if invoice.paid and not existing.paid and ours:
        return RecordPayment(invoice.key, existing, invoice)
    if invoice.send_email and not existing.draft and not existing.emailed:
        return SendEmail(invoice.key, existing)
    return None


def _sale_changed(invoice: InvoiceDraft, existing: LedgerEntry) -> bool:
    """Other things were sold by now than our draft states; what others made of it is theirs."""
    return bool(existing.parts) and existing.accepted is None and existing.parts != invoice.parts


def _mismatch(order: Order, invoice: InvoiceDraft, existing: LedgerEntry) -> Step:
    """The document's total is not the order's: a draft gets the lines that it should have by now, its total
    having told more of the firm's rounding; for anything else a person is asked."""
    if not existing.seen and (existing.draft or existing.total is None):
        return ReadBack(invoice.key, existing)
    if _to_be_written(existing, invoice):
        return Mend(invoice.key, existing, invoice)
    total = existing.total or Decimal(0)
    return _ask(
        "draft_differs" if existing.draft else "invoice_differs",
        order,
        document=_name(existing),
        total=total,
        wanted=invoice.total,
        difference=invoice.total - total,
        currency=order.currency,
    )


def _to_be_written(existing: LedgerEntry, wanted: InvoiceDraft | CreditNoteDraft) -> bool:
    """A draft of older lines of ours; or of these, whose total nobody may have lived to learn from. What
    somebody else may have written is theirs, unless rounding alone explains its total."""
    if existing.draft and not existing.written and existing.total is not None:
        return bool(fitting(wanted.lines, existing.total, SUSPECTS.values()))
    return existing.draft and not (existing.fresh and existing.written == fingerprint(wanted.lines))


def _credit_note_step(
    order: Order,
    rules: Rules,
    documents: Documents,
    first: LedgerEntry | None,
    made: Mapping[str, LedgerEntry],
) -> Step:
    for note in documents.credit_notes:
        existing = made.get(note.key)
        step = (
            _new_note_step(order, rules, note, made)
            if existing is None
            else _made_credit_note_step(order, rules, note, existing)
        )
        if step:
            return step
    if documents.hold_refunds:
        return Rest("attention", together(documents.hold_refunds))
    if documents.broken:
        return Rest("attention", documents.broken)
    if first is None:
        return Rest("open", because("nothing_due", order=order.number))
    if dispute := open_dispute(order):
        return Rest("attention", disputed(dispute, order, _name(first)))
    if documents.owed:
        waits = because("addition_unpaid", order=order.number, owed=documents.owed, currency=order.currency)
        return Rest("open", waits)
    code = "invoiced_draft" if first.draft else "invoiced"
    numbers = [_name(made[invoice.key]) for invoice in documents.invoices if invoice.key in made]
    return Rest(
        "done",
        because(
            code,
            order=order.number,
            invoice=", ".join(numbers) or _name(first),
            credit_notes=len(documents.credit_notes),
        ),
    )


def _new_note_step(
    order: Order, rules: Rules, note: CreditNoteDraft, made: Mapping[str, LedgerEntry]
) -> Step:
    invoices = tuple(made[key] for key in note.on)
    for key, invoice in zip(note.on, invoices, strict=True):
        if invoice.draft or not invoice.number:
            return _credit_on_a_draft(order, note, key, invoice)
    if note.full:
        return ReverseInvoice(note, invoices[0])
    if rules.partial_refunds is PartialRefunds.HOLD:
        numbers = ", ".join(invoice.number for invoice in invoices)
        return _ask("credit_by_hand", order, **_refund(order, note), invoice=numbers)
    as_draft = rules.partial_refunds is PartialRefunds.DRAFT or not note.agreed
    return CreateCreditNote(note, invoices, as_draft)


def _credit_on_a_draft(order: Order, note: CreditNoteDraft, key: str, invoice: LedgerEntry) -> Step:
    if not invoice.seen:
        return ReadBack(key, invoice)
    if not invoice.draft:
        return _ask("credit_without_number", order, **_refund(order, note), invoice=invoice.id)
    return _ask("refund_of_a_draft", order, **_refund(order, note), invoice=invoice.id)


def _made_credit_note_step(
    order: Order,
    rules: Rules,
    note: CreditNoteDraft,
    existing: LedgerEntry,
) -> Step | None:
    if existing.twins:
        return _ask("several_credit_notes", order, refund=note.refund_id, ids=_ids(existing))
    wanted = note.total if existing.accepted is None else existing.accepted
    if existing.total == wanted and not note.differences:
        if existing.draft and rules.partial_refunds is PartialRefunds.FINAL:
            return Finalise(note.key, existing)
        return None
    if not existing.seen and (existing.draft or existing.total is None):
        return ReadBack(note.key, existing)
    if _to_be_written(existing, note):
        return Mend(note.key, existing, note)
    if note.differences:
        return _credited_otherwise(order, note, existing)
    return _ask(
        "credit_note_differs",
        order,
        note=_name(existing),
        total=existing.total or Decimal(0),
        wanted=note.total,
        currency=order.currency,
    )


def _credited_otherwise(order: Order, note: CreditNoteDraft, existing: LedgerEntry) -> Step:
    """It was spread over the rates before the platform told the lines."""
    return _ask(
        "credited_otherwise",
        order,
        note=_name(existing),
        currency=order.currency,
        rates=[
            because("rate_differs", rate=percent(rate), difference=difference)
            for rate, difference in note.differences
        ],
    )
