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
from bridge.billing.rounding import fingerprint
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
        return Rest(
            "attention",
            f"order {order.number} has several invoices in Facturation.pro (ids {existing.id}, "
            f"{', '.join(map(str, existing.twins))}): keep one, refund the others, then ignore the order",
        )
    for key, happened in documents.revoked.items():
        if key in made:
            return Rest("attention", _revoked(order, made[key], happened))
    if documents.hold:
        return Rest("attention", _named(order, documents.hold))
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


def _named(order: Order, reason: str) -> str:
    """The reason with the order's number before it; a source's own problems name the order already."""
    return reason if reason.startswith("order ") else f"order {order.number}: {reason}"


def _revoked(order: Order, note: LedgerEntry, happened: str) -> str:
    return (
        f"order {order.number}: {happened}, but credit note {note.number or note.id} was made for it: "
        + ("delete that draft" if note.draft else "invoice its amount again by hand")
        + ", then ignore the order"
    )


def _without_invoice(order: Order, documents: Documents, existing: LedgerEntry | None) -> Rest:
    if documents.ignore and existing:
        return Rest(
            "attention",
            f"order {order.number}: {documents.ignore}, but invoice {existing.number or existing.id} was "
            "made for it: credit it by hand if it is not due any more, then ignore the order",
        )
    if documents.ignore:
        return Rest("ignored", documents.ignore)
    return Rest("open", documents.wait or f"order {order.number}: nothing is due yet")


def _invoice_step(
    order: Order, invoice: InvoiceDraft, existing: LedgerEntry
) -> Step | None:
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


def _mismatch(
    order: Order, invoice: InvoiceDraft, existing: LedgerEntry
) -> Step:
    """The document's total is not the order's: a draft gets the lines that it should have by now, once its total
    has told more of the firm's rounding; for anything else a person is asked."""
    if not existing.seen and (existing.draft or existing.total is None):
        return ReadBack(invoice.key, existing)
    if existing.draft and existing.written != fingerprint(invoice.lines):
        return Mend(invoice.key, existing, invoice)
    name = f"draft {existing.id}" if existing.draft else f"invoice {existing.number or existing.id}"
    total = existing.total or Decimal(0)
    difference = invoice.total - total
    return Rest(
        "attention",
        f"order {order.number}: {name} comes to {total:.2f} {order.currency} but the order to "
        f"{invoice.total} (difference {difference:+.2f}): correct it in Facturation.pro, or accept it",
    )


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
                return Rest(
                    "attention",
                    f"order {order.number}: refund {note.refund_id} of {-note.total} {order.currency} "
                    f"needs a credit note on invoice {invoice.number}: make it there, then ignore the order",
                )
            as_draft = rules.partial_refunds is PartialRefunds.DRAFT or not note.agreed
            return CreateCreditNote(note, invoice, as_draft)
        step = _made_credit_note_step(order, rules, note, existing)
        if step:
            return step
    if documents.hold_refunds:
        return Rest("attention", _named(order, documents.hold_refunds))
    number = f"invoice {invoice.number or invoice.id}" + (" (draft)" if invoice.draft else "")
    credited = f", {len(documents.credit_notes)} credit note(s)" if documents.credit_notes else ""
    return Rest("done", f"order {order.number}: {number}{credited}")


def _credit_on_a_draft(order: Order, note: CreditNoteDraft, invoice: LedgerEntry) -> Step:
    if not invoice.seen:
        return ReadBack(order.key, invoice)
    if not invoice.draft:
        return Rest(
            "attention",
            f"order {order.number}: refund {note.refund_id} of {-note.total} {order.currency} cannot be "
            f"credited, because invoice {invoice.id} has no number of Facturation.pro's own: make the credit "
            "note by hand",
        )
    return Rest(
        "attention",
        f"order {order.number}: refund {note.refund_id} of {-note.total} {order.currency} came while its "
        f"invoice is still draft {invoice.id}: finalise it and retry, or delete it and ignore the order",
    )


def _made_credit_note_step(
    order: Order,
    rules: Rules,
    note: CreditNoteDraft,
    existing: LedgerEntry,
) -> Step | None:
    if existing.twins:
        return Rest(
            "attention",
            f"order {order.number}: refund {note.refund_id} has several credit notes in Facturation.pro (ids "
            f"{existing.id}, {', '.join(map(str, existing.twins))}): keep one, correct the others there, "
            "then ignore the order",
        )
    wanted = note.total if existing.accepted is None else existing.accepted
    if existing.total == wanted:
        if existing.draft and rules.partial_refunds is PartialRefunds.FINAL:
            return Finalise(note.key, existing)
        return None
    if not existing.seen and (existing.draft or existing.total is None):
        return ReadBack(note.key, existing)
    if existing.draft and existing.written != fingerprint(note.lines):
        return Mend(note.key, existing, note)
    total = existing.total or Decimal(0)
    return Rest(
        "attention",
        f"order {order.number}: credit note {existing.number or existing.id} comes to {total:.2f} "
        f"{order.currency} but the refund to {note.total}: correct it in Facturation.pro, then accept it",
    )
