"""What a euro costs, from the European Central Bank, which publishes once each working day about 16:00:
https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

import httpx

from bridge.billing.currency import EURO, OLDEST, day_of_rate, nearest
from bridge.billing.rules import ForeignCurrency, Rules
from bridge.currencies import ReferenceRate
from bridge.errors import RetryLater
from bridge.orders import Order
from bridge.reasons import because
from bridge.sync.exactly_once import Clock

AGAIN = timedelta(minutes=30)
"""So often the bank is asked at the most."""
_CUBE = re.compile(
    r"""<Cube\s+(?:time=['"]([\d-]{10})['"]|currency=['"]([A-Z]{3})['"]\s+rate=['"](\d+(?:\.\d+)?)['"])"""
)
"""A day, or a currency of the day before it, in the daily file and in those with many days."""


class Kept(Protocol):
    """What has been read of the bank's file."""

    async def on(self, days: Sequence[date]) -> dict[date, dict[str, str]]: ...
    async def keep(self, rates: Mapping[date, Mapping[str, str]]) -> None: ...


class Exchange:
    """Adds the day's rate to orders that need it."""

    def __init__(self, http: httpx.AsyncClient, url: str, kept: Kept, clock: Clock) -> None:
        self._http, self._url, self._kept, self._clock = http, url, kept, clock
        self._asked: float | None = None

    async def priced(self, order: Order, rules: Rules) -> Order:
        """The order with its rate, where its VAT is to be stated in euros and a rate is known that is not too
        old. Raises RetryLater while the bank cannot be reached and nothing is known."""
        wanted = rules.foreign_currency is ForeignCurrency.RATE and order.currency != EURO
        if not wanted or not any(line.tax for line in order.lines):
            return order
        return replace(order, reference_rate=await self._rate(order.currency, day_of_rate(order)))

    async def _rate(self, currency: str, day: date) -> ReferenceRate | None:
        around = [day + timedelta(days=days) for days in range(-OLDEST.days, OLDEST.days + 1)]
        known = await self._kept.on(around)
        if day not in known and self._may_ask():
            try:
                await self._read()
            except RetryLater:
                if nearest(known, day) is None:
                    raise
            known = await self._kept.on(around)
        on = nearest((each for each, rates in known.items() if currency in rates), day)
        if on is None:
            return None
        return ReferenceRate(currency=currency, per_euro=Decimal(known[on][currency]), on=on)

    def _may_ask(self) -> bool:
        now = self._clock.boottime()
        if self._asked is not None and now - self._asked < AGAIN.total_seconds():
            return False
        self._asked = now
        return True

    async def _read(self) -> None:
        try:
            answer = await self._http.get(self._url)
            answer.raise_for_status()
        except httpx.HTTPError as exc:
            self._asked = None
            raise RetryLater(because("ecb_unreachable", error=type(exc).__name__)) from exc
        if rates := rates_in(answer.text):
            await self._kept.keep(rates)


def rates_in(text: str) -> dict[date, dict[str, str]]:
    """The bank's file: day → currency → what a euro cost."""
    found: dict[date, dict[str, str]] = {}
    day: date | None = None
    for written, currency, rate in _CUBE.findall(text):
        if written:
            day = date.fromisoformat(written)
        elif day:
            found.setdefault(day, {})[currency] = rate
    return found
