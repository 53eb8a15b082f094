"""What exists in Facturation.pro, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from bridge.billing.books.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A document that exists in Facturation.pro, as the ledger knows it.

    `total`: VAT included, as they computed it; None for a customer. `paid`: it states its payment. `written`:
    the fingerprint of the lines that it has from us, "" where nobody knows; `fresh`: they are of this run.
    `seen`: it was read back in this run. `accepted`: the total that a person accepted in place of the
    order's. `found`: a customer that others made. `facts`: a digest of what was written of a customer, and
    `as_of` the time of the order that said so. `entity` and `registration`: see `known_buyers`, "" when
    nobody noted it; `differs`: the parts of `known_buyers.SAID` that a record of others says otherwise.
    `twins`: further documents with the same key, which should not be. `attached`: a person made it and
    counts it in: it is taken as it is. Of an invoice or a credit note, what
    books.documents.Document keeps: `parts`, `nets`, `less` and `on`; nothing where an older version made it,
    or others.
    """

    id: int
    number: str = ""
    draft: bool = False
    total: Decimal | None = None
    paid: bool = False
    emailed: bool = False
    made_on: date | None = None
    customer_id: int = 0
    written: str = ""
    fresh: bool = False
    seen: bool = False
    accepted: Decimal | None = None
    found: bool = False
    facts: str = ""
    as_of: str = ""
    entity: str = ""
    registration: str = ""
    differs: tuple[str, ...] = ()
    twins: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    nets: tuple[tuple[Decimal, Decimal], ...] = ()
    less: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    attached: bool = False
    why: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """As JSON for the ledger, defaults left out."""
        record: dict[str, Any] = {"id": self.id}
        if self.total is not None:
            record["total"] = str(self.total)
        if self.accepted is not None:
            record["accepted"] = str(self.accepted)
        if self.made_on:
            record["made_on"] = self.made_on.isoformat()
        for name in (
            *("number", "draft", "paid", "emailed", "customer_id"),
            *("written", "found", "facts", "as_of", "entity", "registration", "attached"),
        ):
            if getattr(self, name):
                record[name] = getattr(self, name)
        for name in ("twins", "differs", "less", "on", "why"):
            if getattr(self, name):
                record[name] = list(getattr(self, name))
        if self.parts:
            record["parts"] = [[part.line, str(part.rate), str(part.gross)] for part in self.parts]
        if self.nets:
            record["nets"] = [[str(rate), str(net)] for rate, net in self.nets]
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LedgerEntry:
        """The inverse of `as_record`."""
        # A newer version may keep more: its workers and ours run side by side during an update.
        known = cls.__dataclass_fields__.keys()
        fields = {name: value for name, value in record.items() if name in known}
        for name in ("total", "accepted"):
            if name in fields:
                fields[name] = Decimal(fields[name])
        if "made_on" in fields:
            fields["made_on"] = date.fromisoformat(fields["made_on"])
        for name in ("twins", "differs", "less", "on", "why"):
            fields[name] = tuple(fields.get(name, ()))
        parts = fields.pop("parts", ())
        fields["parts"] = tuple(Part(line, Decimal(rate), Decimal(gross)) for line, rate, gross in parts)
        fields["nets"] = tuple((Decimal(rate), Decimal(net)) for rate, net in fields.get("nets", ()))
        return cls(**fields)
