"""The payments that an order claims for itself: one payment pays one sale, whoever tells it. Pure."""

from __future__ import annotations

import re
from typing import Final

from bridge.movements import Movement, MovementState
from bridge.orders import Order

_KNOWN: Final = tuple(
    re.compile(shape)
    for shape in (
        r"(?:pi|ch|py)_[A-Za-z0-9]+",  # Stripe: https://docs.stripe.com/api/payment_intents/object
        r"[0-9A-Z]{17}",  # PayPal captures: https://developer.paypal.com/docs/api/payments/v2/
        r"tr_[A-Za-z0-9]{8,}",  # Mollie: https://docs.mollie.com/reference/get-payment
        r"pay_[A-Za-z0-9]{8,}",  # PayPlug: https://docs.payplug.com/api/apiref.html
        r"\d{3}-\d{7}-\d{7}",  # Amazon orders: https://developer-docs.amazon.com/sp-api/
    )
)
"""Ids that mean the same payment wherever they stand. A short code of a terminal or a bank does not."""


def claims_of(order: Order) -> tuple[str, ...]:
    """The order's payment ids that are unique in the world."""
    named = (*(move.reference for move in order.movements if _came_in(move)), *order.payment_ids)
    return tuple(dict.fromkeys(each for each in named if any(shape.fullmatch(each) for shape in _KNOWN)))


def _came_in(move: Movement) -> bool:
    return move.state is MovementState.SETTLED and (move.amount is None or move.amount > 0)
