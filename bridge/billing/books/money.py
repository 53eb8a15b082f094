"""The third book: what money moved, and which of it pays which invoice. It changes no sale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.movements import Movement, MovementState, PaymentMethod
from bridge.orders import ZERO

Payment = tuple[Movement, Decimal | None]
"""A movement, and how much of it pays this invoice: None where only its method is known."""


@dataclass(frozen=True, slots=True)
class Money:
    """Everything that came in or went out."""

    movements: tuple[Movement, ...]

    @classmethod
    def of(cls, movements: Iterable[Movement], gateways: Mapping[str, PaymentMethod]) -> Money:
        """`gateways`: the shop's own methods, by case-folded name of the gateway."""
        return cls(tuple(replace(m, method=gateways.get(m.gateway.casefold(), m.method)) for m in movements))

    @property
    def settled(self) -> tuple[Movement, ...]:
        """Money that is there, or was and went back, with its amount."""
        done = MovementState.SETTLED
        return tuple(move for move in self.movements if move.state is done and move.amount is not None)

    @property
    def told(self) -> bool:
        """The platform tells how much came in, not just by which methods."""
        untold = any(move.amount is None for move in self.movements if move.state is MovementState.SETTLED)
        return self.received > 0 and not untold

    @property
    def received(self) -> Decimal:
        """All that came in."""
        return sum((move.amount for move in self.settled if move.amount and move.amount > 0), ZERO)

    @property
    def returned(self) -> Decimal:
        """All that went back, positive."""
        return -sum((move.amount for move in self.settled if move.amount and move.amount < 0), ZERO)


def allot(money: Money, invoices: Sequence[Decimal], credited: Decimal = ZERO) -> list[tuple[Payment, ...]]:
    """The payments of each invoice (their totals, in their order), oldest money first.

    What went back beyond what was credited (an overpayment, a second payment) takes away the money that came
    the same way, else the latest. A method without amount is put to the first invoice that is not covered:
    the last one named, since those before it failed where several were tried.
    """
    ins = _that_stayed(money, credited)
    allotted: list[tuple[Payment, ...]] = []
    for total in invoices:
        mine: list[Payment] = []
        missing = total
        while missing > 0 and ins:
            move, amount = ins.pop(0)
            taken = min(amount, missing)
            missing -= taken
            mine.append((move, taken))
            if taken < amount:
                ins.insert(0, (move, amount - taken))
        allotted.append(tuple(mine))
    return [payments or _named(money) for payments in allotted]


def _that_stayed(money: Money, credited: Decimal) -> list[tuple[Movement, Decimal]]:
    ins = [(move, move.amount) for move in money.settled if move.amount and move.amount > 0]
    ins.sort(key=lambda one: (one[0].at is None, one[0].at.timestamp() if one[0].at else 0.0))
    over = max(money.returned - credited, ZERO)
    for back in reversed([move for move in money.settled if move.amount and move.amount < 0]):
        lost = min(-(back.amount or ZERO), over)
        over -= lost
        for place in sorted(range(len(ins)), key=lambda at: (_same_way(ins[at][0], back), at), reverse=True):
            move, amount = ins[place]
            taken = min(amount, lost)
            lost -= taken
            ins[place] = (move, amount - taken)
    return [(move, amount) for move, amount in ins if amount]


def _same_way(move: Movement, back: Movement) -> int:
    """How surely `back` is the return of `move`: 2 by its reference, 1 by its gateway."""
    if back.reference and back.reference == move.reference:
        return 2
    return int(bool(back.gateway) and back.gateway == move.gateway)


def _named(money: Money) -> tuple[Payment, ...]:
    named = [move for move in money.movements if move.amount is None and move.state is MovementState.SETTLED]
    return tuple((move, None) for move in reversed(named))


def main_payment(payments: Sequence[Payment]) -> Payment | None:
    """The largest that is no gift card; of methods without amount, the first."""
    if not payments:
        return None
    return max(
        payments,
        key=lambda one: (one[0].method is not PaymentMethod.GIFT_CARD, one[1] or ZERO),
    )
