"""By how much a sale of Stripe's became smaller, and the money that went back.

A refund can be told four ways: by its own events (`refund.*`, `charge.refund.updated`), inside
`charge.refunded` (API before 2022-11-15), by a credit note that names it, and by the sum on its charge. They
are united so that the same events give the same in any order:

1. Every `re_…` is a movement of money, in the furthest state reported: pending, done, failed. A credit note
that names it stands for one that no event has reported, as done: Stripe has issued the document.
2. Every credit note that is not void makes the sale smaller, by its own lines and rates, whatever pays it (a
refund, the customer balance, nothing). It is known under the id of its refund where it names just that one,
of its own amount, that no other note names; else under its own.
3. A refund that no note names is of money alone. As far as more was paid than was owed, it makes no sale
smaller. Otherwise it does, without lines, once no note has come for it.
4. `charge.amount_refunded` is a sum, without ids. It makes no refund: one made of it would be credited a
second time when its `re_…` comes. Where the known refunds fall short of it, Stripe is asked for the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bridge.keys import Key
from bridge.orders import (
    ZERO,
    Event,
    Line,
    Movement,
    MovementState,
    PaymentMethod,
    Reduction,
    RefundState,
)
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
_MOVED: Mapping[RefundState, MovementState] = {
    RefundState.DONE: MovementState.SETTLED,
    RefundState.PENDING: MovementState.PENDING,
    RefundState.FAILED: MovementState.FAILED,
}
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
class _Back:
    """Money that went back."""

    id: str
    at: datetime
    amount: Decimal
    state: RefundState
    note: str = ""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """By how much the sale shrank and the money that went back, by time and id, and what does not add up."""

    reductions: tuple[Reduction, ...]
    movements: tuple[Movement, ...]
    problems: tuple[Reason, ...]


def given_back(told: Evidence) -> GivenBack:
    """Raises PageMissing where Stripe's API must be asked, NeedsPerson for what cannot be read."""
    own = _own_refunds(told)
    asked, problems = _explain_charges(told, own)
    reported = {**own, **asked}
    money_back = {id_: _back(told, refund) for id_, refund in reported.items()}
    money_back |= _known_by_notes(told, money_back)
    reductions = [*_noted(told, money_back), *_voided(told), *_bare(told, money_back)]
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
    moves = sorted(money_back.values(), key=lambda each: (each.at, each.id))
    return GivenBack(
        reductions=tuple(sorted(reductions, key=lambda each: (each.at, each.id))),
        movements=tuple(_movement(each) for each in moves),
        problems=tuple(problems),
    )


def _movement(back: _Back) -> Movement:
    return Movement(
        id=back.id,
        at=back.at,
        amount=-back.amount,
        method=PaymentMethod.OTHER,
        gateway="stripe",
        state=_MOVED[back.state],
    )


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
    return STATES.get(refund.status, RefundState.PENDING)


def _back(told: Evidence, refund: StripeRefund) -> _Back:
    at = refund.created or told.otherwise
    return _Back(refund.id, at, money(refund.amount, refund.currency), _state(refund), refund.reason)


def _at(told: Evidence, note: StripeCreditNote) -> datetime:
    return note.effective_at or note.created or told.otherwise


def _title(note: StripeCreditNote) -> str:
    return f"Stripe {note.number or note.id}"


def _named(note: StripeCreditNote, known: Mapping[str, _Back]) -> list[tuple[str, Decimal]]:
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


def _known_by_notes(told: Evidence, reported: Mapping[str, _Back]) -> dict[str, _Back]:
    """Rule 1. An old note that shares its total with the customer balance does not say how much the refund
    is: the refund's own event will."""
    made: dict[str, _Back] = {}
    for note in told.live:
        if note.refund and not note.refunds and note.customer_balance_transaction:
            continue
        for id_, amount in _named(note, reported):
            if id_ not in reported:
                before = made[id_].amount if id_ in made else ZERO
                made[id_] = _Back(id_, _at(told, note), before + amount, RefundState.DONE)
    return made


def _noted(told: Evidence, money_back: Mapping[str, _Back]) -> Iterator[Reduction]:
    """Rule 2."""
    claims = [id_ for note in told.live for id_, _ in _named(note, money_back)]
    for note in told.live:
        named = [id_ for id_, _ in _named(note, money_back)]
        total = money(note.total, note.currency)
        if total <= 0:
            continue
        paid = [money_back[id_] for id_ in named if id_ in money_back]
        alone = len(paid) == 1 and paid[0].amount == total and claims.count(paid[0].id) == 1
        yield Reduction(
            id=paid[0].id if alone else note.id,
            at=paid[0].at if alone else _at(told, note),
            amount=total,
            state=paid[0].state if alone else RefundState.DONE,
            lines=_lines(told, note),
            paid_back=sum((each.amount for each in paid if each.state is not RefundState.FAILED), ZERO),
            refunds=(note.id,) if alone else tuple(id_ for id_ in named if claims.count(id_) == 1),
            note=_title(note),
        )


def _voided(told: Evidence) -> Iterator[Reduction]:
    """Kept as failed, so that whoever credited it before sees that it is void."""
    for note in told.notes:
        total = money(note.total, note.currency)
        if note.status == "void" and not _named(note, {}) and total > 0:
            yield Reduction(
                id=note.id, at=_at(told, note), amount=total, state=RefundState.FAILED, note=_title(note)
            )


def _bare(told: Evidence, money_back: Mapping[str, _Back]) -> Iterator[Reduction]:
    """Rule 3."""
    heard: dict[str, datetime] = {}
    for at, refund in told.refunds:
        heard[refund.id] = min(heard.get(refund.id, at), at)
    named = {id_ for note in told.live for id_, _ in _named(note, money_back)}
    excess = told.excess
    for back in sorted(money_back.values(), key=lambda each: (each.at, each.id)):
        if back.id in named:
            continue
        if back.amount <= excess and back.state is not RefundState.FAILED:
            excess -= back.amount
            continue
        yield Reduction(
            id=back.id,
            at=back.at,
            amount=back.amount,
            state=back.state,
            paid_back=ZERO if back.state is RefundState.FAILED else back.amount,
            heard_at=heard.get(back.id) if told.noted else None,
            note=back.note,
        )


def _lines(told: Evidence, note: StripeCreditNote) -> tuple[Line, ...]:
    """The note's lines, fetched where the event cut them short."""
    if note.lines is not None and not note.lines.cut:
        return lines_of_credit_note(note, read_entries(StripeLine, note.lines.data, told.order, "lines"))
    reason = because("stripe_note_cut", note=note.id, shop=told.order.shop)
    path = f"/v1/credit_notes/{note.id}/lines?limit=100"
    return lines_of_credit_note(note, read_pages(StripeLine, told.answers, path, told.order, reason))


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
    named = {id_: amount for note in told.live for id_, amount in _named(note, {}) if id_ not in own}
    by_notes = sum(named.values(), ZERO) / money(Decimal(1), charge.currency)
    return sum(reported, ZERO) + by_notes
