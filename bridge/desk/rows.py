"""What the desk's scripts answer → values. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import zstandard

from bridge.desk.values import ActionRow, CallRow, DocumentRow, EventRow, Kept, OrderRow, RunRow, State
from bridge.keys import Key
from bridge.orders import to_cents
from bridge.reasons import NO_REASON, Reason, reason_from, reason_of
from bridge.store.values import moment

Fields = Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Links:
    """Where people see a record in Facturation.pro."""

    base_url: str
    firm_id: int

    def invoice(self, record_id: int) -> str:
        """Also of drafts and credit notes, which are invoices to them."""
        return f"{self.base_url.rstrip('/')}/firms/{self.firm_id}/invoices/{record_id}" if record_id else ""

    def customer(self, record_id: int) -> str:
        """A customer's page."""
        return f"{self.base_url.rstrip('/')}/firms/{self.firm_id}/customers/{record_id}" if record_id else ""


def text(value: bytes | None) -> str:
    """Redis' bytes as text; nothing is ""."""
    return (value or b"").decode()


def order_row(answer: Sequence[Any], links: Links) -> OrderRow:
    """`row_of` of desk/lua/common.lua."""
    key, active, fields = answer
    shop, platform, number, state, reason, total, currency, placed, *more = map(text, fields)
    created, since, next_at, attempts, invoice, invoice_id, set_aside, lane = more
    made = int(invoice_id or 0)
    return OrderRow(
        key=text(key),
        shop=shop,
        platform=platform,
        state=State(state or State.IN_HAND),
        reason=reason_from(reason) if state else NO_REASON,
        number=number,
        total=_amount(total),
        currency=currency,
        placed_at=datetime.fromisoformat(placed).astimezone(UTC) if placed else None,
        created_at=moment(created),
        active_at=moment(float_text(active)),
        since=moment(since) if state else None,
        next_at=moment(float_text(next_at)) if state == State.WAITING else None,
        attempts=int(attempts or 0),
        invoice=invoice,
        invoice_id=made,
        invoice_url=links.invoice(made),
        set_aside=bool(set_aside),
        backfill=lane == "backfill",
    )


def float_text(score: bytes | str | None) -> int:
    """A score or a Lua number as whole milliseconds."""
    return int(float(score or 0))


def _amount(written: str) -> Decimal | None:
    try:
        return to_cents(Decimal(written)) if written else None
    except InvalidOperation:
        return None


def event_row(answer: Fields) -> EventRow:
    """`event_row_of` of desk/lua/common.lua."""
    event_id, topic, at, order, note, erased, head = answer
    kept = Kept.KEPT if head else Kept.ERASED if erased else Kept.EXPIRED
    return EventRow(
        id=text(event_id),
        shop=text(event_id).partition(":")[0],
        topic=text(topic),
        received_at=moment(at),
        order_key=text(order),
        note=reason_from(text(note)),
        size=zstandard.get_frame_parameters(head).content_size if head else 0,
        kept=kept,
    )


def call_rows(runs: Sequence[bytes]) -> tuple[CallRow, ...]:
    """The API calls of the last runs, oldest first."""
    return tuple(
        CallRow(
            at=datetime.fromisoformat(noted["at"]),
            call=noted["call"],
            outcome=str(noted["outcome"]),
            milliseconds=noted["ms"],
        )
        for run in runs
        for noted in json.loads(run)
        if "call" in noted
    )


def run_rows(runs: Sequence[bytes]) -> tuple[RunRow, ...]:
    """How those of the last runs ended that did not finish the order, oldest first."""
    return tuple(
        RunRow(at=datetime.fromisoformat(noted["at"]), outcome=noted["ended"], reason=_why(noted["why"]))
        for run in runs
        for noted in json.loads(run)
        if "ended" in noted
    )


def _why(noted: Any) -> Reason:
    return reason_of(noted) if isinstance(noted, dict) else reason_from(noted)


def action_rows(actions: Sequence[bytes]) -> tuple[ActionRow, ...]:
    """What people did, oldest first."""
    return tuple(
        ActionRow(
            at=datetime.fromtimestamp(action["at"] / 1000, UTC),
            what=action["what"],
            who=action["who"],
            reason=reason_from(action.get("reason", "")),
        )
        for action in map(json.loads, actions)
    )


def kind_of(record: dict[str, Any]) -> str:
    """Of a document that no plan names."""
    return "credit_note" if record.get("on") else "invoice"


def document_row(
    kind: str, key: str, wanted: str, record: dict[str, Any] | None, links: Links
) -> DocumentRow:
    """One document: what was planned, and what the ledger holds of it."""
    refund_id = Key.parse(key).id if kind == "credit_note" else ""
    planned = DocumentRow(kind=kind, key=key, wanted=_amount(wanted), refund_id=refund_id)
    if record is None:
        return planned
    link = links.customer if kind == "customer" else links.invoice
    return DocumentRow(
        kind=kind,
        key=key,
        id=record["id"],
        number=record.get("number", ""),
        url=link(record["id"]),
        draft=record.get("draft", False),
        paid=record.get("paid", False),
        wanted=planned.wanted,
        total=_amount(record.get("total", "")),
        accepted=_amount(record.get("accepted", "")),
        refund_id=refund_id,
        attached=record.get("attached", False),
        why=tuple(record.get("why", ())),
    )
