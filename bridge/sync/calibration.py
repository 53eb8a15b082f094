"""`bridge calibrate`: finds out by which rule Facturation.pro rounds totals, and keeps it.

The rule is not documented. One draft invoice of chosen lines comes to another total under each candidate;
it is read, and deleted again with the customer it needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from bridge.billing.totals import ALL, PROBE, Rounding, fitting, total_under
from bridge.errors import NeedsPerson
from bridge.facturation.client import FacturationClient
from bridge.facturation.fields import line_fields
from bridge.reasons import because
from bridge.store.store import Store

TITLE = "Calibrage de la passerelle (brouillon à supprimer)"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found. `rule`: None when no candidate, or more than one, gives the total seen."""

    seen: Decimal
    rule: Rounding | None
    expected: tuple[tuple[Rounding, Decimal], ...]


async def calibrate(client: FacturationClient, store: Store, today: date) -> Calibration:
    """Asks Facturation.pro with one draft and keeps the answer. Leaves nothing behind there.

    Raises NeedsPerson when the draft's total cannot be read; whatever the client raises besides.
    """
    customer = await client.create_customer(
        {"individual": True, "last_name": TITLE, "country": "FR", "language": "fr"}, before_send=_at_once
    )
    try:
        seen = await _total_of_a_draft(client, customer.id, today)
    finally:
        await client.delete_customer(customer.id)
    rules = fitting(PROBE, seen)
    rule = next(iter(rules)) if len(rules) == 1 else None
    if rule:
        await store.keep_rounding(rule.value)
    expected = tuple((candidate, total_under(candidate, PROBE)) for candidate in sorted(ALL))
    return Calibration(seen, rule, expected)


async def _total_of_a_draft(client: FacturationClient, customer_id: int, today: date) -> Decimal:
    fields: dict[str, Any] = {
        "customer_id": customer_id,
        "title": TITLE,
        "currency": "EUR",
        "language": "fr",
        "invoiced_on": today.isoformat(),
        "items": [line_fields(line, at) for at, line in enumerate(PROBE, start=1)],
    }
    draft = await client.create_invoice(fields, mode="draft", before_send=_at_once)
    try:
        if draft.total_with_vat is None:
            raise NeedsPerson(because("draft_without_total", draft=draft.id))
        return draft.total_with_vat
    finally:
        await client.delete_draft(draft.id)


def _at_once() -> None:
    """A draft that a person asked for needs no deadline."""
