"""What a case left behind: the firm's documents and the orders that it touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice, draft or credit note and its customer, as Facturation.pro's API writes them."""

    invoice: Json
    customer: Json

    @property
    def id(self) -> int:
        return int(self.invoice["id"])

    @property
    def total(self) -> Decimal:
        return Decimal(self.invoice["total_with_vat"])

    @property
    def draft(self) -> bool:
        return bool(self.invoice["draft"])

    @property
    def paid(self) -> bool:
        return self.invoice["paid_on"] is not None

    @property
    def nets(self) -> dict[Decimal, Decimal]:
        """VAT rate in percent → net of its lines."""
        nets: dict[Decimal, Decimal] = {}
        for item in self.invoice["items"]:
            rate = 100 * Decimal(item["vat"])
            nets[rate] = nets.get(rate, Decimal(0)) + Decimal(item["total"])
        return nets

    @property
    def modes(self) -> frozenset[str]:
        """The payment modes that it states, as numbers."""
        stated = [
            self.invoice["payment_mode"],
            *(each["payment_mode"] for each in self.invoice["settlements"]),
        ]
        return frozenset(str(mode) for mode in stated if mode)


@dataclass(frozen=True, slots=True)
class Order:
    """An order at rest. `kept`: all that the store holds of it."""

    state: str
    reason: str
    kept: Mapping[str, str]

    @property
    def asks(self) -> bool:
        """A person must look at it."""
        return self.state == "attention"


@dataclass(frozen=True, slots=True)
class Found:
    """`documents`: made in this case. `orders`: touched by it, by key. `refused`: deliveries not taken."""

    documents: tuple[Document, ...] = ()
    orders: Mapping[str, Order] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
