"""How Facturation.pro may compute a document's total: the candidate rules, as data, and their arithmetic.

It takes prices excluding VAT with 3 decimals and computes the totals itself; how it rounds is not published.
The candidates are what accounting software does. All is done in whole numbers: quantities in ten-thousandths,
prices and rates in thousandths, so that quantity x price x rate is exact in *atoms* of 1e-10. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from bridge.billing.drafts import DraftLine

QUANTITY, PRICE, RATE = 4, 3, 3
"""Decimals of what a line is made of."""
ATOM: Final = Decimal("1e-10")
ATOMS_OF_CENT: Final = 10**8
ATOMS_OF_MILL: Final = 10**7

Vat = Literal["vat_line", "vat_rate", "base_rate", "vat_once", "gross_unit", "gross_line", "gross_rate"]
Whole = tuple[int, int, int]
"""A line's quantity, price and rate as whole numbers."""
Mode = Literal["up", "even", "down", "floor", "ceiling"]


def half_up(value: int, unit: int) -> int:
    """`value / unit` to the nearest whole number, halves away from zero."""
    return (2 * value + unit) // (2 * unit) if value >= 0 else -((-2 * value + unit) // (2 * unit))


def _half_down(value: int, unit: int) -> int:
    return (2 * value + unit) // (2 * unit) if value < 0 else -((-2 * value + unit) // (2 * unit))


def _half_even(value: int, unit: int) -> int:
    whole, rest = divmod(value, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole % 2 == 1))


_TO: Final[Mapping[Mode, Callable[[int, int], int]]] = {
    "up": half_up,
    "even": _half_even,
    "down": _half_down,
    "floor": lambda value, unit: value // unit,
    "ceiling": lambda value, unit: -(-value // unit),
}


@dataclass(frozen=True, slots=True)
class Rounding:
    """A rule. Its total is always in cents.

    `decimals`: to which quantity x unit price is rounded on each line, None for not at all. `vat`: what is
    rounded to cents: VAT on each line (`vat_line`) or on the sum of each rate (`vat_rate`), that sum itself
    before (`base_rate`), or nothing before the total (`vat_once`); or amounts including VAT, of each unit
    (`gross_unit`), line (`gross_line`) or rate (`gross_rate`). `mode`: where halves go; `floor` and `ceiling`
    know none.
    """

    decimals: Literal[2, 3] | None
    vat: Vat
    mode: Mode = "up"

    @property
    def name(self) -> str:
        """As stores keep it: `line2_vat_rate`, `exact_gross_line_even`."""
        net = "exact" if self.decimals is None else f"line{self.decimals}"
        return f"{net}_{self.vat}" + ("" if self.mode == "up" else f"_{self.mode}")

    def net(self, quantity: int, price: int) -> int:
        """A line's amount excluding VAT, in atoms."""
        exact = quantity * price * 1000
        if self.decimals is None:
            return exact
        step = ATOMS_OF_CENT if self.decimals == 2 else ATOMS_OF_MILL
        return _TO[self.mode](exact, step) * step

    def part(self, quantity: int, price: int, rate: int) -> int:
        """What a line adds to the sum of its rate, in atoms; `subtotal` reads the sum."""
        net, vat = self.net(quantity, price), self.vat
        if vat == "vat_line":
            return net + _TO[self.mode](net * rate, 1000 * ATOMS_OF_CENT) * ATOMS_OF_CENT
        if vat == "gross_unit":
            return quantity * _TO[self.mode](price * (1000 + rate), 10_000) * 10_000
        if vat == "gross_line":
            return _TO[self.mode](net * (1000 + rate), 1000 * ATOMS_OF_CENT) * ATOMS_OF_CENT
        return net

    def subtotal(self, parts: int, rate: int) -> int:
        """A rate's part of the total, VAT included, in atoms; not rounded where the rule rounds later."""
        if self.vat == "base_rate":
            parts = self.base(parts)
        if self.vat in ("vat_rate", "base_rate"):
            return parts + _TO[self.mode](parts * rate, 1000 * ATOMS_OF_CENT) * ATOMS_OF_CENT
        if self.vat == "gross_rate":
            return _TO[self.mode](parts * (1000 + rate), 1000 * ATOMS_OF_CENT) * ATOMS_OF_CENT
        if self.vat == "vat_once":
            return parts * (1000 + rate) // 1000
        return parts

    def base(self, net: int) -> int:
        """A rate's net, from the sum of its lines', in atoms."""
        return self.cents(net) * ATOMS_OF_CENT if self.vat == "base_rate" else net

    def cents(self, atoms: int) -> int:
        """The total, from the sum of the subtotals."""
        return _TO[self.mode](atoms, ATOMS_OF_CENT)

    def shown(self, amount: Decimal, decimals: Literal[2, 3]) -> Decimal:
        """An amount to so many decimals."""
        step = ATOMS_OF_CENT if decimals == 2 else ATOMS_OF_MILL
        return Decimal(_TO[self.mode](int(amount / ATOM), step)).scaleb(-decimals)


def _family(*modes: Mode) -> tuple[Rounding, ...]:
    """Of nets in cents some are the same, and a unit's price is no net: those have one name."""
    return tuple(
        Rounding(decimals, vat, mode)
        for mode in modes
        for decimals in (2, 3, None)
        for vat in ("vat_line", "vat_rate", "base_rate", "vat_once", "gross_unit", "gross_line", "gross_rate")
        if vat.startswith("vat")
        or (decimals is None)
        or (vat != "gross_unit" and (decimals == 3 or (mode == "even" and vat != "base_rate")))
    )


CANDIDATES: Final[Mapping[str, Rounding]] = {rule.name: rule for rule in _family("up", "even")}
"""By name, the likely ones first."""
OUTLANDISH: Final[Mapping[str, Rounding]] = {rule.name: rule for rule in _family("down", "floor", "ceiling")}
"""What nobody should do, but might: no document is made final at once by one of these."""
SUSPECTS: Final[Mapping[str, Rounding]] = {**CANDIDATES, **OUTLANDISH}
ALL: Final = frozenset(CANDIDATES.values())


@dataclass(frozen=True, slots=True)
class FirmRounding:
    """What is known of the firm's rule: the `candidates` that no total has refuted; outlandish ones where no
    other is left. `held`: the only one has been seen to hold, so that documents may be final at once."""

    candidates: frozenset[Rounding]
    held: bool = False

    @property
    def text(self) -> str:
        """As it is kept: "" for nothing, a name once held, else "?" and the names of the candidates."""
        if self.held:
            return "".join(rule.name for rule in self.candidates)
        names = [name for name, rule in SUSPECTS.items() if rule in self.candidates]
        return "" if self.candidates == ALL else "?" + ",".join(names)

    @classmethod
    def of(cls, rule: Rounding) -> FirmRounding:
        """Known."""
        return cls(frozenset({rule}), held=True)

    @classmethod
    def read(cls, text: str) -> FirmRounding:
        """The inverse of `text`. A name that this version does not know is as good as nothing."""
        if text in CANDIDATES:
            return cls.of(CANDIDATES[text])
        if not text.startswith("?"):
            return UNKNOWN
        return cls(frozenset(SUSPECTS[name] for name in text[1:].split(",") if name in SUSPECTS))

    def after(self, lines: Iterable[DraftLine], total: Decimal) -> FirmRounding:
        """What is known once Facturation.pro has given `lines` this total. A held rule that does not give it
        is held no more, and everything is open again but for what this document says."""
        lines = tuple(lines)
        fits = fitting(lines, total, self.candidates)
        if self.held:
            return self if fits else UNKNOWN.after(lines, total)
        if not fits and self.candidates and self.candidates <= ALL:
            fits = fitting(lines, total, OUTLANDISH.values())
        return FirmRounding(fits)


UNKNOWN: Final = FirmRounding(ALL)


@dataclass(frozen=True, slots=True)
class RateAmounts:
    """What a document holds of one rate, as encoded; not in cents where the rule rounds later."""

    net: Decimal
    gross: Decimal

    @property
    def vat(self) -> Decimal:
        """VAT of the rate."""
        return self.gross - self.net


def rates_under(rule: Rounding, lines: Iterable[DraftLine]) -> dict[Decimal, RateAmounts]:
    """Each rate's net and VAT in a document with these lines, as the rule encodes it."""
    nets: dict[Decimal, int] = {}
    parts: dict[Decimal, int] = {}
    for line in lines:
        quantity, price, rate = whole(line)
        nets[line.vat] = nets.get(line.vat, 0) + rule.net(quantity, price)
        parts[line.vat] = parts.get(line.vat, 0) + rule.part(quantity, price, rate)
    return {
        vat: RateAmounts(rule.base(nets[vat]) * ATOM, rule.subtotal(summed, int(vat.scaleb(RATE))) * ATOM)
        for vat, summed in parts.items()
    }


def total_under(rule: Rounding, lines: Iterable[DraftLine]) -> Decimal:
    """`total_with_vat` of a document with these lines under the rule."""
    return totals_under((rule,), lines)[rule]


def totals_under(rules: Iterable[Rounding], lines: Iterable[DraftLine]) -> dict[Rounding, Decimal]:
    """The same under each."""
    written = [whole(line) for line in lines]
    return {rule: Decimal(cents_under(rule, written)).scaleb(-2) for rule in rules}


def cents_under(rule: Rounding, lines: Iterable[Whole]) -> int:
    """The same in cents."""
    parts: dict[int, int] = {}
    for quantity, price, rate in lines:
        parts[rate] = parts.get(rate, 0) + rule.part(quantity, price, rate)
    return rule.cents(sum(rule.subtotal(summed, rate) for rate, summed in parts.items()))


def net_under(rule: Rounding, lines: Iterable[DraftLine]) -> Decimal:
    """`total`, excluding VAT, under the rule; to how many decimals it is told is another matter."""
    return sum((rates.net for rates in rates_under(rule, lines).values()), Decimal(0))


def fitting(
    lines: Iterable[DraftLine], total: Decimal, among: Iterable[Rounding] = ALL
) -> frozenset[Rounding]:
    """The rules that explain the `total_with_vat` that Facturation.pro gave to these lines."""
    return frozenset(rule for rule, given in totals_under(among, lines).items() if given == total)


def fingerprint(lines: Iterable[DraftLine]) -> str:
    """Tells whether a document has been written with these very lines, as far as totals go."""
    written = ";".join("{} {} {}".format(*whole(line)) for line in lines)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def whole(line: DraftLine) -> Whole:
    """What counts of a line."""
    quantity, price = line.quantity.scaleb(QUANTITY), line.unit_price.scaleb(PRICE)
    return int(quantity), int(price), int(line.vat.scaleb(RATE))
