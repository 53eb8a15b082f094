"""What in an invoice or a Checkout session only a person can settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from bridge.orders import ZERO, Line
from bridge.reasons import Reason, because
from bridge.sources.stripe.line_payloads import StripeLine
from bridge.sources.stripe.payloads import StripeInvoice, StripeSession
from bridge.sources.stripe.reading import money


def problems_of_invoice(
    invoice: StripeInvoice, raw: Sequence[StripeLine], lines: Sequence[Line]
) -> Iterable[Reason]:
    """What does not add up. `raw`: the lines as they came."""
    yield from _sum_problems("stripe_invoice_differs", invoice.id, lines, invoice.total, invoice.currency)
    stated = invoice.stated_tax
    if any(line.entries is None for line in raw) and (stated is None or stated):
        yield because("stripe_silent_on_tax", id=invoice.id)
        return
    taxed = sum((line.tax for line in lines), ZERO)
    if stated is not None and abs(taxed - money(stated, invoice.currency)) > slack(lines, invoice.currency):
        yield because(
            "stripe_taxes_differ",
            id=invoice.id,
            lines=taxed,
            total=money(stated, invoice.currency),
            currency=invoice.currency,
        )


def problems_of_session(session: StripeSession, lines: Sequence[Line]) -> Iterable[Reason]:
    """What does not add up."""
    total, currency = session.amount_total, session.currency
    return _sum_problems("stripe_session_differs", session.id, lines, total, currency)


def slack(lines: Sequence[Line], currency: str) -> Decimal:
    """An account may round its taxes once for all lines:
    https://docs.stripe.com/invoicing/taxes/tax-rates."""
    return money(Decimal(len(lines) + 1) / 2, currency)


def _sum_problems(
    code: str, id_: str, lines: Sequence[Line], total: Decimal, currency: str
) -> Iterable[Reason]:
    charged, gross = money(total, currency), sum((line.gross for line in lines), ZERO)
    if abs(gross - charged) > slack(lines, currency):
        yield because(code, id=id_, lines=gross, total=charged, currency=currency)
