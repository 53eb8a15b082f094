"""What a document's total teaches about the firm's rounding. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bridge.billing.drafts import CreditNoteDraft, DraftLine, InvoiceDraft
from bridge.billing.made import LedgerEntry
from bridge.billing.probes import Seen
from bridge.billing.rounding import FirmRounding, fingerprint, total_under
from bridge.billing.steps import CreateCreditNote, CreateInvoice, Mend, Step
from bridge.billing.totals import NO_CENTS


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A document, by its number or id, whose `total` is not what the rule that was known gives."""

    document: str
    rule: str
    expected: Decimal
    total: Decimal
    lines: tuple[DraftLine, ...]

    @property
    def seen(self) -> Seen:
        """For the next calibration."""
        return Seen(self.lines, self.total)

    def as_json(self) -> str:
        """As it is kept; without the titles of the lines."""
        lines = [[str(line.quantity), str(line.unit_price), str(line.vat)] for line in self.lines]
        return json.dumps([self.document, self.rule, str(self.expected), str(self.total), lines])

    @classmethod
    def read(cls, text: str) -> Contradiction:
        """The inverse of `as_json`."""
        document, rule, expected, total, lines = json.loads(text)
        return cls(
            document,
            rule,
            Decimal(expected),
            Decimal(total),
            tuple(
                DraftLine(title="", quantity=Decimal(quantity), unit_price=Decimal(price), vat=Decimal(vat))
                for quantity, price, vat in lines
            ),
        )


def learnt(step: Step, made: Mapping[str, LedgerEntry], known: FirmRounding) -> FirmRounding:
    """What is known of the firm's rounding once the step was carried out."""
    draft = _written_by(step)
    entry = made.get(draft.key) if draft else None
    if draft is None or entry is None or entry.total is None or draft.currency in NO_CENTS:
        return known
    # A document that was looked up may have been written by an older plan.
    return known.after(draft.lines, entry.total) if entry.written == fingerprint(draft.lines) else known


def contradiction(step: Step, made: Mapping[str, LedgerEntry], known: FirmRounding) -> Contradiction:
    """What the step has shown of a rule that was held and does not hold."""
    draft = _written_by(step)
    if draft is None:
        raise ValueError("the step writes no lines")
    entry, (rule,) = made[draft.key], known.candidates
    document, total = entry.number or str(entry.id), entry.total or Decimal(0)
    return Contradiction(document, rule.name, total_under(rule, draft.lines), total, draft.lines)


def _written_by(step: Step) -> InvoiceDraft | CreditNoteDraft | None:
    match step:
        case CreateInvoice(draft=draft) | CreateCreditNote(draft=draft) | Mend(lines_of=draft):
            return draft
        case _:
            return None
