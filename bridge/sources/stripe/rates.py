"""Tax rates: named in full by older APIs, by their ids alone since basil, where Stripe is asked for the few
that no amount tells: https://docs.stripe.com/api/tax_rates/object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from bridge.orders import ZERO, ZeroTaxReason
from bridge.reasons import because
from bridge.sources.reading import read
from bridge.sources.stripe.facts import Facts
from bridge.sources.stripe.line_payloads import StripeLine, TaxEntry, TaxRate
from bridge.sources.stripe.reading import PageMissing

Rates = Mapping[str, TaxRate]

REASONS: Mapping[str, ZeroTaxReason] = {
    "reverse_charge": ZeroTaxReason.REVERSE_CHARGE,
    "customer_exempt": ZeroTaxReason.CUSTOMER_EXEMPT,
    "product_exempt": ZeroTaxReason.PRODUCT_EXEMPT,
    "product_exempt_holiday": ZeroTaxReason.PRODUCT_EXEMPT,
    "zero_rated": ZeroTaxReason.ZERO_RATED,
    "not_collecting": ZeroTaxReason.NOT_COLLECTING,
}
"""`taxability_reason`: https://docs.stripe.com/tax/zero-tax. The others give no ground for a VAT mention."""

MANUAL = frozenset({"", "not_available"})
"""Of rates that Stripe Tax did not choose, it says no reason."""

_RATED = MANUAL | {"standard_rated", "reduced_rated"}
"""Where only the rate can say why nothing was charged: it is 0, or the amount is small."""

TELLING = Decimal(10)
"""So many minor units of tax tell their rate; fewer may be those of several."""


def stated_rates(defaults: Sequence[TaxRate], raw: Sequence[StripeLine]) -> Rates:
    """By id, those of which more than the id is stated."""
    rates = [*defaults, *(rate for line in raw for rate in line.tax_rates)]
    return {rate.id: rate for rate in rates if rate.id and rate.percentage is not None}


def known_rates(defaults: Sequence[TaxRate], raw: Sequence[StripeLine], facts: Facts) -> Rates:
    """The same, with those that had to be asked for. Raises PageMissing for one that was not yet."""
    stated = stated_rates(defaults, raw)
    fetched = {id_: _fetched(id_, facts) for id_ in _untold(raw, stated)}
    return {**stated, **{id_: rate for id_, rate in fetched.items() if rate.percentage is not None}}


def reason_of(entry: TaxEntry, rate: TaxRate, exempt: ZeroTaxReason | None) -> ZeroTaxReason | None:
    """Why nothing was charged. A rate of 0 that the shop itself made and named is its word for it."""
    if entry.amount:
        return None
    own = rate.percentage == 0 and rate.display_name and entry.taxability_reason in MANUAL
    return REASONS.get(entry.taxability_reason, exempt) or (ZeroTaxReason.ZERO_RATED if own else None)


def _untold(raw: Sequence[StripeLine], stated: Rates) -> Iterator[str]:
    largest: dict[str, Decimal] = {}
    for line in raw:
        for entry in line.entries or () if line.amount else ():
            rate = entry.stated_rate
            if rate.id and rate.percentage is None and rate.id not in stated:
                told = abs(entry.amount) if entry.taxability_reason in _RATED else TELLING
                largest[rate.id] = max(largest.get(rate.id, ZERO), told)
    return (id_ for id_, amount in largest.items() if amount < TELLING)


def _fetched(id_: str, facts: Facts) -> TaxRate:
    path = f"/v1/tax_rates/{id_}"
    if path not in facts.answers:
        raise PageMissing(path, because("stripe_rate_unknown", rate=id_, shop=facts.order.shop), needed=False)
    return read(TaxRate, facts.answers[path], facts.order)
