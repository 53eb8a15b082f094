"""The draft of a credit note: over what left the sale, line by line where it is told, else rate by rate.

Negative lines that come to exactly what left (CGI art. 272-1, 289-I-5). All of one invoice is reversed by
Facturation.pro itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.billing.bands import Band
from bridge.billing.books.crediting import DueNote
from bridge.billing.books.parts import Part, by_rate, negative
from bridge.billing.books.reading import bands_left, names_of
from bridge.billing.currency import vat_in_euros
from bridge.billing.customers import language_of
from bridge.billing.drafts import CreditNoteDraft, DraftLine
from bridge.billing.emptying import Left, leaving
from bridge.billing.invoices import Context, agreed, billed_line, mirrored, share
from bridge.billing.rounding import ALL
from bridge.billing.text import clean, money, percent
from bridge.billing.totals import BilledLine, Encoded, encode
from bridge.billing.wording import exempted
from bridge.errors import NeedsPerson
from bridge.orders import CENT, ZERO, Order, Reduction, RefundState, legal_date, to_cents
from bridge.reasons import Reason, because


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A credit note to draft. `left`: what the documents leave before it, as they are written, where that and
    the firm's rule are known. `written`: it exists and is as it should be. `total`: of the reversed invoice.
    `differences`: see `CreditNoteDraft`."""

    note: DueNote
    reduction: Reduction | None = None
    left: Left | None = None
    written: bool = False
    total: Decimal | None = None
    differences: tuple[tuple[Decimal, Decimal], ...] = ()


def credit_note_draft(here: Context, wanted: Wanted) -> CreditNoteDraft:
    """The draft. Raises NeedsPerson where no lines come to its amount."""
    order, rules, note, reduction = here.order, here.rules, wanted.note, wanted.reduction
    gross = note.gross if wanted.total is None else wanted.total
    at = note.told.at if note.told else order.placed_at
    full = CreditNoteDraft(
        key=note.key,
        invoice_key=note.on[0] if note.on else order.key,
        refund_id=note.told.id if note.told else note.key.removeprefix(f"{order.key}:"),
        full=note.full,
        total=-gross,
        currency=order.currency,
        refunded_on=legal_date(at),
        language=language_of(order.customer, rules),
        information=_information(here, negative(note.parts)),
        vat_exemption=here.vat.exemption,
        vat_country=here.vat.country,
        category_id=rules.category_id,
        nature=rules.nature,
        parts=negative(note.parts),
        on=note.on,
        differences=wanted.differences,
        why=_with_note(reduction, _why_full(note, order)),
    )
    if note.full or wanted.written:
        return full
    if gross != to_cents(gross):
        raise NeedsPerson(because("refund_not_in_cents"))
    billed, why = _billed(here, note, reduction)
    found = _encoded(here, billed, gross, wanted.left)
    return replace(
        full,
        lines=mirrored(found.lines),
        agreed=found.agreed,
        why=(*_with_note(reduction, why), *found.why),
    )


def _information(here: Context, parts: tuple[Part, ...]) -> str:
    """What its exemptions rest on, and its VAT in euros."""
    return "\n".join(filter(None, (*exempted(here.vat), vat_in_euros(here.order, by_rate(parts)))))


def negative_draft(here: Context, *, written: bool) -> CreditNoteDraft:
    """Of a sale that is negative as a whole. `written`: it exists and is as it should be."""
    order, rules = here.order, here.rules
    billed = [billed_line(band, order.currency) for band in here.vat.bands if band.gross]
    parts = tuple(Part(band.line.id, band.rate, band.gross) for band in here.vat.bands if band.gross)
    found = (
        Encoded(lines=(), rules=frozenset(), agreed=True)
        if written
        else _encoded(here, billed, order.total, None)
    )
    return CreditNoteDraft(
        key=order.key,
        invoice_key=order.credits[0],
        refund_id=order.id,
        full=False,
        total=order.total,
        currency=order.currency,
        refunded_on=legal_date(order.placed_at),
        lines=found.lines,
        agreed=found.agreed,
        language=language_of(order.customer, rules),
        information=_information(here, parts),
        vat_exemption=here.vat.exemption,
        vat_country=here.vat.country,
        category_id=rules.category_id,
        nature=rules.nature,
        parts=parts,
        on=order.credits,
        why=(
            "La vente est négative : ses lignes rendent une part de ventes antérieures.",
            *here.vat.why,
            *found.why,
        ),
    )


def revoked(order: Order) -> dict[str, Reason]:
    """Credit notes that must not exist (any more), by key: what happened. A refund can fail days after it was
    reported as done, and a cancelled order can come back to life."""
    names = names_of(order)
    gone = {
        names.note(each.id): because(
            "refund_failed", refund=each.id, amount=each.amount, currency=order.currency
        )
        for each in order.reductions
        if each.state is RefundState.FAILED
    }
    if order.cancelled_at is None or order.paid:
        gone[names.note(f"cancel-{order.id}")] = because("no_longer_cancelled")
    return gone


def _why_full(note: DueNote, order: Order) -> str:
    if order.cancelled_at is not None and not order.paid:
        return "Commande annulée avant paiement : la facture est annulée en totalité."
    if note.told is None:
        return "Lignes retirées de la commande : la facture est annulée en totalité."
    return "Remboursement de toute la commande : la facture est annulée en totalité."


def _with_note(reduction: Reduction | None, why: str) -> tuple[str, ...]:
    note = clean(reduction.note) if reduction else ""
    return (why, f"Motif donné par la boutique : {note}.") if note else (why,)


def _billed(here: Context, note: DueNote, reduction: Reduction | None) -> tuple[list[BilledLine], str]:
    """What is credited: the lines where they make it up, else an amount of each rate."""
    bands = here.vat.bands
    stated = bands_left(reduction, bands) if reduction else tuple(_of_parts(note, bands))
    lines = sum((band.gross for band in stated), ZERO)
    if stated and abs(lines - note.gross) <= CENT:
        why = "Avoir des lignes remboursées." if reduction else "Avoir des lignes retirées de la commande."
        return [_returned(band) for band in stated], why
    shares = _one_line_a_rate(by_rate(note.parts))
    if stated:
        difference = money(note.gross - lines, here.order.currency)
        why = (
            f"Montant remboursé différent des lignes retournées ({difference}) : réparti au prorata par taux."
        )
        return shares, why
    return shares, "Remboursement d'un montant : réparti au prorata de ce qui reste à créditer par taux."


def _of_parts(note: DueNote, bands: Sequence[Band]) -> Iterator[Band]:
    """Lines that left without a word, as far as the order still knows them."""
    known = {(band.line.id, band.rate): band for band in bands if band.gross}
    for part in note.parts:
        if (band := known.get((part.line, part.rate))) is not None:
            yield share(band, part.gross)


def _returned(band: Band) -> BilledLine:
    line = billed_line(replace(band, line=replace(band.line, discount=ZERO)), "")
    return replace(line, title=f"Remboursement : {line.title}")


def _one_line_a_rate(shares: Mapping[Decimal, Decimal]) -> list[BilledLine]:
    return [
        BilledLine(
            title=f"Remboursement partiel, TVA {percent(rate)}",
            quantity=Decimal(1),
            net=to_cents(gross / (1 + rate)),
            vat=rate,
            gross=gross,
        )
        for rate, gross in sorted(shares.items(), reverse=True)
    ]


def _encoded(here: Context, billed: list[BilledLine], gross: Decimal, left: Left | None) -> Encoded:
    rules = here.rounding.candidates or ALL
    if left and left.total == gross and (exact := left.emptied(rounding=True)):
        lines = tuple(replace(line, title=line.title or _title_of(line, billed)) for line in exact)
        why = "Chaque taux est soldé exactement."
        return agreed(here, Encoded(lines=lines, rules=rules, agreed=True, why=(why,)))
    found = encode(billed, gross, rules)
    if not found.rules:
        raise NeedsPerson(because("no_lines_for_refund"))
    if left and found.agreed:
        found = replace(found, lines=leaving(found.lines, gross, left))
    return agreed(here, found)


def _title_of(line: DraftLine, billed: Sequence[BilledLine]) -> str:
    """What a rate's only line is over; else that it is the rest of it."""
    titles = {each.title for each in billed if each.vat == line.vat}
    return titles.pop() if len(titles) == 1 else f"Remboursement du solde, TVA {percent(line.vat)}"
