"""What in an order only a person can settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from bridge.orders import CENT, ZERO, Line
from bridge.reasons import Reason, because
from bridge.sources.shopify.line_payloads import LineItem, ShippingLine
from bridge.sources.shopify.payloads import OrderPayload
from bridge.sources.shopify.payments import STATUS, is_paid


def problems_of(
    order: OrderPayload, number: str, lines: Sequence[Line], given_back: Decimal, *, deleted: bool
) -> Iterable[Reason]:
    """`number`: the order's, for people. `given_back`: the money, be it on its way."""
    paid, currency = is_paid(order), order.currency
    if order.financial_status not in STATUS:
        yield because("shopify_unknown_state", order=number, state=order.financial_status)
    if order.presentment_currency not in ("", currency):
        yield _two_currencies(order, number)
    total = sum((line.gross for line in lines), ZERO)
    # A shop may round its taxes once for all lines.
    if abs(total - order.total_price) > CENT / 2 * (len(lines) + 1):
        yield because(
            "shopify_lines_differ", order=number, lines=total, total=order.total_price, currency=currency
        )
    sold: list[LineItem | ShippingLine] = [*order.line_items, *order.shipping_lines]
    if any(tax.channel_liable and tax.price for line in sold for tax in line.tax_lines):
        yield because("shopify_channel_pays_vat", order=number)
    if deleted and paid and not order.test:
        yield because("shopify_paid_and_deleted", order=number)
    if paid:
        yield from _money_problems(order, number, given_back)


def _two_currencies(order: OrderPayload, number: str) -> Reason:
    facts = {"order": number, "paid_currency": order.presentment_currency, "currency": order.currency}
    seen = order.total_price_set.presentment_money.amount if order.total_price_set else ZERO
    if not seen:
        return because("shopify_other_currency", total=order.total_price, **facts)
    return because("shopify_two_currencies", paid=seen, total=order.total_price, **facts)


def _money_problems(order: OrderPayload, number: str, given_back: Decimal) -> Iterable[Reason]:
    owed, currency = order.total_outstanding, order.currency
    if order.financial_status != "paid" and not given_back:
        yield because("shopify_no_refund_known", order=number, state=order.financial_status)
    elif order.financial_status == "paid" and owed > 0:
        yield because("shopify_still_owed", order=number, owed=owed, currency=currency)
