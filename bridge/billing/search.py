"""Moves thousandths on unit prices until a total is met: whole numbers only, no rounding surprise, no clock.

Units: prices and nets in mills (0.001), rates in thousandths, so a VAT amount is in micros (0.000001).
Quantities are in ten-thousandths. A greedy walk over classes of equal moves, helped by pairs where no single
move is better: fast for hundreds of lines, and bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

MILL = 1_000  # micros
CENT = 10_000  # micros
ONE = 10_000  # a quantity of one
_STEPS = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 10, -10)  # mills on a unit price
_FURTHEST = 10 * ONE  # a line's net moves by a cent at most
_PAIRED = 40  # classes looked at two by two
_LAST_ROUND = 300

Nets = tuple[int, int, int, int]
"""Nets to 2 and to 3 decimals, then their VAT rounded line by line; in mills, for a line or for a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One way to compute a total; see `totals.Rounding`."""

    decimals: Literal[2, 3]
    vat: Literal["line", "rate", "once"]

    def subtotal(self, nets: Nets, rate: int) -> int:
        """A rate's part of the total, VAT included, in micros."""
        net = nets[self.decimals - 2]
        if self.vat == "line":
            return (net + nets[self.decimals]) * MILL
        if self.vat == "rate":
            return net * MILL + half_up(net * rate, CENT) * CENT
        return net * (1000 + rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """A line as it would be written: quantity x price. `folded`: the quantity went into the title."""

    quantity: int
    price: int
    rate: int
    folded: bool = False

    def nets(self, step: int = 0) -> Nets:
        """What the rules make of the line with its price moved by `step` mills."""
        exact = self.quantity * (self.price + step)
        net2, net3 = half_up(exact, 10 * ONE) * 10, half_up(exact, ONE)
        return net2, net3, half_up(net2 * self.rate, CENT) * 10, half_up(net3 * self.rate, CENT) * 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`total` in cents under all `rules`; `own`: what the order says for each rate, VAT included, in
    micros."""

    total: int
    own: dict[int, int]
    rules: tuple[Rule, ...]


Sums = dict[int, Nets]
"""By rate."""

Move = tuple[int, Nets]
"""A rate and the change of its sums."""


def half_up(value: int, unit: int) -> int:
    """`value / unit` to the nearest whole number, halves away from zero."""
    return (2 * value + unit) // (2 * unit) if value >= 0 else -((-2 * value + unit) // (2 * unit))


def sums_of(lines: Iterable[LineState]) -> Sums:
    """The nets of each rate."""
    sums: Sums = {}
    for line in lines:
        sums[line.rate] = _add(sums.get(line.rate, (0, 0, 0, 0)), line.nets())
    return sums


def met(sums: Sums, target: Target) -> tuple[Rule, ...]:
    """The rules under which the total is the target's and no rate is more than a cent off its own."""
    return tuple(rule for rule in target.rules if _misses(rule, sums, target) == (0, 0))


def improve(lines: Sequence[LineState], target: Target, *, by_cents: bool) -> tuple[LineState, ...]:
    """The lines with as few prices moved as it finds, on the target or nearer to it.

    `by_cents`: only moves of a whole cent on a line's net, the ones that all rules see alike.
    """
    sums = sums_of(lines)
    moved = list(lines)
    moves = _Moves(lines, by_cents=by_cents)
    for _ in range(_LAST_ROUND):
        if len(met(sums, target)) == len(target.rules):
            break
        chosen = _choose(sums, moves, target)
        if not chosen:
            break
        for move in chosen:
            place = moves.take(move)
            if place is None:
                continue
            index, step = place
            moved[index] = replace(lines[index], price=lines[index].price + step)
            rate, change = move
            sums[rate] = _add(sums[rate], change)
    return tuple(moved)


def _add(one: Nets, other: Nets) -> Nets:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _misses(rule: Rule, sums: Sums, target: Target) -> tuple[int, int]:
    """Cents by which the total misses, and micros by which rates are further than a cent from their own."""
    total = beyond = 0
    for rate, nets in sums.items():
        subtotal = rule.subtotal(nets, rate)
        total += subtotal
        beyond += max(abs(subtotal - target.own[rate]) - CENT, 0)
    return abs(half_up(total, CENT) - target.total), beyond


class _Moves:
    """The single moves left, in classes: all that change the same sums of a rate by the same amounts."""

    def __init__(self, lines: Sequence[LineState], *, by_cents: bool) -> None:
        self._places: dict[Move, list[tuple[int, int]]] = {}
        self._free = [True] * len(lines)
        for step in _STEPS:
            for index, line in enumerate(lines):
                if line.price + step > 0 and line.price and abs(step * line.quantity) <= _FURTHEST:
                    before, after = line.nets(), line.nets(step)
                    change = _add(after, (-before[0], -before[1], -before[2], -before[3]))
                    if not by_cents or abs(change[0]) == abs(change[1]) == 10:
                        self._places.setdefault((line.rate, change), []).append((index, step))
        for places in self._places.values():
            places.reverse()

    def classes(self) -> list[Move]:
        """The classes that still have a line to move."""
        for move, places in list(self._places.items()):
            while places and not self._free[places[-1][0]]:
                places.pop()
            if not places:
                del self._places[move]
        return list(self._places)

    def take(self, move: Move) -> tuple[int, int] | None:
        """A line of the class and its step; the line is not moved again. None when a pair shared one line."""
        places = self._places[move]
        while places:
            index, step = places.pop()
            if self._free[index]:
                self._free[index] = False
                return index, step
        return None


def _choose(sums: Sums, moves: _Moves, target: Target) -> tuple[Move, ...]:
    """The move that helps most, or the pair where no single one helps; () when nothing does."""
    walk = _Walk(sums, target)
    ranked = sorted((walk.cost_after(move), place, move) for place, move in enumerate(moves.classes()))
    if ranked and ranked[0][0] < walk.cost:
        return (ranked[0][2],)
    pairs = (
        (walk.cost_after(one, other), place, (one, other))
        for place, ((_, _, one), (_, _, other)) in enumerate(combinations(ranked[:_PAIRED], 2))
    )
    best = min(pairs, default=None)
    return best[2] if best is not None and best[0] < walk.cost else ()


class _Walk:
    """How far the sums are from the target, and how far one or two moves would leave them."""

    def __init__(self, sums: Sums, target: Target) -> None:
        self._sums, self._target = sums, target
        self._totals = [
            sum(rule.subtotal(nets, rate) for rate, nets in sums.items()) for rule in target.rules
        ]
        self._subtotals = {
            rate: [rule.subtotal(nets, rate) for rule in target.rules] for rate, nets in sums.items()
        }
        self.cost = self._cost({})

    def cost_after(self, *moves: Move) -> float:
        """The cost were these moves made."""
        changed: Sums = {}
        for rate, change in moves:
            changed[rate] = _add(changed.get(rate) or self._sums[rate], change)
        return self._cost(changed)

    def _cost(self, changed: Sums) -> float:
        """Missing the total weighs most, then leaving a rate's cent; distance shows the way between."""
        cost = 0.0
        for place, rule in enumerate(self._target.rules):
            total = self._totals[place]
            for rate in self._sums:
                before = self._subtotals[rate][place]
                nets = changed.get(rate)
                after = before if nets is None else rule.subtotal(nets, rate)
                total += after - before
                distance = abs(after - self._target.own[rate]) / CENT
                cost += distance * distance + (1000 * distance if distance > 1 else 0)
            miss = half_up(total, CENT) - self._target.total
            cost += 100 * miss * miss
        return cost
