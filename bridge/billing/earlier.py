"""Sales from before the shop's `invoice_from`: whoever invoiced them, it was not this bridge. Pure."""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import Final

from bridge.billing.disputes import disputed, open_dispute
from bridge.billing.drafts import Documents
from bridge.billing.rules import Rules
from bridge.orders import Order, Reduction, RefundState, legal_date
from bridge.reasons import Reason, because

PAID_SINCE: Final = "earlier_paid_since"
"""Asked once for all such orders of a shop: were they invoiced elsewhere?"""
EARLIER: Final = frozenset({PAID_SINCE, "earlier", "earlier_refunded", "earlier_disputed"})
"""Why an order rests that a person may still take in."""


def from_before(order: Order, rules: Rules, made: Container[str]) -> Documents | None:
    """Why an order of then gets no document by itself; None where it is not of then, or is `made` already."""
    since = rules.invoice_from
    if since is None or order.key in made or legal_date(order.placed_at) >= since:
        return None
    placed = legal_date(order.placed_at)
    if order.paid_at and legal_date(order.paid_at) >= since:
        paid = legal_date(order.paid_at)
        why = because("earlier_paid_since", order=order.number, placed=placed, since=since, paid=paid)
        return Documents(hold=why)
    for each in order.reductions:
        if each.state is RefundState.DONE and legal_date(each.at) >= since:
            return Documents(hold=_refunded(order, each, placed, since))
    if dispute := open_dispute(order):
        asked = disputed(dispute, order, "–")
        return Documents(hold=because("earlier_disputed", why=asked, placed=placed, since=since))
    return Documents(ignore=because("earlier", order=order.number, placed=placed, since=since))


def _refunded(order: Order, told: Reduction, placed: date, since: date) -> Reason:
    return because(
        "earlier_refunded",
        order=order.number,
        refund=told.id,
        amount=told.amount,
        currency=order.currency,
        placed=placed,
        since=since,
    )
