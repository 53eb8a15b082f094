"""Payments that the buyer's bank claims back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.movements import Dispute, DisputeState
from bridge.orders import utc
from bridge.sources.shopify.payloads import DisputePayload

_STATES: Mapping[str, DisputeState] = {
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "accepted": DisputeState.LOST,
    "charge_refunded": DisputeState.WON,
}
"""Status → how it ended; the others are open. One that ended in a refund is told by that refund."""


def disputes_of(told: Iterable[DisputePayload]) -> tuple[Dispute, ...]:
    """Each in its last state."""
    latest: dict[str, Dispute] = {}
    for each in sorted(told, key=lambda one: (one.status in _STATES, one.model_dump_json())):
        latest[each.id] = Dispute(
            id=each.id,
            amount=each.amount,
            state=_STATES.get(each.status, DisputeState.OPEN),
            reason=each.reason,
            answer_by=utc(each.evidence_due_by) if each.evidence_due_by else None,
        )
    return tuple(latest[name] for name in sorted(latest))
