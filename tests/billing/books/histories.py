"""What happens to orders: histories of one order, and the sale as it is after each of their events.

A history is made of `Op`s; `sale_after` folds the first of them, as a platform would tell them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from bridge.billing.books.parts import Part
from bridge.billing.books.sale import Change, Sale, Shrunk, Sold
from bridge.movements import Movement, PaymentMethod
from bridge.orders import ZERO, Line, Order, Reduction, Tax, to_cents
from tests.builders.orders import order_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RATES = (Decimal("0.2"), Decimal("0.055"), Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class Op:
    """`kind`: what happens; the numbers say to which line, how much of it, at which rate and price."""

    kind: str
    which: int = 0
    much: int = 1
    rate: Decimal = RATES[0]
    price: Decimal = Decimal("10.00")


ADD, GROW, REMOVE, RETURN, CUT = "add", "grow", "remove", "return", "cut"
OVERPAY, EXCHANGE, LATER, VANISH = "overpay", "exchange", "add_unpaid", "vanish"
TOLD = (ADD, GROW, REMOVE, RETURN, CUT, OVERPAY, EXCHANGE, LATER)
"""What a platform tells as it happens; in its place `VANISH` is a line that is simply less from then on."""


@dataclass(slots=True)
class _Line:
    id: str
    rate: Decimal
    price: Decimal
    quantity: int
    since: datetime | None
    gone: int = 0
    paid: bool = True

    @property
    def left(self) -> int:
        return self.quantity - self.gone


@dataclass(slots=True)
class _World:
    lines: list[_Line] = field(default_factory=list)
    shrunk: list[Shrunk] = field(default_factory=list)
    moves: list[Movement] = field(default_factory=list)
    cut: Decimal = ZERO

    def move(self, amount: Decimal, at: datetime) -> None:
        name = f"m{len(self.moves)}"
        self.moves.append(Movement(id=name, at=at, amount=amount, method=PaymentMethod.CARD))

    @property
    def worth(self) -> Decimal:
        return sum((line.left * line.price for line in self.lines), ZERO) - self.cut


def order_after(ops: Sequence[Op]) -> Order:
    """The same as the order that a platform's source makes of it."""
    sale, moves = sale_after(ops)
    lines = [
        Line(
            id=sold.id,
            title=f"Article {sold.id}",
            quantity=sold.quantity,
            gross=part.gross,
            taxes=_taxes(part),
            since=sold.since,
            owed=sold.owed,
        )
        for sold in sale.sold
        for part in sold.parts
    ]
    reductions = [
        Reduction(
            id=each.id,
            at=each.at,
            amount=each.gross,
            lines=tuple(
                Line(id=part.line, title=f"Article {part.line}", gross=part.gross, taxes=_taxes(part))
                for part in each.parts
            ),
            paid_back=each.paid_back,
        )
        for each in sale.shrunk
    ]
    order = order_of(*lines)
    return replace(order, placed_at=NOON, paid_at=NOON, movements=moves, reductions=tuple(reductions))


def _taxes(part: Part) -> tuple[Tax, ...]:
    return (Tax(amount=to_cents(part.gross * part.rate / (1 + part.rate)), rate=part.rate),)


def sale_after(ops: Sequence[Op]) -> tuple[Sale, tuple[Movement, ...]]:
    """The order was placed and paid with two lines; then this happened to it, an hour apart."""
    first = [
        _Line("L0", RATES[0], Decimal("60.00"), 1, None),
        _Line("L1", RATES[1], Decimal("21.10"), 2, None),
    ]
    world = _World(lines=first)
    world.move(world.worth, NOON)
    for hour, op in enumerate(ops, start=1):
        _happen(world, op, NOON + timedelta(hours=hour), f"r{hour}")
    received = sum((move.amount or ZERO for move in world.moves if (move.amount or ZERO) > 0), ZERO)
    ever = sum((line.quantity * line.price for line in world.lines), ZERO)
    sale = Sale(
        sold=tuple(_sold(line) for line in world.lines if line.quantity),
        placed_at=NOON,
        shrunk=tuple(world.shrunk),
        paid_at=NOON,
        all_paid=received >= ever,
    )
    return sale, tuple(world.moves)


def _sold(line: _Line) -> Sold:
    gross = line.quantity * line.price
    owed = ZERO if line.paid else gross
    parts = (Part(line.id, line.rate, gross),)
    return Sold(id=line.id, parts=parts, quantity=Decimal(line.quantity), since=line.since, owed=owed)


def _happen(world: _World, op: Op, at: datetime, name: str) -> None:
    there = [line for line in world.lines if line.left and line.paid]
    if op.kind in (ADD, LATER):
        _pay(world, at)
        line = _Line(f"N{name}", op.rate, op.price, op.much, at, paid=op.kind == ADD)
        world.lines.append(line)
        if line.paid:
            world.move(op.much * op.price, at)
    elif op.kind == OVERPAY:
        world.move(op.price, at)
        world.move(-op.price, at + timedelta(minutes=1))
    elif op.kind == CUT:
        _pay(world, at)
        amount = min(op.price, world.worth)
        if amount > 0:
            world.cut += amount
            world.shrunk.append(Shrunk(id=name, at=at, gross=amount, kind=Change.REDUCED, paid_back=amount))
            world.move(-amount, at)
    elif there and not world.cut:
        _change(world, there[op.which % len(there)], op, at, name)


def _change(world: _World, line: _Line, op: Op, at: datetime, name: str) -> None:
    much = min(op.much, line.left)
    gross = much * line.price
    if op.kind == GROW:
        line.quantity += op.much
        world.move(op.much * line.price, at)
        return
    if op.kind == VANISH:
        line.quantity -= much
        return
    line.gone += much
    paid_back = gross if op.kind == RETURN else ZERO
    part = Part(line.id, line.rate, gross)
    world.shrunk.append(Shrunk(id=name, at=at, gross=gross, parts=(part,), paid_back=paid_back))
    if op.kind == EXCHANGE:
        world.lines.append(replace(line, id=f"X{name}", quantity=much, gone=0, since=at))
    if paid_back:
        world.move(-gross, at)


def _pay(world: _World, at: datetime) -> None:
    for line in world.lines:
        if not line.paid:
            line.paid = True
            world.move(line.quantity * line.price, at)


@st.composite
def histories(draw: Any, kinds: Sequence[str] = TOLD) -> tuple[Op, ...]:
    """A few events, and at last the payment of what is still owed."""
    one = st.builds(
        Op,
        kind=st.sampled_from(kinds),
        which=st.integers(0, 5),
        much=st.integers(1, 3),
        rate=st.sampled_from(RATES),
        price=st.integers(1, 9000).map(lambda cents: Decimal(cents) / 100),
    )
    return (*draw(st.lists(one, max_size=7)), Op(ADD, price=Decimal("1.00")))
