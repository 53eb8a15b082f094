"""What is still to be made: the sale less the documents, by line and rate.

Nothing is due for money alone. The sum of all documents, by rate, does not depend on how often this is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.billing.books.crediting import DueNote, Refused, credit
from bridge.billing.books.difference import Difference, DueInvoice, Otherwise
from bridge.billing.books.documents import Document, Names
from bridge.billing.books.parts import amounts, negative, parts_of
from bridge.billing.books.sale import Sale, Shrunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """`otherwise`: credit notes that exist and should state other rates. `problems`: what a person must
    settle; what they concern is not among the rest."""

    invoice: DueInvoice | None = None
    notes: tuple[DueNote, ...] = ()
    otherwise: tuple[Otherwise, ...] = ()
    refused: tuple[Refused, ...] = ()


def due(sale: Sale, documents: Sequence[Document], names: Names, *, issuing: bool = False) -> Due:
    """What is missing of the documents that this sale should have.

    `issuing`: the first invoice is a draft that a person will issue: what left meanwhile is taken off it.
    """
    if sale.cancelled:
        return _withdrawn(sale.cancelled, documents, names)
    difference = Difference(sale, documents, names, issuing=issuing)
    invoice = difference.invoice()
    book = list(documents)
    if invoice:
        book.append(Document(key=invoice.key, parts=invoice.parts, less=invoice.less))
    notes: list[DueNote] = []
    refused: list[Refused] = []
    for told, key, parts in difference.credits():
        note = credit(key, parts, told, book)
        if isinstance(note, Refused):
            refused.append(note)
        else:
            notes.append(note)
            book.append(Document(key=key, parts=negative(parts), on=note.on))
    return Due(invoice=invoice, notes=tuple(notes), otherwise=difference.otherwise, refused=tuple(refused))


def _withdrawn(cancelled: Shrunk, documents: Sequence[Document], names: Names) -> Due:
    """All that documents state of an order that was cancelled before it was paid."""
    key = names.note(cancelled.id)
    parts = parts_of(amounts(part for document in documents for part in document.parts))
    if any(document.key == key for document in documents):
        return Due()
    if not parts:
        # Nothing but the total may be known of what an older version made: it is reversed as it is.
        known = len(documents) == 1 and documents[0].gross > 0
        note = DueNote(key=key, parts=(), on=(names.order,), full=True, told=cancelled)
        return Due(notes=(note,)) if known else Due()
    found = credit(key, parts, cancelled, documents)
    if isinstance(found, Refused):
        return Due(refused=(found,))
    return Due(notes=(found,))
