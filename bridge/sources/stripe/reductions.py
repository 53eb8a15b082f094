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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.movements import Movement, MovementState, PaymentMethod
from bridge.orders import ZERO, Line, Reduction, RefundState
from bridge.reasons import Reason, because
from bridge.sources.stripe.line_payloads import StripeLine
from bridge.sources.stripe.lines import lines_of_credit_note
from bridge.sources.stripe.reading import money, read_entries, read_pages
from bridge.sources.stripe.refund_payloads import StripeCreditNote
from bridge.sources.stripe.refunds import Back, Evidence, money_given_back, refunds_of_note, time_of

_MOVED: Mapping[RefundState, MovementState] = {
    RefundState.DONE: MovementState.SETTLED,
    RefundState.PENDING: MovementState.PENDING,
    RefundState.FAILED: MovementState.FAILED,
}


@dataclass(frozen=True, slots=True)
class GivenBack:
    """By how much the sale shrank and the money that went back, by time and id, and what does not add up."""

    reductions: tuple[Reduction, ...]
    movements: tuple[Movement, ...]
    problems: tuple[Reason, ...]


def given_back(told: Evidence) -> GivenBack:
    """Raises PageMissing where Stripe's API must be asked, NeedsPerson for what cannot be read."""
    money_back, problems = money_given_back(told)
    reductions = [*_noted(told, money_back), *_voided(told), *_bare(told, money_back)]
    moves = sorted(money_back.values(), key=lambda each: (each.at, each.id))
    return GivenBack(
        reductions=tuple(sorted(reductions, key=lambda each: (each.at, each.id))),
        movements=tuple(_movement(each) for each in moves),
        problems=tuple(problems),
    )


def _movement(back: Back) -> Movement:
    return Movement(
        id=back.id,
        at=back.at,
        amount=-back.amount,
        method=PaymentMethod.OTHER,
        gateway="stripe",
        state=_MOVED[back.state],
    )


def _title(note: StripeCreditNote) -> str:
    return f"Stripe {note.number or note.id}"


def _noted(told: Evidence, money_back: Mapping[str, Back]) -> Iterator[Reduction]:
    """Rule 2."""
    claims = [id_ for note in told.live for id_, _ in refunds_of_note(note, money_back)]
    for note in told.live:
        named = [id_ for id_, _ in refunds_of_note(note, money_back)]
        total = money(note.total, note.currency)
        if total <= 0:
            continue
        paid = [money_back[id_] for id_ in named if id_ in money_back]
        alone = len(paid) == 1 and paid[0].amount == total and claims.count(paid[0].id) == 1
        yield Reduction(
            id=paid[0].id if alone else note.id,
            at=paid[0].at if alone else time_of(told, note),
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
        if note.status == "void" and not refunds_of_note(note, {}) and total > 0:
            yield Reduction(
                id=note.id, at=time_of(told, note), amount=total, state=RefundState.FAILED, note=_title(note)
            )


def _bare(told: Evidence, money_back: Mapping[str, Back]) -> Iterator[Reduction]:
    """Rule 3."""
    heard: dict[str, datetime] = {}
    for at, refund in told.refunds:
        heard[refund.id] = min(heard.get(refund.id, at), at)
    named = {id_ for note in told.live for id_, _ in refunds_of_note(note, money_back)}
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
