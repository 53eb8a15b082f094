"""What a run knows of its order by now, and what of it is kept with the order for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.billing.drafts import Documents
from bridge.billing.made import LedgerEntry
from bridge.orders import Order
from bridge.sync.index import remembered, terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`found`: the terms that find the order; `documents`: those it should have, as JSON; `invoice` and
    `invoice_id`: of the one that exists; `invoiced`: by this run."""

    order: Order | None = None
    documents: str = ""
    found: str = ""
    invoice: str = ""
    invoice_id: int = 0
    invoiced: bool = False

    def knowing(self, order: Order, documents: Documents, made: Mapping[str, LedgerEntry]) -> Progress:
        """With the documents that the order should have, and those that it has."""
        invoice = made.get(order.key)
        return replace(
            self,
            documents=remembered(order, documents),
            found=terms_of(order, [each.number for each in made.values()]),
            invoice=invoice.number if invoice else "",
            invoice_id=invoice.id if invoice else 0,
        )

    def fields(self) -> dict[str, str]:
        """As the store keeps it."""
        if self.order is None:
            return {}
        made = {"invoice": self.invoice, "invoice_id": str(self.invoice_id)} if self.invoice_id else {}
        planned = {"documents": self.documents, "find": self.found} if self.documents else {}
        return {
            "number": self.order.number,
            "total": str(self.order.total),
            "currency": self.order.currency,
            "placed": self.order.placed_at.isoformat(),
            **planned,
            **made,
        }
