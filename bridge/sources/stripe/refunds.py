"""One `Refund` for each time money went back, whichever of Stripe's events tell of it.

One refund can be told four ways: by its own events (`refund.*`, `charge.refund.updated`), inside
`charge.refunded` (API before 2022-11-15), by a credit note that names it, and by the sum on its charge. They
are united so that the same events give the same refunds in any order:

1. Every `re_…` is one refund, under that id, in the furthest state reported: pending, done, failed.
2. A credit note that names a refund gives it its lines, if it is the only note that does and both are of the
   same amount. It stands for a refund that no event has reported, as done: Stripe has issued the document.
3. What a credit note takes off beside the refunds it names (customer balance, outside Stripe, an open invoice
   made smaller) is a refund of its own, under `cn_…`. A voided note is kept as failed, so that whoever
   credited it before sees that it is void.
4. `charge.amount_refunded` is a sum, without ids. It makes no refund: one made of it would be credited a
   second time when its `re_…` comes. Where the known refunds fall short of it, Stripe is asked for the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from bridge.keys import Key
from bridge.orders import ZERO, Event, Line, Refund, RefundState
from bridge.reasons import Reason, because
from bridge.sources.stripe.line_payloads import StripeLine
from bridge.sources.stripe.lines import lines_of_credit_note
from bridge.sources.stripe.payloads import StripeCharge, StripeCreditNote, StripeRefund
from bridge.sources.stripe.reading import money, read_entries, read_pages

STATES: Mapping[str, RefundState] = {
    "": RefundState.DONE,
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.DONE,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
"""https://docs.stripe.com/api/refunds/object#refund_object-status. None at all: an old API, where every
refund was done at once. One that is not here waits."""
_PROGRESS = {RefundState.PENDING: 0, RefundState.DONE: 1, RefundState.FAILED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundEvidence:
    """What the events of one order say about money given back.

    `charges`: every snapshot, with the time of its event. `notes`: the latest snapshot of each credit note.
    `answers`: fetched pages by path. `otherwise`: the time of what has none. `order`: for reasons.
    """

    order: Key
    currency: str
    otherwise: datetime
    refunds: Sequence[StripeRefund] = ()
    charges: Sequence[tuple[datetime, StripeCharge]] = ()
    notes: Sequence[StripeCreditNote] = ()
    answers: Mapping[str, Event] = field(default_factory=dict)

    @property
    def live(self) -> list[StripeCreditNote]:
        """The credit notes that count."""
        return [note for note in self.notes if note.status != "void"]


def unite_refunds(told: RefundEvidence) -> tuple[tuple[Refund, ...], tuple[Reason, ...]]:
    """The refunds, by time and id, and what does not add up.

    Raises PageMissing where Stripe's API must be asked, NeedsPerson for what cannot be read.
    """
    own = _own_refunds(told)
    asked, problems = _explain_charges(told, own)
    reported = {**own, **asked}
    refunds = {id_: _refund(told, refund) for id_, refund in reported.items()}
    refunds |= _refunds_known_by_notes(told, refunds)
    refunds |= _lines_and_rests(told, refunds)
    refunds |= _voided(told)
    problems += [
        because(
            "stripe_refund_currency",
            refund=refund.id,
            refunded=refund.currency,
            currency=told.currency,
        )
        for refund in reported.values()
        if refund.currency != told.currency
    ]
    return tuple(sorted(refunds.values(), key=lambda refund: (refund.at, refund.id))), tuple(problems)


def _own_refunds(told: RefundEvidence) -> dict[str, StripeRefund]:
    """The furthest word on each refund that has been reported under its id."""
    lists = (charge.refunds.data for _, charge in told.charges if charge.refunds is not None)
    embedded = [
        refund for data in lists for refund in read_entries(StripeRefund, data, told.order, "refunds")
    ]
    return _furthest([*told.refunds, *embedded])


def _furthest(refunds: Sequence[StripeRefund]) -> dict[str, StripeRefund]:
    ordered = sorted(refunds, key=lambda refund: (_PROGRESS[_state(refund)], refund.amount, refund.reason))
    return {refund.id: refund for refund in ordered}


def _state(refund: StripeRefund) -> RefundState:
    return STATES.get(refund.status, RefundState.PENDING)


def _refund(told: RefundEvidence, refund: StripeRefund) -> Refund:
    return Refund(
        id=refund.id,
        at=refund.created or told.otherwise,
        amount=money(refund.amount, refund.currency),
        state=_state(refund),
        note=refund.reason,
    )


def _of_note(told: RefundEvidence, note: StripeCreditNote, id_: str, amount: Decimal) -> Refund:
    at = note.effective_at or note.created or told.otherwise
    return Refund(id=id_, at=at, amount=amount, note=_title(note))


def _title(note: StripeCreditNote) -> str:
    return f"Stripe {note.number or note.id}"


def _named(note: StripeCreditNote, refunds: Mapping[str, Refund]) -> list[tuple[str, Decimal]]:
    """The refunds that a note names, and what it says of their amounts.

    `refunds[]` since basil; before, one `refund`, whose amount is the note's less what went outside Stripe,
    and less a part for the customer balance, which only the refund itself can tell.
    """
    if note.refunds:
        stated = [(entry.refund, entry.amount_refunded) for entry in note.refunds if entry.refund]
        return [(id_, money(amount, note.currency)) for id_, amount in stated]
    if not note.refund:
        return []
    amount = money(note.total - note.out_of_band_amount, note.currency)
    known = refunds.get(note.refund)
    return [(note.refund, min(amount, known.amount) if known else amount)]


def _refunds_known_by_notes(told: RefundEvidence, reported: Mapping[str, Refund]) -> dict[str, Refund]:
    """Rule 2. An old note that shares its total with the customer balance does not say how much the refund
    is: it waits for the refund's own event."""
    made: dict[str, Refund] = {}
    for note in told.live:
        unclear = bool(note.refund and not note.refunds and note.customer_balance_transaction)
        for id_, amount in _named(note, reported):
            if id_ not in reported:
                before = made[id_].amount if id_ in made else ZERO
                refund = _of_note(told, note, id_, before + amount)
                made[id_] = replace(refund, state=RefundState.PENDING) if unclear else refund
    return made


def _lines_and_rests(told: RefundEvidence, refunds: Mapping[str, Refund]) -> dict[str, Refund]:
    """Refunds that get their lines from a note (rule 2), and what notes take off beside (rule 3)."""
    changed: dict[str, Refund] = {}
    claims = [id_ for note in told.live for id_, _ in _named(note, refunds)]
    for note in told.live:
        named = _named(note, refunds)
        total = money(note.total, note.currency)
        rest = total - sum((amount for _, amount in named), ZERO)
        if rest > 0:
            refund = _of_note(told, note, note.id, rest)
            changed[note.id] = refund if named else replace(refund, lines=_lines(told, note))
        elif len(named) == 1 and claims.count(named[0][0]) == 1:
            refund = refunds[named[0][0]]
            if refund.amount == total:
                changed[refund.id] = replace(refund, lines=_lines(told, note), note=_title(note))
    return changed


def _voided(told: RefundEvidence) -> dict[str, Refund]:
    """Rule 3: voided notes that stood for a refund of their own."""
    return {
        note.id: replace(
            _of_note(told, note, note.id, money(note.total, note.currency)), state=RefundState.FAILED
        )
        for note in told.notes
        if note.status == "void" and not _named(note, {}) and note.total > 0
    }


def _lines(told: RefundEvidence, note: StripeCreditNote) -> tuple[Line, ...]:
    """The note's lines, fetched where the event cut them short."""
    if note.lines is not None and not note.lines.cut:
        return lines_of_credit_note(note, read_entries(StripeLine, note.lines.data, told.order, "lines"))
    reason = because("stripe_note_cut", note=note.id, shop=told.order.shop)
    path = f"/v1/credit_notes/{note.id}/lines?limit=100"
    return lines_of_credit_note(note, read_pages(StripeLine, told.answers, path, told.order, reason))


def _explain_charges(
    told: RefundEvidence, own: Mapping[str, StripeRefund]
) -> tuple[dict[str, StripeRefund], list[Reason]]:
    """Rule 4: the refunds that had to be asked for, and what even they do not explain.

    The path holds the time of the charge's event, so that a later sum asks anew.
    """
    last = {
        charge.id: (at, charge)
        for at, charge in sorted(told.charges, key=lambda one: (one[0], one[1].amount_refunded))
    }
    asked: dict[str, StripeRefund] = {}
    problems: list[Reason] = []
    for id_ in sorted(last):
        at, charge = last[id_]
        if _known(told, charge, own) >= charge.amount_refunded:
            continue
        total, currency = money(charge.amount_refunded, charge.currency), charge.currency
        reason = because(
            "stripe_refunds_unknown", total=total, currency=currency, charge=id_, shop=told.order.shop
        )
        path = f"/v1/refunds?charge={id_}&created[lte]={int(at.timestamp())}&limit=100"
        answer = read_pages(StripeRefund, told.answers, path, told.order, reason)
        asked |= _furthest([*answer, *(own[one.id] for one in answer if one.id in own)])
        if sum((refund.amount for refund in answer), ZERO) < charge.amount_refunded:
            problems.append(because("stripe_lists_less", total=total, currency=currency, charge=id_))
    return asked, problems


def _known(told: RefundEvidence, charge: StripeCharge, own: Mapping[str, StripeRefund]) -> Decimal:
    """What the known refunds explain of a charge's sum, failed ones too: they were in it once."""
    reported = [
        refund.amount
        for refund in own.values()
        if refund.charge == charge.id
        or (not refund.charge and refund.payment_intent in ("", charge.payment_intent))
    ]
    named = {id_: amount for note in told.live for id_, amount in _named(note, {}) if id_ not in own}
    by_notes = sum(named.values(), ZERO) / money(Decimal(1), charge.currency)
    return sum(reported, ZERO) + by_notes
