"""What a document's total teaches about the firm's rounding. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bridge.billing.drafts import CreditNoteDraft, Documents, DraftLine, InvoiceDraft
from bridge.billing.made import LedgerEntry
from bridge.billing.probes import Seen
from bridge.billing.rounding import FirmRounding, fingerprint, total_under
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


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is known now; `wrong`: the document that shows that a rule which was held does not hold."""

    known: FirmRounding
    wrong: Contradiction | None = None


def lesson_of(documents: Documents, made: Mapping[str, LedgerEntry], known: FirmRounding) -> Lesson:
    """What the documents of an order teach: those written just now, and final ones of a wrong total, of which
    their writer may not have lived to tell."""
    wrong = None
    for draft in (documents.invoice, *documents.credit_notes):
        entry = made.get(draft.key) if draft else None
        if draft is None or entry is None or entry.total is None or not _tells(draft, entry):
            continue
        before, known = known, known.after(draft.lines, entry.total)
        if before.held and not known.held:
            (rule,) = before.candidates
            expected, name = total_under(rule, draft.lines), entry.number or str(entry.id)
            wrong = Contradiction(name, rule.name, expected, entry.total, draft.lines)
    return Lesson(known, wrong)


def _tells(draft: InvoiceDraft | CreditNoteDraft, entry: LedgerEntry) -> bool:
    if draft.currency in NO_CENTS or not draft.lines or entry.written != fingerprint(draft.lines):
        return False
    return entry.fresh or (draft.agreed and not entry.draft and entry.total != draft.total)
