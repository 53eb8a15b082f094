"""The books of one order → the drafts of the documents that exist and of those that are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.billing.books.crediting import DueNote
from bridge.billing.books.difference import DueInvoice, Otherwise
from bridge.billing.books.documents import Document, Names, left_as_encoded
from bridge.billing.books.due import Due, due
from bridge.billing.books.invariants import broken
from bridge.billing.books.money import Payment, allot
from bridge.billing.books.parts import ANY, by_rate, negative
from bridge.billing.books.reading import book_of, money_of
from bridge.billing.books.sale import Change, Sale, Shrunk
from bridge.billing.credit_notes import Wanted, credit_note_draft, negative_draft
from bridge.billing.customers import customer_for
from bridge.billing.drafts import CreditNoteDraft, Documents, InvoiceDraft
from bridge.billing.emptying import Left
from bridge.billing.invoices import Context, invoice_draft
from bridge.billing.made import LedgerEntry
from bridge.billing.paying import NOT_PAID, Paid, paid_by
from bridge.billing.rules import DocumentPolicy, Gestures
from bridge.billing.text import percent
from bridge.errors import NeedsPerson
from bridge.orders import ZERO, Reduction
from bridge.reasons import NO_REASON, Reason, because


@dataclass(frozen=True, slots=True)
class Drafting:
    """`ledger`: the order's documents alone, and other sales' credit notes on its invoices."""

    here: Context
    sale: Sale
    ledger: Mapping[str, LedgerEntry]
    names: Names

    def documents(self, nothing: Documents | None) -> Documents:
        """`nothing`: why no invoice is due. Raises NeedsPerson where an invoice cannot be drafted."""
        order, rules = self.here.order, self.here.rules
        book = book_of(self.sale, self.ledger, self.names)
        self._refuse_what_was_not_sold(book)
        first = self.ledger.get(self.names.order)
        # While the first invoice is a draft it is written anew, over what was sold by now.
        fluid = first is not None and first.draft and first.accepted is None
        fixed = [each for each in book if not (fluid and each.key == self.names.order)]
        by_person = fluid and rules.document is DocumentPolicy.DRAFT
        missing = due(self.sale, fixed, self.names, issuing=by_person)
        invoices = list(self._invoices(fixed, missing.invoice)) if nothing is None else []
        notes, problems = self._notes(fixed, missing)
        return replace(
            nothing or Documents(),
            customer=customer_for(order, rules) if nothing is None else None,
            invoice=next((each for each in invoices if each.key == self.names.order), None),
            further=tuple(each for each in invoices if each.key != self.names.order),
            credit_notes=notes,
            hold_refunds=problems,
            owed=self.sale.owed,
            broken=self._broken(book) if _nothing(missing, first) else NO_REASON,
        )

    def _refuse_what_was_not_sold(self, book: Sequence[Document]) -> None:
        """What attached documents state beyond the sale. Where nobody could read that, they are the sale."""
        if any(line.id == ANY for line in self.sale.sold):
            return
        for each in book:
            entry = self.ledger[each.key]
            beyond = by_rate(part for part in each.parts if part.line == ANY)
            if not (entry.attached and self.names.of_lines(each.key)):
                continue
            for rate, amount in beyond.items():
                raise NeedsPerson(
                    because(
                        "attached_beyond",
                        order=self.here.order.number,
                        document=entry.number,
                        amount=amount,
                        currency=self.here.order.currency,
                        rate=percent(rate),
                    )
                )

    def _invoices(self, book: Sequence[Document], missing: DueInvoice | None) -> Iterator[InvoiceDraft]:
        """Those that exist, in their order, then the one that is due."""
        wanted = [
            DueInvoice(key=each.key, parts=each.parts, less=each.less, first=each.key == self.names.order)
            for each in book
            if _is_invoice(each)
        ]
        wanted += [missing] if missing else []
        credited = sum((each.paid_back for each in self.sale.shrunk), ZERO)
        money = money_of(self.here.order, self.here.rules)
        payments = allot(money, [each.gross for each in wanted], credited)
        first = self.ledger.get(self.names.order)
        for each, paying in zip(wanted, payments, strict=True):
            if not each.first and self.here.rules.document is DocumentPolicy.EXTERNAL:
                currency = self.here.order.currency
                raise NeedsPerson(because("added_to_external", amount=each.gross, currency=currency))
            written = _is_right(self.ledger.get(each.key), each)
            number = first.number if first else ""
            yield invoice_draft(self.here, each, self._paid(each, paying), number, written=written)

    def _paid(self, invoice: DueInvoice, payments: tuple[Payment, ...]) -> Paid:
        owed = {line.id for line in self.sale.sold if line.owed}
        at = self.here.order.paid_at
        if at is None or any(part.line in owed for part in invoice.parts):
            return NOT_PAID
        if not invoice.first:
            at = max((move.at for move, _ in payments if move.at), default=at)
        return paid_by(payments, at)

    def _notes(
        self, book: Sequence[Document], missing: Due
    ) -> tuple[tuple[CreditNoteDraft, ...], tuple[Reason, ...]]:
        """Those that exist, then those that are due; and why some cannot be made."""
        notes: list[CreditNoteDraft] = []
        problems = [self._held(each.told, each.key, each.gross, each.why) for each in missing.refused]
        external = self.here.rules.document is DocumentPolicy.EXTERNAL
        for wanted in (*self._existing(book, missing.otherwise), *self._due(book, missing.notes)):
            if self._is_question(wanted.note):
                problems.append(self._refused(wanted.note, because("gesture_asks")))
                continue
            if external:
                problems.append(self._refused(wanted.note, because("credit_note_is_the_platforms")))
                continue
            try:
                notes.append(credit_note_draft(self.here, wanted))
            except NeedsPerson as exc:
                problems.append(self._refused(wanted.note, exc.reason))
        return tuple(notes), tuple(problems)

    def _is_question(self, note: DueNote) -> bool:
        """Money went back and nothing of what was sold: the shop wants to be asked what that was."""
        told = note.told
        asks = self.here.rules.gestures is Gestures.ASK and note.key not in self.ledger
        return asks and told is not None and told.kind is Change.REDUCED

    def _existing(self, book: Sequence[Document], otherwise: Iterable[Otherwise]) -> Iterator[Wanted]:
        wrong = {each.key: each for each in otherwise}
        told = {self.names.note(name): each for each in self.sale.shrunk for name in each.names}
        if self.sale.cancelled:
            told[self.names.note(self.sale.cancelled.id)] = self.sale.cancelled
        for each in book:
            if _is_invoice(each) or each.elsewhere:
                continue
            entry, right = self.ledger[each.key], wrong.get(each.key)
            parts = right.parts if right else negative(each.parts)
            note = DueNote(
                key=each.key, parts=parts, on=each.on, full=_reverses(each, book), told=told.get(each.key)
            )
            yield Wanted(
                note=note,
                reduction=self._reduction(note),
                written=right is None and entry.total in (-note.gross, entry.accepted) and not entry.draft,
                total=self._reversed(note, book),
                differences=right.differences if right else (),
            )

    def _due(self, book: Sequence[Document], notes: Iterable[DueNote]) -> Iterator[Wanted]:
        left = self._left(book)
        for note in notes:
            yield Wanted(
                note=note, reduction=self._reduction(note), left=left, total=self._reversed(note, book)
            )
            left = None  # what this one will leave is known once it is made

    def _left(self, book: Sequence[Document]) -> Left | None:
        if not self.here.rounding.held or not book or not all(each.nets for each in book):
            return None
        total = sum((each.gross for each in book), ZERO)
        return Left(left_as_encoded(book), total, next(iter(self.here.rounding.candidates)))

    def _reversed(self, note: DueNote, book: Iterable[Document]) -> Decimal | None:
        """What a reversal comes to: all of its invoice, whatever that states."""
        return next((each.gross for each in book if note.full and each.key in note.on), None)

    def _reduction(self, note: DueNote) -> Reduction | None:
        name = note.told.id if note.told else ""
        return next((each for each in self.here.order.reductions if each.id == name), None)

    def _refused(self, note: DueNote, why: Reason) -> Reason:
        return self._held(note.told, note.key, note.gross, why)

    def _held(self, told: Shrunk | None, key: str, gross: Decimal, why: Reason) -> Reason:
        currency, name = self.here.order.currency, told.id if told else key
        return because("refund_held", refund=name, amount=gross, currency=currency, reason=why)

    def _broken(self, book: Sequence[Document]) -> Reason:
        """The books side by side, where they do not agree although nothing is missing."""
        order, money = self.here.order, money_of(self.here.order)
        paid = sum((each.gross + each.forgiven for each in book if self.ledger[each.key].paid), ZERO)
        found = broken(self.sale, book, self.names, money, paid)
        if not found:
            return NO_REASON
        return because(
            "books_unbalanced",
            order=order.number,
            sale=self.sale.gross - self.sale.owed - sum((each.gross for each in self.sale.shrunk), ZERO),
            money=because("money_told", amount=money.received - money.returned, currency=order.currency)
            if money.told
            else because("money_untold"),
            documents=sum((each.gross for each in book), ZERO),
            currency=order.currency,
            where=found,
        )


def _nothing(missing: Due, first: LedgerEntry | None) -> bool:
    """Nothing is missing; or only what our own draft of the first invoice states already."""
    if first is None or missing.invoice is None or not missing.invoice.first:
        return missing == Due()
    return replace(missing, invoice=None) == Due() and missing.invoice.parts == first.parts


def _is_invoice(document: Document) -> bool:
    return not document.on and document.gross >= 0


def _is_right(entry: LedgerEntry | None, invoice: DueInvoice) -> bool:
    if entry is None or entry.draft or entry.fresh:
        return False
    return entry.total in (invoice.gross, entry.accepted)


def _reverses(note: Document, book: Iterable[Document]) -> bool:
    """It is all of its one invoice, and the only one on it."""
    on = [each for each in book if each.key in note.on]
    alone = not any(each is not note and each.on and set(each.on) & set(note.on) for each in book)
    return len(on) == 1 and alone and by_rate(on[0].parts) == by_rate(negative(note.parts))


def negative_sale(here: Context, made: Mapping[str, LedgerEntry]) -> Documents:
    """A sale that gives back more of earlier ones than it sells: a credit note on their invoices, of all its
    lines, under its own key. Raises NeedsPerson where such an invoice is not known."""
    order = here.order
    if unknown := [key for key in order.credits if key not in made]:
        raise NeedsPerson(because("credited_invoice_unknown", invoices=", ".join(unknown)))
    entry = made.get(order.key)
    draft = negative_draft(here, written=entry is not None and entry.total == order.total and not entry.draft)
    return Documents(customer=customer_for(order, here.rules), credit_notes=(draft,))
