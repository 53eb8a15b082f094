"""Parts: the atoms of every book, and what is done with many of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from bridge.orders import CENT, ZERO

ROUNDING = ""
"""Stands in place of a line's id for the cents by which a platform's lines miss its total."""
ANY = "*"
"""Stands in place of a line's id for what concerns a rate and no line of it."""

Place = tuple[str, Decimal]
"""A line's id and a rate."""
Amounts = Mapping[Place, Decimal]
ByRate = Mapping[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Part:
    """The share of one line under one rate. `gross`: signed; what a credit note states is negative."""

    line: str
    rate: Decimal
    gross: Decimal


def amounts(parts: Iterable[Part]) -> dict[Place, Decimal]:
    """By line and rate, in the parts' order, without what comes to nothing."""
    found: dict[Place, Decimal] = {}
    for part in parts:
        place = part.line, part.rate
        found[place] = found.get(place, ZERO) + part.gross
    return {place: gross for place, gross in found.items() if gross}


def parts_of(found: Amounts) -> tuple[Part, ...]:
    """The inverse of `amounts`."""
    return tuple(Part(line, rate, gross) for (line, rate), gross in found.items())


def by_rate(parts: Iterable[Part]) -> dict[Decimal, Decimal]:
    """Sums of the rates, without what comes to nothing."""
    found: dict[Decimal, Decimal] = {}
    for part in parts:
        found[part.rate] = found.get(part.rate, ZERO) + part.gross
    return {rate: gross for rate, gross in found.items() if gross}


def total(parts: Iterable[Part]) -> Decimal:
    """What they come to."""
    return sum((part.gross for part in parts), ZERO)


def negative(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same with the other sign: as a credit note states them."""
    return tuple(Part(part.line, part.rate, -part.gross) for part in parts)


def less(one: Amounts, other: Amounts) -> dict[Place, Decimal]:
    """`one` without `other`, where something is left."""
    places = dict.fromkeys((*one, *other))
    left = {place: one.get(place, ZERO) - other.get(place, ZERO) for place in places}
    return {place: gross for place, gross in left.items() if gross}


def spread(amount: Decimal, weights: ByRate) -> dict[Decimal, Decimal]:
    """`amount` over the rates in proportion, in cents, the largest remainders rounded up."""
    whole = sum(weights.values(), ZERO)
    exact = {rate: amount * weight / whole for rate, weight in weights.items()}
    shares = {rate: share.quantize(CENT, rounding=ROUND_DOWN) for rate, share in exact.items()}
    missing = int((amount - sum(shares.values(), ZERO)) / CENT)
    for rate in sorted(exact, key=lambda rate: (shares[rate] - exact[rate], -rate))[:missing]:
        shares[rate] += CENT
    return {rate: share for rate, share in shares.items() if share}
