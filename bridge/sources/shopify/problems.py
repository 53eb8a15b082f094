"""What in an order only a person can settle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from bridge.orders import ZERO, Line, Refund, RefundState, to_cents
from bridge.sources.shopify.payloads import LineItem, OrderPayload, ShippingLine
from bridge.sources.shopify.payments import STATUS, is_paid


def problems_of(
    order: OrderPayload, lines: Sequence[Line], refunds: Iterable[Refund], *, deleted: bool
) -> Iterable[str]:
    paid = is_paid(order)
    if order.financial_status not in STATUS:
        yield f"its payment state {order.financial_status} is unknown; check whether it is paid"
    if order.presentment_currency not in ("", order.currency):
        seen = order.total_price_set.presentment_money.amount if order.total_price_set else None
        paid_in = f"{seen:f} {order.presentment_currency}" if seen else order.presentment_currency
        yield (
            f"the buyer paid in {paid_in}, the shop counts {order.total_price:f} {order.currency}; "
            "decide in which currency the invoice is made"
        )
    total = sum((line.gross for line in lines), ZERO)
    if to_cents(total) != to_cents(order.total_price):
        yield (
            f"its lines come to {total:f} {order.currency} and its total is {order.total_price:f}; "
            "compare them in Shopify"
        )
    sold: list[LineItem | ShippingLine] = [*order.line_items, *order.shipping_lines]
    if any(tax.channel_liable and tax.price for line in sold for tax in line.tax_lines):
        yield "its sales channel says that it pays the VAT itself; decide what the invoice states"
    if deleted and paid and not order.test:
        yield "it was deleted in Shopify although it is paid; decide whether its invoice must be credited"
    if paid:
        given_back = sum((each.amount for each in refunds if each.state is not RefundState.FAILED), ZERO)
        yield from _money_problems(order, given_back)


def _money_problems(order: OrderPayload, given_back: Decimal) -> Iterable[str]:
    """`total_price` keeps lines that were removed before payment, so it can be more than was paid.

    What came in = what is left of the order - what is still owed + what was given back.
    """
    if order.financial_status != "paid" and not given_back:
        yield f"it counts as {order.financial_status}, but no refund of money is known; look at it in Shopify"
    elif order.financial_status == "paid" and order.total_outstanding > 0:
        owed = f"{order.total_outstanding:f} {order.currency}"
        yield f"it counts as paid, but {owed} are still owed; check it in Shopify"
    elif order.current_total_price is not None:
        came_in = order.current_total_price - order.total_outstanding + given_back
        if to_cents(came_in) < to_cents(order.total_price):
            yield (
                f"only {came_in:f} of its {order.total_price:f} {order.currency} seem to be paid, as when "
                "lines are removed before payment; compare them in Shopify and make its invoice by hand"
            )
