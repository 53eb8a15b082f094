"""What is missing: the documents an order should have, compared with those that exist → the next step.

Pure. The worker carries the step out, writes the result to the ledger, and asks again, until the answer is
not a step but a rest: done, open, ignored, or a question for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bridge.billing.customers import entity_of, facts_of, matched_by_email
from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, Documents, InvoiceDraft
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
from bridge.orders import Order
from bridge.reasons import Reason, because, together


def keys_of(order: Order, documents: Documents) -> list[str]:
    """The ledger keys that a plan for these documents looks at."""
    customer = [documents.customer.key] if documents.customer else []
    return [order.key, *customer, *(note.key for note in documents.credit_notes), *documents.revoked]


def next_step(
    order: Order,
    rules: Rules,
    documents: Documents,
    made: Mapping[str, LedgerEntry],
) -> Step:
    """The one next step for this order, or the rest it has come to."""
    invoice = documents.invoice
    existing = made.get(order.key)
    if existing and existing.twins:
        return _ask("several_invoices", order, ids=_ids(existing))
    for key, happened in documents.revoked.items():
        if key in made:
            note = made[key]
            code = "revoked_draft" if note.draft else "revoked_note"
            return _ask(code, order, happened=happened, note=_name(note))
    if documents.hold:
        return Rest("attention", documents.hold)
    if invoice is None or documents.customer is None:
        # A cancelled order needs no invoice, but one that was made for it must be reversed.
        if existing and (documents.credit_notes or documents.hold_refunds):
            return _credit_note_step(order, rules, documents, existing, made)
        return _without_invoice(order, documents, existing)
    if existing is None:
        customer = made.get(documents.customer.key)
        if customer is None or _is_another(customer, documents.customer, rules):
            return EnsureCustomer(documents.customer)
        newer = order.placed_at.isoformat() > customer.as_of
        if newer and not customer.found and customer.facts != facts_of(documents.customer):
            return UpdateCustomer(documents.customer, customer)
        as_draft = invoice.policy is DocumentPolicy.DRAFT or not invoice.agreed
        as_draft = as_draft and invoice.policy is not DocumentPolicy.EXTERNAL
        return CreateInvoice(invoice, documents.customer, customer.id, as_draft)
    step = _invoice_step(order, invoice, existing)
    return step or _credit_note_step(order, rules, documents, existing, made)


def _is_another(customer: LedgerEntry, draft: CustomerDraft, rules: Rules) -> bool:
    """An account may buy for its owner, then for a company: two customers, or one gets the other's bills."""
    return matched_by_email(draft, rules) and customer.entity not in ("", entity_of(draft))


def _ask(code: str, order: Order, **facts: Decimal | int | str | Reason) -> Rest:
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
    wanted = invoice.total if existing.accepted is None else existing.accepted
    if existing.total != wanted:
        return _mismatch(order, invoice, existing)
    if invoice.policy is DocumentPolicy.FINAL and existing.draft:
        return Finalise(invoice.key, existing)
    if invoice.paid and not existing.paid and invoice.policy is not DocumentPolicy.EXTERNAL:
        return RecordPayment(invoice.key, existing, invoice)
    if invoice.send_email and not existing.draft and not existing.emailed:
        return SendEmail(invoice.key, existing)
    return None


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
    invoice: LedgerEntry,
    made: Mapping[str, LedgerEntry],
) -> Step:
    for note in documents.credit_notes:
        existing = made.get(note.key)
        if existing is None:
            if invoice.draft or not invoice.number:
                return _credit_on_a_draft(order, note, invoice)
            if note.full:
                return ReverseInvoice(note, invoice)
            if rules.partial_refunds is PartialRefunds.HOLD:
                return _ask("credit_by_hand", order, **_refund(order, note), invoice=invoice.number)
            as_draft = rules.partial_refunds is PartialRefunds.DRAFT or not note.agreed
            return CreateCreditNote(note, invoice, as_draft)
        step = _made_credit_note_step(order, rules, note, existing)
        if step:
            return step
    if documents.hold_refunds:
        return Rest("attention", together(documents.hold_refunds))
    code = "invoiced_draft" if invoice.draft else "invoiced"
    notes = len(documents.credit_notes)
    return Rest("done", because(code, order=order.number, invoice=_name(invoice), credit_notes=notes))


def _credit_on_a_draft(order: Order, note: CreditNoteDraft, invoice: LedgerEntry) -> Step:
    if not invoice.seen:
        return ReadBack(order.key, invoice)
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
    if existing.total == wanted:
        if existing.draft and rules.partial_refunds is PartialRefunds.FINAL:
            return Finalise(note.key, existing)
        return None
    if not existing.seen and (existing.draft or existing.total is None):
        return ReadBack(note.key, existing)
    if _to_be_written(existing, note):
        return Mend(note.key, existing, note)
    return _ask(
        "credit_note_differs",
        order,
        note=_name(existing),
        total=existing.total or Decimal(0),
        wanted=note.total,
        currency=order.currency,
    )
