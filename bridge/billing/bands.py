"""Lines cut into parts of one VAT rate each, from the taxes that the platform reports. Nothing is guessed.

A rate is taken as reported, or recovered from the amounts where only one known rate explains them. Taxes that
stack on one base are not French VAT. Raises NeedsPerson for all that cannot be told for certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.billing.text import percent
from bridge.errors import NeedsPerson
from bridge.orders import CENT, ZERO, Line, Tax, ZeroTaxReason, to_cents
from bridge.reasons import because

HALF_CENT = Decimal("0.005")
FINEST_RATE = Decimal("0.001")
HIGHEST_RATE = Decimal("0.3")
"""No country's is higher: what is, is a percentage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The part of `line` under one rate. `several`: the line has other parts. `reason`: for a rate of 0."""

    line: Line
    rate: Decimal
    net: Decimal
    gross: Decimal
    several: bool = False
    reason: ZeroTaxReason | None = None


def cut(lines: Iterable[Line], known_rates: Sequence[Decimal]) -> tuple[Band, ...]:
    """Every line's bands, in order; free lines have one at rate 0."""
    lines = _recovered([_legible(line, known_rates) for line in lines], known_rates)
    return tuple(band for line in lines for band in _bands(line))


def _bands(line: Line) -> tuple[Band, ...]:
    taxed = [tax for tax in line.taxes if tax.amount]
    if not taxed:
        if len(line.taxes) == 1 and (rate := _too_small_to_tax(line)):
            return (Band(line=line, rate=rate, net=line.gross, gross=line.gross),)
        reason = next((tax.reason for tax in line.taxes if tax.reason), None)
        if reason is None and any(tax.rate for tax in line.taxes):
            reason = ZeroTaxReason.REVERSE_CHARGE
        return (Band(line=line, rate=ZERO, net=line.gross, gross=line.gross, reason=reason),)
    rates = [tax.rate or ZERO for tax in taxed]
    for rate in rates:
        _representable(rate, line)
    if len(taxed) == 1 and _explains(rates[0], line, taxed[0]):
        return (Band(line=line, rate=rates[0], net=line.net, gross=line.gross),)
    return _split(line, taxed, rates)


def _too_small_to_tax(line: Line) -> Decimal | None:
    """The rate of a line that is taxed, though its VAT rounds to nothing."""
    tax = line.taxes[0]
    if not tax.rate or tax.reason or not line.gross:
        return None
    return tax.rate if abs(line.gross * tax.rate / (1 + tax.rate)) <= HALF_CENT else None


def _split(line: Line, taxed: Sequence[Tax], rates: Sequence[Decimal]) -> tuple[Band, ...]:
    """One band per rate. The bases come from the taxes; what rounding leaves goes to the lowest rate."""
    if len(taxed) > 1 and all(_explains(rate, line, tax) for rate, tax in zip(rates, taxed, strict=True)):
        names = ", ".join(percent(rate) for rate in rates)
        raise NeedsPerson(because("taxes_add_up", line=line.title, rates=names))
    amounts: dict[Decimal, Decimal] = {}
    for rate, tax in zip(rates, taxed, strict=True):
        amounts[rate] = amounts.get(rate, ZERO) + tax.amount
    bases = {rate: to_cents(amount / rate) for rate, amount in amounts.items()}
    rest = line.net - sum(bases.values(), ZERO)
    slack = sum(((HALF_CENT + CENT) / rate for rate in amounts), CENT)
    untaxed = next((tax for tax in line.taxes if not tax.amount), None)
    bands = []
    if abs(rest) <= slack:
        bases[min(bases)] += rest
    elif untaxed is not None and rest * line.net > 0:
        bands.append(Band(line=line, rate=ZERO, net=rest, gross=rest, several=True, reason=untaxed.reason))
    else:
        raise NeedsPerson(
            because(
                "vat_does_not_match",
                line=line.title,
                vat=line.tax,
                rates=", ".join(map(percent, rates)),
                net=line.net,
            )
        )
    several = len(bases) + len(bands) > 1
    bands += [
        Band(line=line, rate=rate, net=net, gross=net + amounts[rate], several=several)
        for rate, net in bases.items()
    ]
    return tuple(sorted(bands, key=lambda band: -band.rate))


def _explains(rate: Decimal, line: Line, tax: Tax) -> bool:
    """The tax is that rate of the whole line, rounded once, or once per unit at worst."""
    units = max(abs(line.quantity), Decimal(1))
    return abs(line.net * rate - tax.amount) <= (CENT + HALF_CENT * units) * (1 + rate)


def _representable(rate: Decimal, line: Line) -> None:
    if rate <= 0 or rate >= 1 or rate % FINEST_RATE:
        raise NeedsPerson(because("rate_not_writable", line=line.title, rate=percent(rate)))


def _legible(line: Line, known_rates: Sequence[Decimal]) -> Line:
    """Its rates as fractions. Apps also write 20.0, 0.19999, or 0 beside an amount, which then tells it."""
    return replace(line, taxes=tuple(_with_fraction(tax, line, known_rates) for tax in line.taxes))


def _with_fraction(tax: Tax, line: Line, known_rates: Sequence[Decimal]) -> Tax:
    if tax.rate is None:
        return tax
    rate = tax.rate / 100 if tax.rate > HIGHEST_RATE else tax.rate
    nearest = rate.quantize(FINEST_RATE)
    if abs(rate - nearest) <= FINEST_RATE / 5:
        rate = nearest
    misread = tax.amount and (not rate or rate % FINEST_RATE)
    told_by_amount = misread and any(_gives(known, line, tax) for known in known_rates)
    return replace(tax, rate=None if told_by_amount else rate)


def _recovered(lines: Sequence[Line], known_rates: Sequence[Decimal]) -> Sequence[Line]:
    """The lines with the rate of each tax that states none, where it can be told.

    It is the known rate whose rounded tax is the reported one. Taxes of one id have one rate, so that the
    larger ones tell it for the small ones, also for those that round to nothing.
    """
    possible: dict[str, set[Decimal]] = {}
    for line in lines:
        for tax in line.taxes:
            if tax.rate is None and tax.amount:
                fitting = {rate for rate in known_rates if _gives(rate, line, tax)}
                group = _group(line, tax)
                possible[group] = possible.get(group, fitting) & fitting
    return [
        replace(line, taxes=tuple(_with_rate(line, tax, possible) for tax in line.taxes)) for line in lines
    ]


def _group(line: Line, tax: Tax) -> str:
    return tax.id or tax.title or f"\0{line.id}"


def _with_rate(line: Line, tax: Tax, possible: Mapping[str, set[Decimal]]) -> Tax:
    """Raises NeedsPerson where no rate, or more than one, explains the amount."""
    group = _group(line, tax)
    if tax.rate is not None or group not in possible:
        return tax
    if len(possible[group]) != 1:
        code = "rate_ambiguous" if possible[group] else "rate_unknown"
        raise NeedsPerson(because(code, line=line.title))
    rate = next(iter(possible[group]))
    if not tax.amount and abs(line.gross * rate) > CENT:
        return tax
    return replace(tax, rate=rate)


def _gives(rate: Decimal, line: Line, tax: Tax) -> bool:
    """Rounding either way, from the net or from the gross amount, the tax is this rate's."""
    if len([other for other in line.taxes if other.amount]) > 1:
        return False
    from_net = line.net * rate - tax.amount
    from_gross = line.gross * rate / (1 + rate) - tax.amount
    return min(abs(from_net), abs(from_gross)) <= HALF_CENT
