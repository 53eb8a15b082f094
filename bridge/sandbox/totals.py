"""The arithmetic of an invoice under each rounding rule the vendor might use, and some odd ones. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import NamedTuple

CENT = Decimal("0.01")
MILL = Decimal("0.001")
NOTHING = Decimal(0)
MODES = {
    "": ROUND_HALF_UP,
    "_even": ROUND_HALF_EVEN,
    "_down": ROUND_HALF_DOWN,
    "_floor": ROUND_FLOOR,
    "_ceiling": ROUND_CEILING,
}


@dataclass(frozen=True, slots=True)
class SandboxRounding:
    """`decimals` of a line's net amount, None for all; `vat`: what is rounded to the cent, and where;
    `mode`: as `decimal` has it; `step`: of the total."""

    decimals: int | None
    vat: str
    mode: str = ROUND_HALF_UP
    step: Decimal = CENT

    def rounded(self, value: Decimal, unit: Decimal) -> Decimal:
        """To the nearest multiple of the unit."""
        return (value / unit).quantize(Decimal(1), self.mode) * unit


def _roundings() -> dict[str, SandboxRounding]:
    places: dict[str, int | None] = {"line2": 2, "line3": 3, "exact": None}
    rules = ("vat_line", "vat_rate", "base_rate", "vat_once", "gross_unit", "gross_line", "gross_rate")
    found = {
        f"{place}_{vat}{mode}": SandboxRounding(decimals, vat, MODES[mode])
        for mode in MODES
        for place, decimals in places.items()
        for vat in rules
    }
    return found | {
        "five_cents": SandboxRounding(2, "vat_rate", step=Decimal("0.05")),
    }


ROUNDINGS: Mapping[str, SandboxRounding] = _roundings()
"""By name, the likely ones first."""
DEFAULT_ROUNDING = ROUNDINGS["line2_vat_rate"]


class PricedLine(NamedTuple):
    """`unit_price` is excluding VAT; `vat` is a fraction (0.2 is 20 %)."""

    quantity: Decimal
    unit_price: Decimal
    vat: Decimal


class DocumentTotals(NamedTuple):
    """`nets` are the lines' amounts excluding VAT, in the order of the lines."""

    nets: tuple[Decimal, ...]
    total: Decimal
    total_with_vat: Decimal


def document_totals(lines: Iterable[PricedLine], rounding: SandboxRounding) -> DocumentTotals:
    """Amounts of a document. Half up means away from zero, so that a credit note mirrors its invoice.

    Totals have 3 decimals at most, as the vendor's columns.
    """
    lines, to = tuple(lines), rounding.rounded
    nets = tuple(_net(line, rounding) for line in lines)
    bases: dict[Decimal, Decimal] = {}
    for net, line in zip(nets, lines, strict=True):
        bases[line.vat] = bases.get(line.vat, NOTHING) + net
    each = tuple(zip(nets, lines, strict=True))
    match rounding.vat:
        case "vat_line":
            with_vat = (net + to(net * line.vat, CENT) for net, line in each)
        case "gross_line":
            with_vat = (to(net * (1 + line.vat), CENT) for net, line in each)
        case "gross_unit":
            with_vat = (line.quantity * to(line.unit_price * (1 + line.vat), CENT) for line in lines)
        case "vat_rate":
            with_vat = (base + to(base * rate, CENT) for rate, base in bases.items())
        case "gross_rate":
            with_vat = (to(base * (1 + rate), CENT) for rate, base in bases.items())
        case "base_rate":
            bases = {rate: to(base, CENT) for rate, base in bases.items()}
            with_vat = (base + to(base * rate, CENT) for rate, base in bases.items())
        case _:
            with_vat = (base * (1 + rate) for rate, base in bases.items())
    shown = tuple(to(net, MILL) for net in nets)
    return DocumentTotals(
        shown, to(sum(bases.values(), NOTHING), MILL), to(sum(with_vat, NOTHING), rounding.step)
    )


def _net(line: PricedLine, rounding: SandboxRounding) -> Decimal:
    exact = line.quantity * line.unit_price
    if rounding.decimals is None:
        return exact
    return rounding.rounded(exact, Decimal(1).scaleb(-rounding.decimals))


def decimal_text(value: Decimal) -> str:
    """The vendor's way of writing a decimal: a dot, no useless zeros, at least one decimal ("700.0")."""
    text = format((value + NOTHING).normalize(), "f")
    return text if "." in text else f"{text}.0"
