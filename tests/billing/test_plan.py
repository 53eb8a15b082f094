"""The next step, from the documents an order should have and those that exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.billing.books.parts import Part
from bridge.billing.documents import documents_for
from bridge.billing.known_buyers import buyer_locks, facts_of
from bridge.billing.made import LedgerEntry
from bridge.billing.plan import keys_of, next_step
from bridge.billing.rounding import CANDIDATES, UNKNOWN, FirmRounding, fingerprint, total_under
from bridge.billing.rules import DocumentPolicy, InvoiceWhen, PartialRefunds, Rules
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
    SendEmail,
    Step,
    UpdateCustomer,
)
from bridge.orders import Address, Line, Order, Reduction, RefundState, Tax
from bridge.reasons import reason_from
from bridge.texts import text_of
from tests.builders.orders import NOON, order_of

D = Decimal
RULES = Rules()
KNOWN = FirmRounding.of(CANDIDATES["line2_vat_rate"])
LINE = Line(id="1", title="Tasse", gross=D("12.00"), taxes=(Tax(amount=D("2.00"), rate=D("0.2")),))
ORDER = order_of(LINE)
LATER = NOON + timedelta(hours=1)
INVOICE = LedgerEntry(
    id=5, number="F1", total=D("12.00"), paid=True, made_on=date(2026, 11, 22), customer_id=3, seen=True
)


def step_for(
    order: Order, made: dict[str, LedgerEntry], rules: Rules = RULES, rounding: FirmRounding = KNOWN
) -> Step:
    return next_step(order, rules, documents_for(order, rules, rounding, made), made)


def customer_key(order: Order = ORDER) -> str:
    draft = documents_for(order, RULES, KNOWN).customer
    assert draft is not None
    return draft.key


def customer(order: Order = ORDER, **changed: Any) -> LedgerEntry:
    draft = documents_for(order, RULES, KNOWN).customer
    assert draft is not None
    return replace(LedgerEntry(id=3, facts=facts_of(draft), as_of=order.placed_at.isoformat()), **changed)


def refunded(amount: str, id_: str = "9", lines: tuple[Line, ...] = ()) -> Order:
    refund = Reduction(id=id_, at=LATER, amount=D(amount), lines=lines, paid_back=D(amount))
    return replace(ORDER, reductions=(*ORDER.reductions, refund))


def rest(step: Step) -> Rest:
    assert isinstance(step, Rest), step
    return step


# --- the happy way, step by step


def test_from_nothing_to_done() -> None:
    assert isinstance(step_for(ORDER, {}), EnsureCustomer)
    made = {customer_key(): customer()}
    step = step_for(ORDER, made)
    assert isinstance(step, CreateInvoice)
    assert (step.customer_id, step.as_draft, step.draft.total) == (3, False, D("12.00"))
    made[ORDER.key] = INVOICE
    assert rest(step_for(ORDER, made)).outcome == "done"


def test_the_keys_it_looks_at() -> None:
    buyer = documents_for(ORDER, RULES, KNOWN).customer
    assert buyer
    assert keys_of(refunded("12.00"), RULES, [f"{ORDER.key}:2"]) == [
        ORDER.key,
        customer_key(),
        "shopify:boutique:refund:9",
        "shopify:boutique:refund:cancel-1",
        f"{ORDER.key}:2",
        *buyer_locks(buyer),
    ]


def test_the_customer_is_not_looked_at_once_the_invoice_is_there() -> None:
    assert rest(step_for(ORDER, {ORDER.key: INVOICE})).outcome == "done"


# --- customers


def test_a_newer_order_updates_a_customer_of_ours() -> None:
    moved = replace(
        ORDER,
        placed_at=NOON + timedelta(hours=1),
        customer=replace(
            ORDER.customer, billing=Address(street="2 rue Neuve", city="Lyon", postcode="69001", country="FR")
        ),
    )
    known = {customer_key(): customer()}
    assert isinstance(step_for(moved, known), UpdateCustomer)
    # One that others made is looked at again.
    assert isinstance(step_for(moved, {customer_key(): customer(found=True)}), UpdateCustomer)
    assert isinstance(step_for(replace(moved, customer=ORDER.customer), known), CreateInvoice)
    # An older order knows nothing better, and says its own buyer.
    older = step_for(replace(moved, placed_at=NOON - timedelta(hours=1)), known)
    assert isinstance(older, CreateInvoice)
    assert "2 rue Neuve, 69001 Lyon, FR" in older.draft.information


def test_an_invoice_says_what_the_record_of_others_says_otherwise() -> None:
    step = step_for(ORDER, {customer_key(): customer(found=True, differs=("address",))})
    assert isinstance(step, CreateInvoice)
    assert step.draft.information.startswith("Acheteur, d'après la commande : ")
    assert step.draft.why[-1].startswith("La fiche du client dit autre chose")


def test_what_a_further_shop_wrote_of_the_buyer_counts() -> None:
    buyer = documents_for(ORDER, RULES, KNOWN).customer
    assert buyer
    later = (NOON + timedelta(days=1)).isoformat()
    made = {customer_key(): customer(), buyer_locks(buyer)[0]: customer(facts="others", as_of=later)}
    again = replace(ORDER, placed_at=NOON + timedelta(days=2))
    assert isinstance(step_for(again, made), UpdateCustomer)
    assert isinstance(step_for(again, {customer_key(): customer()}), CreateInvoice)


# --- the invoice


def test_a_draft_of_the_right_total_becomes_final() -> None:
    made = {ORDER.key: replace(INVOICE, draft=True, number="")}
    assert isinstance(step_for(ORDER, made), Finalise)
    assert rest(step_for(ORDER, made, Rules(document=DocumentPolicy.DRAFT))).outcome == "done"


def test_a_draft_of_another_total_is_read_back_then_shown() -> None:
    wrong = replace(INVOICE, draft=True, number="", total=D("12.01"))
    assert isinstance(step_for(ORDER, {ORDER.key: replace(wrong, seen=False)}), ReadBack)
    invoice = documents_for(ORDER, RULES, KNOWN).invoice
    assert invoice
    step = rest(step_for(ORDER, {ORDER.key: replace(wrong, written=fingerprint(invoice.lines), fresh=True)}))
    assert step.outcome == "attention"
    assert "-0.01" in text_of(step.reason)


def test_nothing_is_final_before_the_rule_has_been_seen_to_hold() -> None:
    only_one = FirmRounding(KNOWN.candidates)
    for rounding, as_draft in ((UNKNOWN, True), (only_one, True), (KNOWN, False)):
        step = step_for(ORDER, {customer_key(): customer()}, rounding=rounding)
        assert isinstance(step, CreateInvoice)
        assert step.as_draft == as_draft


def test_a_draft_is_mended_with_what_its_total_teaches_until_it_is_right() -> None:
    taxes = (Tax(amount=D("37.09"), rate=D("0.055")),)
    other = (Tax(amount=D("141.76"), rate=D("0.1")),)
    order = order_of(
        Line(id="1", title="a", quantity=D(28), gross=D("711.48"), taxes=taxes),
        Line(id="2", title="b", quantity=D(60), gross=D("1559.40"), taxes=other),
    )
    mended = 0
    for truth in CANDIDATES.values():
        rounding, entry = UNKNOWN, None
        for _ in range(6):
            made = {order.key: entry} if entry else {customer_key(order): customer(order)}
            step = step_for(order, made, rounding=rounding)
            if isinstance(step, Finalise):
                break
            assert isinstance(step, CreateInvoice | Mend)
            mended += isinstance(step, Mend)
            lines = step.draft.lines if isinstance(step, CreateInvoice) else step.lines_of.lines
            total = total_under(truth, lines)
            rounding = rounding.after(lines, total)
            assert truth in rounding.candidates
            entry = replace(
                INVOICE, draft=True, number="", total=total, written=fingerprint(lines), fresh=True
            )
        assert isinstance(step, Finalise), truth
        assert entry
        assert entry.total == order.total
    assert mended > 0


def test_a_draft_that_somebody_may_have_changed_is_written_anew_only_if_rounding_explains_it() -> None:
    line = Line(id="1", title="Tasse", gross=D("9.99"), taxes=(Tax(amount=D("1.67"), rate=D("0.2")),))
    order = order_of(line)
    for total, expected in ((D("9.98"), Mend), (D("8.00"), Rest)):
        found = replace(INVOICE, draft=True, number="", total=total)
        assert isinstance(step_for(order, {order.key: found}, rounding=UNKNOWN), expected)


def test_where_no_rule_fits_a_draft_asks_once_its_lines_are_the_best_ones() -> None:
    nothing = FirmRounding(frozenset())
    invoice = documents_for(ORDER, RULES, nothing).invoice
    assert invoice
    wrong = replace(
        INVOICE, draft=True, number="", total=D("11.98"), written=fingerprint(invoice.lines), fresh=True
    )
    step = rest(step_for(ORDER, {ORDER.key: wrong}, rounding=nothing))
    assert (step.outcome, step.reason.code) == ("attention", "draft_differs")


@pytest.mark.parametrize("total", ["11.99", "12.01", "0.00"])
def test_a_final_invoice_of_another_total_is_shown_with_the_difference(total: str) -> None:
    step = rest(step_for(ORDER, {ORDER.key: replace(INVOICE, total=D(total))}))
    assert step.outcome == "attention"
    assert f"{D('12.00') - D(total):+}" in text_of(step.reason)
    accepted = replace(INVOICE, total=D(total), accepted=D(total))
    assert rest(step_for(ORDER, {ORDER.key: accepted})).outcome == "done"


def test_an_invoice_without_its_payment_gets_it() -> None:
    step = step_for(ORDER, {ORDER.key: replace(INVOICE, paid=False)})
    assert isinstance(step, RecordPayment)
    unpaid = replace(ORDER, paid_at=None, movements=())
    on_order = Rules(invoice_when=InvoiceWhen.CREATED)
    assert rest(step_for(unpaid, {ORDER.key: replace(INVOICE, paid=False)}, on_order)).outcome == "done"


def test_an_invoice_is_mailed_once_where_the_shop_wants_it() -> None:
    rules = Rules(send_email=True)
    assert isinstance(step_for(ORDER, {ORDER.key: INVOICE}, rules), SendEmail)
    assert rest(step_for(ORDER, {ORDER.key: replace(INVOICE, emailed=True)}, rules)).outcome == "done"
    assert rest(step_for(ORDER, {ORDER.key: INVOICE})).outcome == "done"


def test_twins_are_shown_before_anything_else() -> None:
    step = rest(step_for(ORDER, {ORDER.key: replace(INVOICE, twins=(6, 7))}))
    assert step.outcome == "attention"
    assert all(number in text_of(step.reason) for number in ("5", "6", "7"))


# --- refunds


def test_a_full_refund_reverses_the_invoice() -> None:
    order = refunded("12.00")
    step = step_for(order, {order.key: INVOICE})
    assert isinstance(step, ReverseInvoice)
    note = LedgerEntry(id=6, number="A1", total=D("-12.00"))
    assert rest(step_for(order, {order.key: INVOICE, step.draft.key: note})).outcome == "done"


PART = replace(LINE, gross=D("6.00"), taxes=(Tax(amount=D("1.00"), rate=D("0.2")),))


@pytest.mark.parametrize(
    ("policy", "as_draft"), [(PartialRefunds.DRAFT, True), (PartialRefunds.FINAL, False)]
)
def test_a_partial_refund_is_a_credit_note(policy: PartialRefunds, as_draft: bool) -> None:
    order, rules = refunded("6.00", lines=(PART,)), Rules(partial_refunds=policy)
    step = step_for(order, {order.key: INVOICE}, rules)
    assert isinstance(step, CreateCreditNote)
    assert (step.as_draft, step.draft.total) == (as_draft, D("-6.00"))
    note = LedgerEntry(id=6, total=D("-6.00"), draft=True)
    after = step_for(order, {order.key: INVOICE, step.draft.key: note}, rules)
    assert isinstance(after, Rest if as_draft else Finalise)


def test_a_partial_refund_may_be_left_to_a_person() -> None:
    order = refunded("6.00", lines=(PART,))
    step = rest(step_for(order, {order.key: INVOICE}, Rules(partial_refunds=PartialRefunds.HOLD)))
    assert step.outcome == "attention"
    assert "6.00" in text_of(step.reason)


def test_what_a_negative_sale_credited_of_an_invoice_is_not_credited_again() -> None:
    elsewhere = LedgerEntry(
        id=6, number="A1", total=D("-5.00"), parts=(Part("il_9", D("0.2"), D("-5.00")),), on=(ORDER.key,)
    )
    made = {ORDER.key: INVOICE, "shopify:boutique:order:9": elsewhere}
    assert rest(step_for(ORDER, made)).outcome == "done"
    asked = rest(step_for(refunded("12.00"), made))
    assert asked.outcome == "attention"
    assert "7.00" in text_of(asked.reason)
    step = step_for(refunded("7.00"), made)
    assert isinstance(step, CreateCreditNote)
    assert step.draft.total == D("-7.00")


def test_a_credit_note_of_another_total_is_shown() -> None:
    order = refunded("6.00", lines=(PART,))
    key = "shopify:boutique:refund:9"
    note = LedgerEntry(id=6, number="A1", total=D("-5.99"))
    assert rest(step_for(order, {order.key: INVOICE, key: note})).outcome == "attention"
    accepted = replace(note, accepted=D("-5.99"))
    assert rest(step_for(order, {order.key: INVOICE, key: accepted})).outcome == "done"


def test_a_draft_whose_sale_came_to_nothing_is_looked_at_and_then_to_be_deleted() -> None:
    order, rules = refunded("12.00", lines=(LINE,)), Rules(document=DocumentPolicy.DRAFT)
    draft = replace(INVOICE, draft=True, number="")
    assert isinstance(step_for(order, {order.key: replace(draft, seen=False)}, rules), ReadBack)
    assert rest(step_for(order, {order.key: draft}, rules)).reason.code == "draft_of_nothing"
    assert isinstance(step_for(order, {order.key: INVOICE}, rules), ReverseInvoice)


def test_a_draft_that_a_person_will_issue_follows_the_sale() -> None:
    rules, parts = Rules(document=DocumentPolicy.DRAFT), (Part("1", D("0.2"), D("12.00")),)
    draft = replace(INVOICE, draft=True, number="", parts=parts, written="older")
    assert rest(step_for(ORDER, {ORDER.key: draft}, rules)).outcome == "done"
    part = replace(LINE, gross=D("3.00"), taxes=(Tax(amount=D("0.50"), rate=D("0.2")),))
    for order, total in (
        (refunded("3.00", lines=(part,)), D("9.00")),
        (order_of(LINE, replace(LINE, id="2")), D("24.00")),
    ):
        step = step_for(order, {order.key: draft}, rules)
        assert isinstance(step, Mend)
        assert step.lines_of.total == total


def test_what_is_added_to_a_final_invoice_is_a_further_one_that_names_it() -> None:
    grown = order_of(LINE, replace(LINE, id="2", gross=D("6.00"), taxes=(Tax(amount=D(1), rate=D("0.2")),)))
    invoice = replace(INVOICE, parts=(Part("1", D("0.2"), D("12.00")),))
    known = {grown.key: invoice, customer_key(): customer()}
    step = step_for(grown, known)
    assert isinstance(step, CreateInvoice)
    assert (step.draft.key, step.draft.total) == (f"{grown.key}:2", D("6.00"))
    assert "F1" in step.draft.title
    made = replace(INVOICE, id=6, number="F2", total=D("6.00"), parts=step.draft.parts)
    assert rest(step_for(grown, {**known, step.draft.key: made})).outcome == "done"


def test_a_cancelled_order_that_was_invoiced_is_reversed() -> None:
    order = replace(refunded("12.00"), cancelled_at=NOON + timedelta(hours=1))
    assert isinstance(step_for(order, {order.key: INVOICE}), ReverseInvoice)


# --- nothing to do


def test_an_unpaid_order_is_open() -> None:
    assert rest(step_for(replace(ORDER, paid_at=None, movements=()), {})).outcome == "open"


def test_a_test_order_is_ignored() -> None:
    assert rest(step_for(replace(ORDER, test=True), {})).outcome == "ignored"


def test_what_the_source_could_not_read_asks() -> None:
    step = rest(step_for(replace(ORDER, problems=(reason_from("its lines do not add up"),)), {}))
    assert (step.outcome, "do not add up" in text_of(step.reason)) == ("attention", True)


# --- the ledger's record


@pytest.mark.parametrize(
    "made",
    [
        LedgerEntry(id=1),
        INVOICE,
        replace(INVOICE, draft=True, written="f", emailed=True, twins=(1, 2), why=("a", "b")),
        LedgerEntry(id=1, found=True, facts="f", entity="e", as_of=datetime.now().astimezone().isoformat()),
        replace(INVOICE, total=D("0.00"), accepted=D("-0.01")),
    ],
)
def test_a_record_comes_back_as_it_went(made: LedgerEntry) -> None:
    # `seen` is of one run and is not kept.
    assert LedgerEntry.from_record(made.as_record()) == replace(made, seen=False)


def test_a_record_of_a_newer_version_can_be_read() -> None:
    assert LedgerEntry.from_record({"id": 5, "invented_later": [1]}) == LedgerEntry(id=5)


# --- what must not stay unseen


NOTE = LedgerEntry(id=9, number="F2", total=D("-5.00"), seen=True)


def test_a_refund_that_failed_after_its_credit_note_asks() -> None:
    order = replace(ORDER, reductions=(Reduction(id="9", at=NOON, amount=D(5), state=RefundState.FAILED),))
    assert rest(step_for(order, {ORDER.key: INVOICE})).outcome == "done"
    step = rest(step_for(order, {ORDER.key: INVOICE, "shopify:boutique:refund:9": NOTE}))
    assert (step.outcome, "credit note F2 was made" in text_of(step.reason)) == ("attention", True)


def test_an_order_that_lives_again_after_its_invoice_was_reversed_asks() -> None:
    made = {ORDER.key: INVOICE, "shopify:boutique:refund:cancel-1": replace(NOTE, total=D("-12.00"))}
    step = rest(step_for(ORDER, made))
    assert (step.outcome, "no longer cancelled" in text_of(step.reason)) == ("attention", True)


def test_a_cancelled_order_with_an_invoice_of_the_platform_asks() -> None:
    rules = Rules(document=DocumentPolicy.EXTERNAL)
    order = replace(ORDER, paid_at=None, cancelled_at=NOON, external_ref="I1")
    assert rest(step_for(order, {}, rules)).outcome == "ignored"
    step = rest(step_for(order, {ORDER.key: INVOICE}, rules))
    assert (step.outcome, "the platform's own" in text_of(step.reason)) == ("attention", True)


def test_an_invoiced_order_that_comes_to_nothing_asks() -> None:
    free = replace(ORDER, total=D(0), lines=(replace(LINE, gross=D(0), taxes=()),))
    assert rest(step_for(free, {})).outcome == "ignored"
    step = rest(step_for(free, {ORDER.key: INVOICE}))
    assert (step.outcome, "invoice F1" in text_of(step.reason)) == ("attention", True)


def test_several_credit_notes_of_one_refund_are_shown() -> None:
    made = {ORDER.key: INVOICE, "shopify:boutique:refund:9": replace(NOTE, twins=(10, 11))}
    step = rest(step_for(refunded("5.00"), made))
    assert (step.outcome, "(ids 9, 10, 11)" in text_of(step.reason)) == ("attention", True)


def test_a_document_whose_total_nobody_said_is_read_back() -> None:
    unknown = replace(INVOICE, total=None, seen=False)
    assert isinstance(step_for(ORDER, {ORDER.key: unknown}), ReadBack)
    assert rest(step_for(ORDER, {ORDER.key: replace(unknown, seen=True)})).outcome == "attention"
    note = {ORDER.key: INVOICE, "shopify:boutique:refund:9": replace(NOTE, total=None, seen=False)}
    assert isinstance(step_for(refunded("5.00"), note), ReadBack)


def test_a_draft_credit_note_that_a_person_may_have_corrected_is_read_back() -> None:
    draft = replace(NOTE, draft=True, number="", total=D("-5.01"), written="f", seen=False)
    made = {ORDER.key: INVOICE, "shopify:boutique:refund:9": draft}
    assert isinstance(step_for(refunded("5.00"), made), ReadBack)


def test_an_invoice_without_number_is_not_credited() -> None:
    made = {ORDER.key: replace(INVOICE, number="", seen=False)}
    assert isinstance(step_for(refunded("5.00"), made), ReadBack)
    step = rest(step_for(refunded("5.00"), {ORDER.key: replace(INVOICE, number="")}))
    assert (step.outcome, "no number" in text_of(step.reason)) == ("attention", True)
