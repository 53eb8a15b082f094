"""The arithmetic of an invoice under each rounding rule the vendor might use. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

CENT = Decimal("0.01")
MILL = Decimal("0.001")
NOTHING = Decimal(0)


class SandboxRounding(StrEnum):
    """Decimals of a line's net amount, then where VAT is rounded to the cent."""

    LINE2_VAT_LINE = "line2_vat_line"
    LINE2_VAT_RATE = "line2_vat_rate"
    LINE2_VAT_ONCE = "line2_vat_once"
    LINE3_VAT_LINE = "line3_vat_line"
    LINE3_VAT_RATE = "line3_vat_rate"
    LINE3_VAT_ONCE = "line3_vat_once"


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
    """Amounts of a document, rounded half up (away from zero, so a credit note mirrors its invoice).

    A line's net is quantity times price, kept at 2 or 3 decimals. VAT is rounded to the cent for each
    line, for each rate, or not before the final sum. The vendor publishes no rule: every candidate is here.
    """
    lines = tuple(lines)
    line_unit = CENT if rounding.startswith("line2") else MILL
    nets = tuple(_rounded(line.quantity * line.unit_price, line_unit) for line in lines)
    net = sum(nets, NOTHING)
    if rounding.endswith("vat_line"):
        vat = sum((_rounded(n * line.vat, CENT) for n, line in zip(nets, lines, strict=True)), NOTHING)
    else:
        base_by_rate: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for n, line in zip(nets, lines, strict=True):
            base_by_rate[line.vat] += n
        vat_by_rate = [base * rate for rate, base in base_by_rate.items()]
        if rounding.endswith("vat_rate"):
            vat_by_rate = [_rounded(amount, CENT) for amount in vat_by_rate]
        vat = sum(vat_by_rate, NOTHING)
    return DocumentTotals(nets, net, _rounded(net + vat, CENT))


def decimal_text(value: Decimal) -> str:
    """The vendor's way of writing a decimal: a dot, no useless zeros, at least one decimal ("700.0")."""
    text = format((value + NOTHING).normalize(), "f")
    return text if "." in text else f"{text}.0"


def _rounded(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_HALF_UP)
