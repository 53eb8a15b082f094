"""One order and the documents that it has → those it should have. Pure: the same facts give the same
drafts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from bridge.billing.books.reading import names_of, sale_of
from bridge.billing.books.sale import Sale
from bridge.billing.buyers import as_written
from bridge.billing.credit_notes import revoked
from bridge.billing.currency import can_be_stated
from bridge.billing.drafting import Drafting, negative_sale
from bridge.billing.drafts import Documents
from bridge.billing.earlier import from_before
from bridge.billing.exemptions import folded
from bridge.billing.invoices import Context, same_total
from bridge.billing.late import bands_of
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import FirmRounding
from bridge.billing.rules import DocumentPolicy, InvoiceWhen, Rules, Suborders, TestOrders
from bridge.billing.stored_value import with_stored_value
from bridge.billing.vat import Vat, assess
from bridge.errors import NeedsPerson
from bridge.orders import ZERO, Order, to_cents
from bridge.reasons import because, together

Ledger = Mapping[str, LedgerEntry]


def documents_for(
    order: Order,
    rules: Rules,
    rounding: FirmRounding,
    made: Ledger | None = None,
    now: datetime | None = None,
    vat: Vat | None = None,
) -> Documents:
    """The customer, the invoices and the credit notes that this order should have, or why not (yet).

    `made`: what the ledger knows of the order. `now`: None where nothing is waited for. `vat`: where it is
    known already. A document is `agreed`, and may be final at once, when the firm's rule is known and gives
    its total.
    """
    order = with_stored_value(as_written(order, rules.fields), rules.stored_value)
    order, until = _without_awaited(order, rules, now)
    offers = _end_of_offers(order, rules, now)
    if offers and order.key not in (made or {}):
        return Documents(wait=because("waits_for_offers"), waits_until=offers)
    documents = _documents(order, rules, rounding, made or {}, vat)
    return replace(documents, revoked=revoked(order), waits_until=until)


def _end_of_offers(order: Order, rules: Rules, now: datetime | None) -> datetime | None:
    """Until when something may be added to the order before it is invoiced."""
    until = (order.paid_at or order.placed_at) + timedelta(minutes=rules.wait_minutes)
    return until if rules.wait_minutes and now and now < until else None


def _without_awaited(order: Order, rules: Rules, now: datetime | None) -> tuple[Order, datetime | None]:
    """What only money is known of waits a while for its lines."""
    wait = timedelta(seconds=rules.refund_seconds)
    young = {each.id: each.heard_at + wait for each in order.reductions if each.heard_at and now}
    young = {name: until for name, until in young.items() if now and until > now}
    told = tuple(each for each in order.reductions if each.id not in young)
    return replace(order, reductions=told), min(young.values(), default=None)


def _documents(
    order: Order, rules: Rules, rounding: FirmRounding, made: Ledger, vat: Vat | None
) -> Documents:
    names = names_of(order)
    ledger = {
        key: entry
        for key, entry in made.items()
        if names.is_document(key) or any(names.of_lines(invoice) for invoice in entry.on)
    }
    nothing = _nothing_due(order, rules) or from_before(order, rules, made)
    withdrawn = order.cancelled_at is not None and not order.paid and bool(ledger)
    if nothing is not None and not withdrawn:
        return nothing
    if nothing is not None and rules.document is DocumentPolicy.EXTERNAL:
        return replace(nothing, hold_refunds=(because("cancelled_external"),))
    try:
        here, sale = _understood(order, rules, rounding, vat)
    except NeedsPerson as exc:
        attached = _as_attached(order, rules, rounding, ledger)
        if nothing is None and attached is None:
            return Documents(hold=exc.reason)
        here, sale = attached or _reversed_as_it_is(order, rules, rounding)
    try:
        if order.total < 0:
            return negative_sale(here, made)
        return Drafting(here, sale, ledger, names).documents(nothing)
    except NeedsPerson as exc:
        return Documents(hold=exc.reason)


def _understood(order: Order, rules: Rules, rounding: FirmRounding, vat: Vat | None) -> tuple[Context, Sale]:
    _refuse(order, rules)
    vat = vat or assess(order, rules)
    can_be_stated(order, vat.bands, rules)
    same_total(order, vat.bands)
    return Context(order, rules, rounding, vat), sale_of(order, vat.bands)


def _as_attached(
    order: Order, rules: Rules, rounding: FirmRounding, ledger: Ledger
) -> tuple[Context, Sale] | None:
    """What nobody can tell of the sale, documents that a person attached do, if they come to its total."""
    if order.key not in ledger or not ledger[order.key].attached:
        return None
    bands = bands_of(part for entry in ledger.values() for part in entry.parts if not entry.on)
    if sum((band.gross for band in bands), ZERO) != order.total:
        return None
    here = replace(order, lines=tuple(band.line for band in bands), problems=())
    return Context(here, rules, rounding, Vat(bands=bands)), sale_of(here, bands)


def _reversed_as_it_is(order: Order, rules: Rules, rounding: FirmRounding) -> tuple[Context, Sale]:
    """What must be known of a cancelled order: its invoice tells the rest."""
    bare = replace(order, lines=(), reductions=(), total=ZERO)
    return Context(order, rules, rounding, Vat(bands=())), sale_of(bare, ())


def _nothing_due(order: Order, rules: Rules) -> Documents | None:
    """Tests, cancelled and unpaid orders; free ones are looked at once they are paid for."""
    if order.told_by and rules.defer_to:
        return Documents(ignore=because("told_by_another", platform=order.told_by))
    if any(fnmatchcase(folded(order.channel), folded(each)) for each in rules.skip_channels):
        return Documents(ignore=because("channel_skipped", channel=order.channel))
    if order.part_of and rules.suborders is Suborders.PARENT:
        return Documents(ignore=because("part_of_another", order=order.part_of))
    if order.has_parts and rules.suborders is Suborders.CHILDREN:
        return Documents(ignore=because("split_into_parts"))
    if order.test and rules.test_orders is TestOrders.IGNORE:
        return Documents(ignore=because("test_order"))
    if order.cancelled_at is not None and not order.paid:
        return Documents(ignore=because("cancelled_before_payment"))
    later = rules.invoice_when is InvoiceWhen.PAID and not order.on_account
    if not order.paid and order.total and later:
        return Documents(wait=because("waits_for_payment"))
    if not order.total and not order.problems and not rules.zero_total_orders:
        return Documents(ignore=because("total_zero"))
    return None


def _refuse(order: Order, rules: Rules) -> None:
    """What no rule below can repair."""
    if order.problems:
        raise NeedsPerson(together(order.problems))
    if order.total < 0 and not order.credits:
        raise NeedsPerson(because("total_negative", total=order.total, currency=order.currency))
    if order.total != to_cents(order.total):
        raise NeedsPerson(because("total_not_in_cents", total=order.total, currency=order.currency))
    if not order.lines:
        raise NeedsPerson(because("no_lines"))
    if rules.document is DocumentPolicy.EXTERNAL and not order.external_ref:
        raise NeedsPerson(because("external_without_number"))
