"""Sales in other currencies: their VAT is stated in euros, too (directive 2006/112/CE art. 230), at the
reference rate that the European Central Bank published last (CGI art. 266-1 bis)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from bridge.billing.bands import Band
from bridge.billing.rules import ForeignCurrency, Rules
from bridge.billing.text import count, day, money, percent
from bridge.errors import NeedsPerson
from bridge.orders import ZERO, Order, legal_date, to_cents
from bridge.reasons import because

EURO = "EUR"
OLDEST = timedelta(days=5)
"""Longer than any row of days without a rate: weekends, Easter, Christmas."""


def day_of_rate(order: Order) -> date:
    """The day whose rate counts: that of the payment, else of the order."""
    return legal_date(order.paid_at or order.placed_at)


def nearest(days: Iterable[date], wanted: date) -> date | None:
    """Of the days that have a rate the last one up to `wanted`, else the first one after; none that is
    further away than OLDEST."""
    near = sorted(each for each in days if abs(each - wanted) <= OLDEST)
    before = [each for each in near if each <= wanted]
    return next(iter((*before[-1:], *near)), None)


def can_be_stated(order: Order, bands: Iterable[Band], rules: Rules) -> None:
    """Raises NeedsPerson for VAT in another currency that nobody can, or may, state in euros."""
    taxed = any(band.rate and band.gross for band in bands)
    if not taxed or order.currency == EURO:
        return
    if rules.foreign_currency is ForeignCurrency.ASK:
        raise NeedsPerson(because("vat_not_in_euros", currency=order.currency, total=order.total))
    if order.reference_rate is None:
        raise NeedsPerson(because("no_reference_rate", currency=order.currency, on=day_of_rate(order)))


def vat_in_euros(order: Order, gross: Mapping[Decimal, Decimal]) -> str:
    """The sentence for a document over `gross` by rate; "" where it bears no VAT, or is in euros."""
    known = order.reference_rate
    if known is None or order.currency == EURO:
        return ""
    euros = {
        rate: to_cents(amount * rate / (1 + rate) / known.per_euro)
        for rate, amount in sorted(gross.items(), reverse=True)
        if rate and amount
    }
    if not euros:
        return ""
    stated = ", ".join(f"{money(vat, EURO)} à {percent(rate)}" for rate, vat in euros.items())
    total = f" = {money(sum(euros.values(), ZERO), EURO)}" if len(euros) > 1 else ""
    source = f"taux de référence de la Banque centrale européenne du {day(known.on)}"
    return f"TVA en euros : {stated}{total} (1 EUR = {count(known.per_euro)} {known.currency}, {source})."
