"""Lines for drafts whose totals tell rounding rules apart. Pure: chance is injected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from bridge.billing.drafts import DraftLine
from bridge.billing.rounding import (
    PRICE,
    QUANTITY,
    RATE,
    SUSPECTS,
    Rounding,
    Whole,
    cents_under,
    fitting,
    net_under,
)

T = TypeVar("T")
WORK: Final = 2000
"""Draws times suspects: some hundredths of a second for one draft."""
_DRAWS = 200
_SIZES = (2, 5, 12, 30, 30)
_QUANTITIES = ((10_000, 20_000, 30_000), (5_000, 15_000, 25_000), (13_000, 27_000, 12_500, 7_500))
_RATES = ((200, 100, 55, 21), (200,), (100, 55))
_ENDINGS = (1, 5, 10, 50, 100)
_CHEAPEST, _DEAREST = 400, 9000  # mills

Pick = Callable[[int, int], int]
"""A whole number between two bounds, both included: `random.Random(seed).randint`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Facturation.pro made of some lines: `total_with_vat`, and `total` where it says so."""

    lines: tuple[DraftLine, ...]
    with_vat: Decimal
    net: Decimal | None = None


def explaining(seen: Sequence[Seen]) -> frozenset[Rounding]:
    """The rules, outlandish ones among them, that give all these totals.

    The net totals tell some apart, too, unless they follow no rule that gives the totals with VAT: these are
    what is charged.
    """
    fits = frozenset(SUSPECTS.values())
    for one in seen:
        fits = fitting(one.lines, one.with_vat, fits)
    strict = {rule for rule in fits if all(_is_net(rule, one) for one in seen)}
    return frozenset(strict or fits)


def _is_net(rule: Rounding, seen: Seen) -> bool:
    """To 2 or 3 decimals: what is shown of it is not known."""
    exact = net_under(rule, seen.lines)
    return seen.net is None or seen.net in (rule.shown(exact, 2), rule.shown(exact, 3))


def telling(pick: Pick, suspects: Iterable[Rounding]) -> tuple[DraftLine, ...]:
    """Lines whose total tells these rules apart, as well as those of some dozens of draws do at the best."""
    suspects = tuple(suspects)
    best, fewest = _draw(pick), len(suspects) ** 2 + 1
    for _ in range(min(_DRAWS, WORK // len(suspects))):
        lines = _draw(pick)
        alike = Counter(cents_under(rule, lines) for rule in suspects)
        pairs = sum(count * count for count in alike.values())
        if pairs < fewest:
            best, fewest = lines, pairs
        if fewest == len(suspects):
            break
    return tuple(
        DraftLine(
            title="Calibrage",
            quantity=Decimal(quantity).scaleb(-QUANTITY),
            unit_price=Decimal(price).scaleb(-PRICE),
            vat=Decimal(rate).scaleb(-RATE),
        )
        for quantity, price, rate in best
    )


def _draw(pick: Pick) -> list[Whole]:
    """All prices of one draft end alike: what rounding leaves on each line adds up."""

    def one_of(values: Sequence[T]) -> T:
        return values[pick(0, len(values) - 1)]

    quantities, rates, every = one_of(_QUANTITIES), one_of(_RATES), one_of(_ENDINGS)
    ending = one_of((pick(0, every - 1), every // 2))
    return [
        (one_of(quantities), pick(_CHEAPEST, _DEAREST) // every * every + ending, one_of(rates))
        for _ in range(one_of(_SIZES))
    ]
