"""The days that a document states, and the day whose law it follows. French legal dates."""

from __future__ import annotations

from datetime import date, timedelta

from bridge.errors import NeedsPerson
from bridge.orders import Order, legal_date
from bridge.reasons import because

FAR = timedelta(days=366)
"""Further than that from its order, a delivery is a wrong date."""


def delivered_on(order: Order) -> date | None:
    """When the sale was delivered, else paid; None where neither is known.

    CGI ann. II art. 242 nonies A, I-10°: the day on which the delivery was made or completed, or the advance
    paid. Raises NeedsPerson for a day that no order can be delivered on.
    """
    placed = legal_date(order.placed_at)
    if order.delivered_on and not placed - FAR <= order.delivered_on <= placed + FAR:
        raise NeedsPerson(because("delivery_far", delivered=order.delivered_on, placed=placed))
    return order.delivered_on or (legal_date(order.paid_at) if order.paid_at else None)


def taxed_on(order: Order) -> date:
    """The day whose law and regime count: the supply or the payment, whichever came first (CGI art. 269).

    What comes later never changes it, so that a document once made stays right. Of an order that is neither
    paid nor delivered it is the order's own day.
    """
    paid = legal_date(order.paid_at) if order.paid_at else None
    return min(filter(None, (order.delivered_on, paid)), default=legal_date(order.placed_at))
