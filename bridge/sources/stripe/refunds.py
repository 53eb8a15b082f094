"""The money that went back, of a sale of Stripe's. See `reductions.py`, rules 1 and 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bridge.keys import Key
from bridge.orders import ZERO, Event, RefundState
from bridge.reasons import Reason, because
from bridge.sources.stripe.reading import money, read_entries, read_pages
from bridge.sources.stripe.refund_payloads import StripeCharge, StripeCreditNote, StripeRefund

_STATES: Mapping[str, RefundState] = {
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
class Evidence:
    """What the events of one order say about money given back.

    `refunds` and `charges`: every snapshot, with the time of its event. `notes`: the latest snapshot of each
    credit note. `answers`: fetched pages by path. `otherwise`: the time of what has none. `excess`: how much
    more was paid than was owed. `noted`: credit notes may come for its refunds. `order`: for reasons.
    """

    order: Key
    currency: str
    otherwise: datetime
    excess: Decimal = ZERO
    noted: bool = True
    refunds: Sequence[tuple[datetime, StripeRefund]] = ()
    charges: Sequence[tuple[datetime, StripeCharge]] = ()
    notes: Sequence[StripeCreditNote] = ()
    answers: Mapping[str, Event] = field(default_factory=dict)

    @property
    def live(self) -> list[StripeCreditNote]:
        """The credit notes that count."""
        return [note for note in self.notes if note.status != "void"]


@dataclass(frozen=True, slots=True)
class Back:
    """Money that went back."""

    id: str
    at: datetime
    amount: Decimal
    state: RefundState
    note: str = ""


def money_given_back(told: Evidence) -> tuple[dict[str, Back], list[Reason]]:
    """By the refund's id; and what does not add up. Raises PageMissing where Stripe's API must be asked."""
    own = _own_refunds(told)
    asked, problems = _explain_charges(told, own)
    reported = {**own, **asked}
    back = {id_: _back(told, refund) for id_, refund in reported.items()}
    back |= _known_by_notes(told, back)
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
    return back, problems


def _own_refunds(told: Evidence) -> dict[str, StripeRefund]:
    """The furthest word on each refund that has been reported under its id."""
    lists = (charge.refunds.data for _, charge in told.charges if charge.refunds is not None)
    embedded = [
        refund for data in lists for refund in read_entries(StripeRefund, data, told.order, "refunds")
    ]
    return _furthest([*(refund for _, refund in told.refunds), *embedded])


def _furthest(refunds: Sequence[StripeRefund]) -> dict[str, StripeRefund]:
    ordered = sorted(refunds, key=lambda refund: (_PROGRESS[_state(refund)], refund.amount, refund.reason))
    return {refund.id: refund for refund in ordered}


def _state(refund: StripeRefund) -> RefundState:
    return _STATES.get(refund.status, RefundState.PENDING)


def _back(told: Evidence, refund: StripeRefund) -> Back:
    at = refund.created or told.otherwise
    return Back(refund.id, at, money(refund.amount, refund.currency), _state(refund), refund.reason)


def time_of(told: Evidence, note: StripeCreditNote) -> datetime:
    """When a credit note counts."""
    return note.effective_at or note.created or told.otherwise


def refunds_of_note(note: StripeCreditNote, known: Mapping[str, Back]) -> list[tuple[str, Decimal]]:
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
    back = known.get(note.refund)
    return [(note.refund, min(amount, back.amount) if back else amount)]


def _known_by_notes(told: Evidence, reported: Mapping[str, Back]) -> dict[str, Back]:
    """Rule 1. An old note that shares its total with the customer balance does not say how much the refund
    is: the refund's own event will."""
    made: dict[str, Back] = {}
    for note in told.live:
        if note.refund and not note.refunds and note.customer_balance_transaction:
            continue
        for id_, amount in refunds_of_note(note, reported):
            if id_ not in reported:
                before = made[id_].amount if id_ in made else ZERO
                made[id_] = Back(id_, time_of(told, note), before + amount, RefundState.DONE)
    return made


def _explain_charges(
    told: Evidence, own: Mapping[str, StripeRefund]
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
        if _known(told, charge, own) >= charge.given_back:
            continue
        total, currency = money(charge.given_back, charge.currency), charge.currency
        reason = because(
            "stripe_refunds_unknown", total=total, currency=currency, charge=id_, shop=told.order.shop
        )
        path = f"/v1/refunds?charge={id_}&created[lte]={int(at.timestamp())}&limit=100"
        answer = read_pages(StripeRefund, told.answers, path, told.order, reason)
        asked |= _furthest([*answer, *(own[one.id] for one in answer if one.id in own)])
        if sum((refund.amount for refund in answer), ZERO) < charge.given_back:
            problems.append(because("stripe_lists_less", total=total, currency=currency, charge=id_))
    return asked, problems


def _known(told: Evidence, charge: StripeCharge, own: Mapping[str, StripeRefund]) -> Decimal:
    """What the known refunds explain of a charge's sum, failed ones too: they were in it once."""
    reported = [
        refund.amount
        for refund in own.values()
        if refund.charge == charge.id
        or (not refund.charge and refund.payment_intent in ("", charge.payment_intent))
    ]
    named = {id_: amount for note in told.live for id_, amount in refunds_of_note(note, {}) if id_ not in own}
    by_notes = sum(named.values(), ZERO) / money(Decimal(1), charge.currency)
    return sum(reported, ZERO) + by_notes
