"""Refunds → credit notes: one for each refund whose money moved, never for more than was invoiced.

A refund of everything reverses the invoice as a whole. Any other gives negative lines, rate by rate, that
come to exactly the money given back (CGI art. 272-1, 289-I-5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from bridge.billing.bands import Band, cut
from bridge.billing.drafts import CreditNoteDraft, InvoiceDraft
from bridge.billing.rounding import ALL, FirmRounding
from bridge.billing.rules import DocumentPolicy
from bridge.billing.text import clean, money, percent
from bridge.billing.totals import NO_CENTS, BilledLine, encode
from bridge.billing.wording import line_title
from bridge.errors import NeedsPerson
from bridge.keys import REFUND, Key
from bridge.orders import CENT, ZERO, Order, Refund, RefundState, legal_date, to_cents
from bridge.reasons import Reason, because


def refund_key(order: Order, refund_id: str) -> str:
    """The key of the credit note, which is its `api_custom` in Facturation.pro."""
    return str(Key(order.platform, order.shop, REFUND, refund_id))


def cancellation(order: Order, language: str) -> CreditNoteDraft:
    """The full reversal of an unpaid order that was cancelled after its invoice was made."""
    if order.cancelled_at is None:
        raise ValueError("the order is not cancelled")
    refund_id = f"cancel-{order.id}"
    return CreditNoteDraft(
        key=refund_key(order, refund_id),
        invoice_key=order.key,
        refund_id=refund_id,
        full=True,
        total=-order.total,
        currency=order.currency,
        refunded_on=legal_date(order.cancelled_at),
        language=language,
        why=("Commande annulée avant paiement : la facture est annulée en totalité.",),
    )


def credit_notes_for(
    order: Order, invoice: InvoiceDraft, bands: Sequence[Band], rounding: FirmRounding
) -> tuple[tuple[CreditNoteDraft, ...], tuple[Reason, ...]]:
    """The credit notes, and what a person must settle of the other refunds.

    `bands`: what the invoice bills, by rate.
    """
    given = [refund for refund in order.refunds if refund.state is RefundState.DONE and refund.amount > 0]
    if not given:
        return (), ()
    notes: list[CreditNoteDraft] = []
    holds: list[Reason] = []
    left = _Left(total=order.total, rates=_by_rate(_as_billed(band, order.currency) for band in bands))
    for refund in sorted(given, key=lambda refund: (refund.at, refund.id)):
        try:
            note, credited = _credit_note(order, invoice, bands, refund, left, rounding)
            notes.append(note)
            left = left.less(refund.amount, credited)
        except NeedsPerson as exc:
            holds.append(_of_refund("refund_held", refund, order, reason=exc.reason))
    return tuple(notes), tuple(holds)


def revoked(order: Order) -> dict[str, Reason]:
    """Credit notes that must not exist (any more), by key: what happened. A refund can fail days after it was
    reported as done, and a cancelled order can come back to life."""
    gone = {
        refund_key(order, refund.id): _of_refund("refund_failed", refund, order)
        for refund in order.refunds
        if refund.state is RefundState.FAILED
    }
    if order.cancelled_at is None or order.paid:
        gone[refund_key(order, f"cancel-{order.id}")] = because("no_longer_cancelled")
    return gone


def _of_refund(code: str, refund: Refund, order: Order, **more: Reason) -> Reason:
    return because(code, refund=refund.id, amount=refund.amount, currency=order.currency, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What earlier credit notes have left to credit: of the whole, and of each rate, VAT included."""

    total: Decimal
    rates: dict[Decimal, Decimal]

    def less(self, amount: Decimal, credited: dict[Decimal, Decimal]) -> _Left:
        """Cents that rounding takes too many of a rate are not held against it."""
        rates = {
            rate: left - credited.get(rate, ZERO) if left < 0 else max(left - credited.get(rate, ZERO), ZERO)
            for rate, left in self.rates.items()
        }
        return _Left(total=self.total - amount, rates=rates)

    def holds(self, credited: dict[Decimal, Decimal], slack: Decimal) -> bool:
        """No rate is credited beyond what is left of it."""
        return all(gross <= self.rates.get(rate, ZERO) + slack for rate, gross in credited.items())


def _credit_note(
    order: Order,
    invoice: InvoiceDraft,
    bands: Sequence[Band],
    refund: Refund,
    left: _Left,
    rounding: FirmRounding,
) -> tuple[CreditNoteDraft, dict[Decimal, Decimal]]:
    """The credit note, and what it credits of each rate."""
    if invoice.policy is DocumentPolicy.EXTERNAL:
        raise NeedsPerson(because("credit_note_is_the_platforms"))
    if refund.amount > left.total:
        raise NeedsPerson(because("refund_exceeds_rest", left=left.total, currency=order.currency))
    if refund.amount != to_cents(refund.amount):
        raise NeedsPerson(because("refund_not_in_cents"))
    full = CreditNoteDraft(
        key=refund_key(order, refund.id),
        invoice_key=order.key,
        refund_id=refund.id,
        full=True,
        total=-refund.amount,
        currency=order.currency,
        refunded_on=legal_date(refund.at),
        language=invoice.language,
        vat_exemption=invoice.vat_exemption,
        vat_country=invoice.vat_country,
        category_id=invoice.category_id,
        nature=invoice.nature,
        why=_with_note(refund, "Remboursement de toute la commande : la facture est annulée en totalité."),
    )
    if refund.amount == order.total:
        return full, left.rates
    billed, why = _billed(order, bands, refund, left)
    encoded = encode(billed, refund.amount, rounding.candidates or ALL)
    if not encoded.rules:
        raise NeedsPerson(because("no_lines_for_refund"))
    note = replace(
        full,
        full=False,
        lines=tuple(replace(line, quantity=-line.quantity) for line in encoded.lines),
        agreed=encoded.agreed and rounding.held and order.currency not in NO_CENTS,
        why=(*_with_note(refund, why), *encoded.why),
    )
    return note, _by_rate(billed)


def _with_note(refund: Refund, why: str) -> tuple[str, ...]:
    note = clean(refund.note)
    return (why, f"Motif donné par la boutique : {note}.") if note else (why,)


def _billed(order: Order, bands: Sequence[Band], refund: Refund, left: _Left) -> tuple[list[BilledLine], str]:
    """What is credited: the refunded lines where they make up the money, else a share of what is left of each
    rate."""
    returned = _returned(bands, refund)
    stated = sum((line.gross for line in returned), ZERO)
    if returned and abs(stated - refund.amount) <= CENT:
        if not left.holds(_by_rate(returned), CENT * (len(returned) + 1)):
            raise NeedsPerson(because("refund_exceeds_rate"))
        return returned, "Avoir des lignes remboursées."
    if returned and all(line.gross > 0 for line in returned):
        scaled = _spread(refund.amount, _by_rate(returned))
        if left.holds(scaled, CENT):
            difference = money(refund.amount - stated, order.currency)
            why = (
                f"Montant remboursé différent des lignes retournées ({difference}) : réparti au prorata "
                "par taux."
            )
            return _one_line_a_rate(scaled), why
    if any(gross < 0 for gross in left.rates.values()):
        raise NeedsPerson(because("refund_of_negative_rate"))
    if not any(left.rates.values()):
        raise NeedsPerson(because("all_rates_credited"))
    why = "Remboursement d'un montant : réparti au prorata de ce qui reste à créditer par taux."
    return _one_line_a_rate(_spread(refund.amount, left.rates)), why


def _returned(bands: Sequence[Band], refund: Refund) -> list[BilledLine]:
    """The refund's lines under the rates that the order's lines had."""
    rates: dict[str, set[Decimal]] = {}
    for band in bands:
        if band.gross:
            rates.setdefault(band.line.id, set()).add(band.rate)
    known = sorted({band.rate for band in bands if band.rate}, reverse=True)
    billed = []
    for line in refund.lines:
        if not line.gross:
            continue
        own = rates.get(line.id, set())
        for band in cut([line], sorted(own - {ZERO}, reverse=True) or known):
            if band.rate not in (own or {*known, ZERO}):
                raise NeedsPerson(
                    because("refunded_at_another_rate", line=line.title, rate=percent(band.rate))
                )
            billed.append(_as_billed(band, ""))
    return billed


def _as_billed(band: Band, currency: str) -> BilledLine:
    line = replace(band.line, discount=ZERO)
    return BilledLine(
        title=f"Remboursement : {line_title(replace(band, line=line), currency)}",
        quantity=Decimal(1) if band.several else band.line.quantity,
        net=band.net,
        vat=band.rate,
        gross=band.gross,
    )


def _by_rate(lines: Iterable[BilledLine]) -> dict[Decimal, Decimal]:
    totals: dict[Decimal, Decimal] = {}
    for line in lines:
        totals[line.vat] = totals.get(line.vat, ZERO) + line.gross
    return {rate: total for rate, total in totals.items() if total}


def _spread(amount: Decimal, weights: dict[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    """`amount` over the rates in proportion, in cents, the largest remainders rounded up."""
    whole = sum(weights.values(), ZERO)
    exact = {rate: amount * weight / whole for rate, weight in weights.items()}
    shares = {rate: share.quantize(CENT, rounding=ROUND_DOWN) for rate, share in exact.items()}
    missing = int((amount - sum(shares.values(), ZERO)) / CENT)
    for rate in sorted(exact, key=lambda rate: (shares[rate] - exact[rate], -rate))[:missing]:
        shares[rate] += CENT
    return {rate: share for rate, share in shares.items() if share}


def _one_line_a_rate(shares: dict[Decimal, Decimal]) -> list[BilledLine]:
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
