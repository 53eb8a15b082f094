"""The states that an order was in, as its events showed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.orders import Event
from bridge.sources.woocommerce.payloads import OrderBody

TRASH: Final = "trash"
CANCELLED: Final = "cancelled"
REFUNDED: Final = "refunded"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One state of the order, and the event that brought it. `modified` is the order's own clock."""

    event: Event
    order: OrderBody
    modified: datetime

    @property
    def rank(self) -> tuple[datetime, bool, int, bytes]:
        """Oldest first; of the same second, what knows of a payment or of more refunds comes later."""
        paid = self.order.date_paid_gmt is not None
        return self.modified, paid, len(self.order.refunds), self.event.body


def cancelled_when(history: Sequence[Snapshot], deletions: Sequence[Event]) -> datetime | None:
    """Since when the order is off: the first of the snapshots at the end that say so, else the deletion."""
    newest = history[-1].order
    paid = newest.date_paid_gmt is not None
    if newest.status == CANCELLED or (newest.status == TRASH and not paid):
        since = history[-1].modified
        for snapshot in reversed(history):
            if snapshot.order.status not in (CANCELLED, TRASH):
                break
            since = snapshot.modified
        return since
    if paid:
        return None
    alive = max(snapshot.event.received_at for snapshot in history if snapshot.order.status != TRASH)
    return min((event.received_at for event in deletions if event.received_at >= alive), default=None)
