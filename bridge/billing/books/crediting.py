"""On which invoices a credit note is, and that it never takes more than they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.billing.books.documents import Document
from bridge.billing.books.parts import ANY, ROUNDING, Part, by_rate, total
from bridge.billing.books.sale import Shrunk
from bridge.orders import CENT, ZERO
from bridge.reasons import Reason, because


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNote:
    """A credit note to be made; `parts` are positive.

    `on`: keys of the invoices that stated it. `full`: it is all of its one invoice. `empties`: nothing is
    left of the order after it. `told`: what the platform said, None for lines that left without a word.
    """

    key: str
    parts: tuple[Part, ...]
    on: tuple[str, ...]
    full: bool
    told: Shrunk | None = None

    @property
    def gross(self) -> Decimal:
        """VAT included, positive."""
        return total(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What cannot be credited, and why."""

    key: str
    gross: Decimal
    why: Reason
    told: Shrunk | None


def credit(
    key: str, parts: tuple[Part, ...], told: Shrunk | None, book: Sequence[Document]
) -> DueNote | Refused:
    """The credit note, on the invoices that state its lines, the latest first; or why there can be none."""
    if told and (told.problem or not parts):
        why = told.problem or because("refund_of_nothing")
        return Refused(key=key, gross=told.gross, why=why, told=told)
    gross = total(parts)
    room = left_of_invoices(book)
    on: list[Document] = []
    missing = by_rate(parts)
    for invoice in _ordered(parts, book):
        taken = {rate: min(wanted, room[invoice.key].get(rate, ZERO)) for rate, wanted in missing.items()}
        if any(amount > 0 for amount in taken.values()):
            on.append(invoice)
            missing = {rate: wanted - max(taken[rate], ZERO) for rate, wanted in missing.items()}
        if max(missing.values()) <= 0:
            break
    full = len(on) == 1 and _is_all_of(on[0], parts, book)
    left = sum((document.gross for document in book), ZERO)
    wanted = told.gross if told else gross
    if wanted > left and not full:
        return Refused(key=key, gross=wanted, why=because("refund_exceeds_rest", left=left), told=told)
    if not on or max(missing.values()) > CENT:
        return Refused(key=key, gross=wanted, why=because("refund_exceeds_rate"), told=told)
    return DueNote(key=key, parts=parts, on=tuple(invoice.key for invoice in on), full=full, told=told)


def left_of_invoices(book: Sequence[Document]) -> dict[str, dict[Decimal, Decimal]]:
    """What credit notes have left of each invoice, by key and rate. One that is on several takes from the
    first what it can, and from the last whatever else there is; of another sale's, on several orders'
    invoices, nobody tells."""
    room = {document.key: dict(by_rate(document.parts)) for document in book if not document.on}
    for note in book:
        if note.elsewhere and len(note.on) > 1:
            continue
        for rate, gross in by_rate(note.parts).items() if note.on else ():
            missing = -gross
            for key in note.on:
                mine = room.setdefault(key, {})
                last = key == note.on[-1]
                taken = missing if last else min(missing, max(mine.get(rate, ZERO), ZERO))
                mine[rate] = mine.get(rate, ZERO) - taken
                missing -= taken
    return room


def _ordered(parts: Sequence[Part], book: Sequence[Document]) -> list[Document]:
    """The invoices: first those that state one of the lines, the latest before the others."""
    invoices = [document for document in book if not document.on]
    lines = {part.line for part in parts} - {ANY, ROUNDING}
    naming = [invoice for invoice in invoices if any(part.line in lines for part in invoice.parts)]
    return [*reversed(naming), *(invoice for invoice in invoices if invoice not in naming)]


def _is_all_of(invoice: Document, parts: Sequence[Part], book: Sequence[Document]) -> bool:
    whole = by_rate(invoice.parts) == by_rate(parts)
    return whole and not any(invoice.key in note.on for note in book)
