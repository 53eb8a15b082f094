"""What comes when an order's own events are gone: its documents tell what was sold. Pure.

They state lines and rates; what an older version, or others, made is read line by line. Nothing is assessed
anew: the mention and the country are those of the invoice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from bridge.billing.bands import Band
from bridge.billing.books.documents import Names
from bridge.billing.books.parts import ANY, Part, amounts, by_rate, total
from bridge.billing.drafts import DraftLine
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import Rounding, rates_under
from bridge.billing.vat import Vat
from bridge.keys import Key
from bridge.orders import ZERO, Customer, Line, Order, Reduction, Tax, Unfinished, to_cents

EXACTLY = Rounding(None, "vat_once")
"""Nets as they are written, where the firm's rule is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What an invoice in Facturation.pro states. `exemption`: the legal mention; `country`: under OSS."""

    lines: tuple[DraftLine, ...]
    currency: str
    exemption: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """An order as its documents tell it, with what came since, and the VAT that they state."""

    order: Order
    vat: Vat


def late_order(
    key: Key,
    number: str,
    placed_at: datetime,
    told: Unfinished,
    made: Mapping[str, LedgerEntry],
    first: Stated,
) -> Late | None:
    """`made`: every document of the order; `first`: its first invoice. None where it is withdrawn already."""
    names = Names(order=str(key), refund=f"{key.platform}:{key.shop}:refund:")
    if names.note(f"cancel-{key.id}") in made:
        return None
    entry = made[names.order]
    parts = [part for name, each in made.items() if names.of_lines(name) for part in each.parts]
    if not entry.parts:
        parts += stated_by_rate(first.lines, entry.total)
    bands = bands_of(parts)
    known = {each.id for each in told.reductions}
    order = Order(
        key=str(key),
        platform=key.platform,
        shop=key.shop,
        id=key.id,
        number=number or key.id,
        currency=first.currency,
        total=total(parts),
        placed_at=placed_at,
        lines=tuple(band.line for band in bands),
        customer=Customer(),
        paid_at=placed_at if entry.paid else None,
        on_account=not entry.paid,
        reductions=(
            *_documented(made, names, known, placed_at),
            *(replace(each, lines=tuple(_at_its_rate(each.lines, bands))) for each in told.reductions),
        ),
        disputes=told.disputes,
    )
    return Late(order=order, vat=Vat(bands=bands, exemption=first.exemption, country=first.country))


def stated_by_rate(lines: Sequence[DraftLine], whole: Decimal | None) -> Iterator[Part]:
    """What a document states whose parts nobody noted; cents that are lacking go to the heaviest rate."""
    shares = {rate: each.gross for rate, each in rates_under(EXACTLY, lines).items()}
    if whole is not None and shares:
        heaviest = max(shares, key=lambda rate: abs(shares[rate]))
        shares[heaviest] += whole - sum(shares.values(), ZERO)
    for rate, gross in shares.items():
        yield Part(ANY, rate, gross)


def bands_of(parts: Iterable[Part]) -> tuple[Band, ...]:
    """What documents state, as if it were what was sold."""
    return tuple(_band(Part(line, rate, gross)) for (line, rate), gross in amounts(parts).items())


def _band(part: Part) -> Band:
    net = to_cents(part.gross / (1 + part.rate))
    tax = Tax(amount=part.gross - net, rate=part.rate)
    line = Line(id=part.line, title="", gross=part.gross, taxes=(tax,))
    return Band(line=line, rate=part.rate, net=net, gross=part.gross)


def _documented(
    made: Mapping[str, LedgerEntry], names: Names, known: Iterable[str], placed_at: datetime
) -> Iterator[Reduction]:
    """What earlier credit notes are over."""
    for name, entry in made.items():
        told = name.removeprefix(names.refund)
        if told == name or told in known:
            continue
        gross = total(entry.parts) if entry.parts else entry.total or ZERO
        yield Reduction(id=told, at=_noon(entry.made_on) or placed_at, amount=-gross)


def _noon(day: date | None) -> datetime | None:
    return datetime.combine(day, time(12), UTC) if day else None


def _at_its_rate(lines: Iterable[Line], bands: Sequence[Band]) -> Iterator[Line]:
    """Lines that came back without their tax: it is that of the invoice."""
    for line in lines:
        rates = by_rate(Part("", band.rate, band.gross) for band in bands if band.line.id == line.id)
        if line.taxes or len(rates) != 1:
            yield line
            continue
        (rate,) = rates
        tax = Tax(amount=line.gross - to_cents(line.gross / (1 + rate)), rate=rate)
        yield replace(line, taxes=(tax,) if rate else ())
