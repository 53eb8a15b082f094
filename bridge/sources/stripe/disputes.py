"""Disputes of Stripe's: what buyers' banks claim back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.movements import Dispute, DisputeState
from bridge.sources.stripe.facts import Snapshot
from bridge.sources.stripe.reading import money
from bridge.sources.stripe.refund_payloads import StripeDispute

_ENDED: Mapping[str, DisputeState] = {
    "won": DisputeState.WON,
    "warning_closed": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
}
"""https://docs.stripe.com/api/disputes/object#dispute_object-status; the others are open."""


def disputes_of(told: Sequence[Snapshot[StripeDispute]]) -> tuple[Dispute, ...]:
    """Each in its last state."""
    latest: dict[str, StripeDispute] = {}
    for one in sorted(told, key=lambda one: (one.body.status in _ENDED, one.at, one.event_id)):
        latest[one.body.id] = one.body
    return tuple(
        Dispute(
            id=each.id,
            amount=money(each.amount, each.currency),
            state=_ENDED.get(each.status, DisputeState.OPEN),
            reason=each.reason,
            answer_by=each.evidence_details.due_by if each.evidence_details else None,
        )
        for each in (latest[name] for name in sorted(latest))
    )
