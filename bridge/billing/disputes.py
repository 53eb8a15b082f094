"""Money that a buyer's bank claims back: a question for a person, until it is answered."""

from __future__ import annotations

from decimal import Decimal

from bridge.movements import Dispute, DisputeState
from bridge.orders import Order, RefundState, legal_date
from bridge.reasons import NO_REASON, Reason, because


def open_dispute(order: Order) -> Dispute | None:
    """The one that somebody must answer, or that was lost and is not settled: a reduction of its amount
    is."""
    credited = sum((each.amount for each in order.reductions if each.state is RefundState.DONE), Decimal(0))
    for dispute in order.disputes:
        if dispute.state is not DisputeState.WON and credited < dispute.amount:
            return dispute
    return None


def disputed(dispute: Dispute, order: Order, invoice: str) -> Reason:
    """The question. `invoice`: its number."""
    lost = dispute.state is DisputeState.LOST
    until = dispute.answer_by
    return because(
        "disputed",
        order=order.number,
        invoice=invoice,
        amount=dispute.amount,
        currency=order.currency,
        why=dispute.reason or "-",
        how=because("dispute_lost") if lost else because("dispute_open"),
        until=because("dispute_until", until=legal_date(until)) if until and not lost else NO_REASON,
    )
