"""A Facturation.pro without network: it carries steps out and computes totals by one rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from bridge.billing.documents import documents_for
from bridge.billing.drafts import CreditNoteDraft, InvoiceDraft
from bridge.billing.known_buyers import facts_of
from bridge.billing.made import LedgerEntry
from bridge.billing.plan import next_step
from bridge.billing.rounding import FirmRounding, Rounding, fingerprint, rates_under, total_under
from bridge.billing.rules import PartialRefunds, Rules
from bridge.billing.steps import (
    CreateCreditNote,
    CreateInvoice,
    EnsureCustomer,
    Finalise,
    Mend,
    ReadBack,
    RecordPayment,
    Rest,
    ReverseInvoice,
    Step,
)
from bridge.orders import Order

RULES = Rules(partial_refunds=PartialRefunds.FINAL, refund_seconds=0)
STEPS = 40


class Firm:
    """`ledger`: what is known, by key; `made`: the keys of all documents, in their order."""

    def __init__(self, rule: Rounding, rules: Rules = RULES) -> None:
        self.rule, self.rules = rule, rules
        self.ledger: dict[str, LedgerEntry] = {}
        self.made: list[str] = []

    def bring_in_line(self, order: Order) -> Rest:
        """As the loop does it."""
        for _ in range(STEPS):
            documents = documents_for(order, self.rules, FirmRounding.of(self.rule), self.ledger)
            step = next_step(order, self.rules, documents, self.ledger)
            if isinstance(step, Rest):
                return step
            self._do(step)
        raise AssertionError("it finds no end")

    def _do(self, step: Step) -> None:
        match step:
            case EnsureCustomer():
                self.ledger[step.draft.key] = LedgerEntry(id=1, facts=facts_of(step.draft))
            case CreateInvoice(draft=draft) | CreateCreditNote(draft=draft):
                self._new(draft.key, self._entry(draft, kept=step.as_draft))
            case ReverseInvoice(draft=draft, invoice=invoice):
                entry = self._entry(draft, kept=False)
                nets = tuple((rate, -net) for rate, net in invoice.nets)
                self._new(draft.key, replace(entry, total=-(invoice.total or Decimal(0)), nets=nets))
            case Mend(key=key, made=made, lines_of=draft):
                self.ledger[key] = replace(self._entry(draft, kept=True), id=made.id)
            case Finalise(key=key, made=made):
                self.ledger[key] = replace(made, draft=False, number=f"F{made.id}")
            case RecordPayment(key=key, made=made):
                self.ledger[key] = replace(made, paid=True)
            case ReadBack(key=key, made=made):
                self.ledger[key] = replace(made, seen=True)
            case _:
                raise AssertionError(step)

    def _new(self, key: str, entry: LedgerEntry) -> None:
        assert key not in self.made, f"{key} is made twice"
        self.made.append(key)
        self.ledger[key] = entry

    def _entry(self, draft: InvoiceDraft | CreditNoteDraft, *, kept: bool) -> LedgerEntry:
        """`kept`: as a draft."""
        amounts = rates_under(self.rule, draft.lines)
        id_ = len(self.made) + 10
        return LedgerEntry(
            id=id_,
            number="" if kept else f"F{id_}",
            draft=kept,
            total=total_under(self.rule, draft.lines) if draft.lines else draft.total,
            paid=isinstance(draft, CreditNoteDraft) or draft.paid is not None,
            made_on=date(2026, 11, 22),
            seen=True,
            written=fingerprint(draft.lines),
            parts=draft.parts,
            less=draft.less if isinstance(draft, InvoiceDraft) else (),
            on=draft.on if isinstance(draft, CreditNoteDraft) else (),
            nets=tuple((rate, amount.net) for rate, amount in amounts.items()),
        )

    def forget_what_older_versions_did_not_keep(self) -> None:
        """The ledger as it was before there were books."""
        self.ledger = {
            key: replace(entry, parts=(), nets=(), less=(), on=()) for key, entry in self.ledger.items()
        }

    @property
    def documents(self) -> list[LedgerEntry]:
        """All that were made."""
        return [self.ledger[key] for key in self.made]
