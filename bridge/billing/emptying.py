"""Credit notes that leave each rate such that the last of them can empty it exactly.

Invoice and credit notes are rounded each for itself, so that what is left of a rate may be a net whose VAT is
a cent more or less than what is left of the total. With a few thousandths on the prices of an earlier note it
is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product

from bridge.billing.drafts import DraftLine
from bridge.billing.rounding import Rounding, rates_under, total_under
from bridge.billing.totals import LARGEST_ROUNDING, MILL, rounding_line
from bridge.orders import CENT, ZERO

_STEPS = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5)  # mills on a price
_RATES = 3
"""Of more rates, only the first ones are moved: their combinations multiply."""
_TRIES = 400
_PARTS = 20


@dataclass(frozen=True, slots=True)
class Left:
    """What the documents of an order leave: `nets` of each rate as written, and the `total`. `rule`: the
    firm's. All positive."""

    nets: Mapping[Decimal, Decimal]
    total: Decimal
    rule: Rounding

    def emptied(self, *, rounding: bool) -> tuple[DraftLine, ...]:
        """Lines of exactly these nets and this total, () where there are none. `rounding`: beside an
        "Arrondi" line without VAT, if need be."""
        if any(net != net.quantize(MILL) for net in self.nets.values()):
            return ()
        whole = tuple(_line(rate, net) for rate, net in sorted(self.nets.items(), reverse=True) if net)
        by_line = self.rule.vat in ("vat_line", "gross_line", "gross_unit")
        splits: Iterator[tuple[DraftLine, ...]] = _split(whole) if by_line else iter(())
        for lines in (whole, *splits):
            if total_under(self.rule, lines) == self.total:
                return lines
        missing = int((self.total - total_under(self.rule, whole)) / CENT)
        if not rounding or not missing or abs(missing) > LARGEST_ROUNDING:
            return ()
        lines = (*whole, rounding_line(missing))
        return lines if total_under(self.rule, lines) == self.total else ()

    def after(self, lines: Sequence[DraftLine], total: Decimal) -> Left:
        """What is left after a note with these (positive) lines."""
        nets = dict(self.nets)
        for rate, amounts in rates_under(self.rule, lines).items():
            nets[rate] = nets.get(rate, ZERO) - amounts.net
        return Left(nets, self.total - total, self.rule)


def leaving(lines: tuple[DraftLine, ...], total: Decimal, left: Left) -> tuple[DraftLine, ...]:
    """The lines of a note of this total, with prices moved as little as lets what they leave be emptied; as
    they are where nothing does."""
    places = _movable(lines)
    by_size = sorted(product(_STEPS, repeat=len(places)), key=lambda steps: sum(map(abs, steps)))
    for steps in by_size[:_TRIES]:
        moved = list(lines)
        for place, step in zip(places, steps, strict=True):
            moved[place] = replace(lines[place], unit_price=lines[place].unit_price + step * MILL)
        if total_under(left.rule, moved) == total and left.after(moved, total).emptied(rounding=False):
            return tuple(moved)
    return lines


def _movable(lines: Sequence[DraftLine]) -> list[int]:
    """Of each rate the line of which there are the fewest."""
    places: dict[Decimal, int] = {}
    for place, line in enumerate(lines):
        known = places.get(line.vat)
        fewer = known is None or abs(line.quantity) < abs(lines[known].quantity)
        if fewer and line.unit_price > len(_STEPS) * MILL:
            places[line.vat] = place
    return list(places.values())[:_RATES]


def _line(rate: Decimal, net: Decimal) -> DraftLine:
    quantity = Decimal(1) if net > 0 else Decimal(-1)
    return DraftLine(title="", quantity=quantity, unit_price=abs(net), vat=rate)


def _split(lines: tuple[DraftLine, ...]) -> Iterator[tuple[DraftLine, ...]]:
    """One line in two: where each line is rounded, that is a cent more or less."""
    for place, line in enumerate(lines):
        half = (line.unit_price / 2).quantize(MILL)
        for step in range(min(_PARTS, int(half / MILL))):
            first = replace(line, unit_price=half - step * MILL)
            second = replace(line, unit_price=line.unit_price - first.unit_price)
            yield (*lines[:place], first, second, *lines[place + 1 :])
