"""Moves thousandths on unit prices until a total is met under one rule: whole numbers only, no clock.

Units: prices in mills (0.001), quantities in ten-thousandths, rates in thousandths, amounts in atoms (1e-10).
One move, or two, are looked for among all that there are; while more are needed the best single one is made
first. So the fewest lines are moved, by the least, wherever two suffice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bridge.billing.rounding import ATOMS_OF_CENT, Rounding

ONE = 10_000  # a quantity of one
_FURTHEST = 10 * ONE  # a line's net moves by a cent at most
_STEPS = tuple(sign * mills for mills in range(1, 11) for sign in (1, -1))
_LAST_ROUND = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """A line as it would be written: quantity x price. `folded`: the quantity went into the title."""

    quantity: int
    price: int
    rate: int
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`total`, in cents, under `rule`, of which the atoms `beside` come from another line; `own`: what the
    order says for each rate, VAT included, in atoms, from which a rate may be a cent off."""

    rule: Rounding
    total: int
    own: dict[int, int]
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """Lines that meet a target. `moved`: how many prices were moved for that; `size`: by how much in all, in
    ten-millionths."""

    states: tuple[LineState, ...]
    moved: int = 0
    size: int = 0

    def __lt__(self, other: Reached) -> bool:
        return (self.moved, self.size) < (other.moved, other.size)


Units = Sequence[tuple[int, ...]]
"""Lines by number, those together that must stay alike."""


def misses(lines: Iterable[LineState], target: Target) -> int:
    """By how much the total misses, and rates are further from their own than a cent, in atoms; 0: met."""
    return _Sums(lines, target).misses


def reach(lines: Sequence[LineState], target: Target, units: Units) -> Reached | None:
    """The lines on the target with as few prices moved as it finds, or None."""
    sums, moves = _Sums(lines, target), _Moves(lines, target.rule, units)
    made: list[_Move] = []
    while sums.misses:
        open_ = [_Choice(move, sums) for move in moves.cheapest()]
        chosen = _last(sums, moves, open_) or _nearer(sums, open_)
        if not chosen or len(made) > _LAST_ROUND:
            return None
        for move in chosen:
            sums.add(move.rate, move.change)
            moves.used.add(move.unit)
            made.append(move)
    states = list(lines)
    for move in made:
        for index in move.unit:
            states[index] = replace(lines[index], price=lines[index].price + move.step)
    return Reached(tuple(states), sum(move.lines for move in made), sum(move.size for move in made))


class _Sums:
    """What the lines come to, by rate and altogether, and whether that is the target."""

    def __init__(self, lines: Iterable[LineState], target: Target) -> None:
        self.target, self.rule = target, target.rule
        self.parts: dict[int, int] = {}
        for line in lines:
            part = self.rule.part(line.quantity, line.price, line.rate)
            self.parts[line.rate] = self.parts.get(line.rate, 0) + part
        self.subtotals = {rate: self.rule.subtotal(parts, rate) for rate, parts in self.parts.items()}
        self.total = sum(self.subtotals.values()) + target.beside

    @property
    def misses(self) -> int:
        """See the function of this name."""
        own = self.target.own
        off = abs(self.rule.cents(self.total) - self.target.total) * ATOMS_OF_CENT
        for rate, subtotal in self.subtotals.items():
            off += max(0, abs(subtotal - own[rate]) - ATOMS_OF_CENT)
        return off

    def beyond(self) -> set[int]:
        """The rates that are too far from their own."""
        return {rate for rate, subtotal in self.subtotals.items() if not self.holds(rate, subtotal)}

    def holds(self, rate: int, subtotal: int) -> bool:
        return abs(subtotal - self.target.own[rate]) <= ATOMS_OF_CENT

    def is_total(self, total: int) -> bool:
        return self.rule.cents(total) == self.target.total

    def after(self, rate: int, change: int) -> int:
        """The rate's subtotal with its parts changed by so much."""
        return self.rule.subtotal(self.parts[rate] + change, rate)

    def add(self, rate: int, change: int) -> None:
        after = self.after(rate, change)
        self.parts[rate] += change
        self.total += after - self.subtotals[rate]
        self.subtotals[rate] = after

    def cost(self, rate: int, subtotal: int) -> float:
        """Missing the total weighs most, then leaving a rate's cent; distance shows the way between."""
        miss = self.rule.cents(self.total + subtotal - self.subtotals[rate]) - self.target.total
        distance = abs(subtotal - self.target.own[rate]) / ATOMS_OF_CENT
        return 100 * miss * miss + distance * distance + (1000 * distance if distance > 1 else 0)


class _Move(NamedTuple):
    """All lines of a unit by `step` mills, which changes the parts of their rate by `change`."""

    lines: int
    size: int
    unit: tuple[int, ...]
    step: int
    rate: int
    change: int


class _Moves:
    """All moves that there are, those of equal effect together, the cheapest first."""

    def __init__(self, lines: Sequence[LineState], rule: Rounding, units: Units) -> None:
        self.units = len(units)
        self.used: set[tuple[int, ...]] = set()
        self._alike: dict[tuple[int, int], list[_Move]] = {}
        for unit in units:
            line = lines[unit[0]]
            for move in _moves_of(line, unit, rule) if line.price else ():
                self._alike.setdefault((move.rate, move.change), []).append(move)
        for moves in self._alike.values():
            moves.sort(reverse=True)

    def cheapest(self) -> list[_Move]:
        """One of each effect, of a unit that was not moved yet."""
        found = []
        for moves in self._alike.values():
            while moves and moves[-1].unit in self.used:
                moves.pop()
            if moves:
                found.append(moves[-1])
        return found

    def beside(self, other: _Move, like: _Move) -> _Move | None:
        """The cheapest that does the same as `like`, of another unit than `other`'s."""
        return next(
            (
                move
                for move in reversed(self._alike[like.rate, like.change])
                if move.unit != other.unit and move.unit not in self.used
            ),
            None,
        )


def _moves_of(line: LineState, unit: tuple[int, ...], rule: Rounding) -> Iterator[_Move]:
    """One for each effect, by the least that has it."""
    quantity, price, rate = line.quantity, line.price, line.rate
    before = rule.part(quantity, price, rate)
    effects = {0}
    for step in _STEPS:
        if abs(step * quantity) > _FURTHEST:
            return
        change = rule.part(quantity, price + step, rate) - before if price + step > 0 else 0
        if change not in effects:
            effects.add(change)
            lines = len(unit)
            yield _Move(lines, lines * abs(step * quantity), unit, step, rate, lines * change)


class _Choice:
    """A move, what its rate would come to, and whether the rate may."""

    __slots__ = ("after", "gain", "holds", "move")

    def __init__(self, move: _Move, sums: _Sums) -> None:
        self.move = move
        self.after = sums.after(move.rate, move.change)
        self.gain = self.after - sums.subtotals[move.rate]
        self.holds = sums.holds(move.rate, self.after)


def _last(sums: _Sums, moves: _Moves, choices: Sequence[_Choice]) -> tuple[_Move, ...]:
    """The one move, or the two, that end on the target, the fewest lines by the least; else ()."""
    beyond = sums.beyond()
    best: tuple[_Move, ...] = min(_singles(sums, choices, beyond), key=_price, default=())
    furthest = 2 * max((abs(one.gain) for one in choices), default=0) + ATOMS_OF_CENT
    far = abs(sums.target.total * ATOMS_OF_CENT - sums.total) > furthest
    if far or moves.units < 2 or (best and _price(best)[0] <= 2):
        return best
    for one, like in _pairs(sums, choices, beyond):
        other = moves.beside(one, like) if not best or _price((one, like)) < _price(best) else None
        if other and (not best or _price((one, other)) < _price(best)):
            best = (one, other)
    return best


def _price(moves: Sequence[_Move]) -> tuple[int, int]:
    return sum(move.lines for move in moves), sum(move.size for move in moves)


def _singles(sums: _Sums, choices: Sequence[_Choice], beyond: set[int]) -> Iterator[tuple[_Move, ...]]:
    for one in choices:
        if one.holds and beyond <= {one.move.rate} and sums.is_total(sums.total + one.gain):
            yield (one.move,)


def _pairs(sums: _Sums, choices: Sequence[_Choice], beyond: set[int]) -> Iterator[tuple[_Move, _Move]]:
    for at, one in enumerate(choices):
        rate = one.move.rate
        for other in choices[at:]:
            if not beyond <= {rate, other.move.rate}:
                continue
            if other.move.rate == rate:
                after = sums.after(rate, one.move.change + other.move.change)
                holds, gain = sums.holds(rate, after), after - sums.subtotals[rate]
            else:
                holds, gain = one.holds and other.holds, one.gain + other.gain
            if holds and sums.is_total(sums.total + gain):
                yield one.move, other.move


def _nearer(sums: _Sums, choices: Sequence[_Choice]) -> tuple[_Move, ...]:
    """The move that helps most; () when none does."""
    here = {rate: sums.cost(rate, subtotal) for rate, subtotal in sums.subtotals.items()}
    gains = ((sums.cost(one.move.rate, one.after) - here[one.move.rate], one.move) for one in choices)
    gain, move = min(gains, default=(0.0, None))
    return (move,) if move and gain < 0 else ()
