"""One order and the documents that it has → those it should have. Pure: the same facts give the same
drafts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.billing.books.reading import names_of, sale_of
from bridge.billing.books.sale import Sale
from bridge.billing.buyers import as_written
from bridge.billing.credit_notes import revoked
from bridge.billing.drafting import Drafting, negative_sale
from bridge.billing.drafts import Documents
from bridge.billing.invoices import Context, same_total
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import FirmRounding
from bridge.billing.rules import DocumentPolicy, InvoiceWhen, Rules, TestOrders
from bridge.billing.vat import Vat, assess
from bridge.errors import NeedsPerson
<<<<<<< HEAD
from bridge.orders import ZERO, Order, to_cents
from bridge.reasons import as_reason, because, together
=======
from bridge.orders import CENT, ZERO, LineKind, Order, Payment, PaymentMethod, legal_date, to_cents
from bridge.reasons import because, together
>>>>>>> main

Ledger = Mapping[str, LedgerEntry]


def documents_for(
    order: Order,
    rules: Rules,
    rounding: FirmRounding,
    made: Ledger | None = None,
    now: datetime | None = None,
) -> Documents:
    """The customer, the invoices and the credit notes that this order should have, or why not (yet).

    `made`: what the ledger knows of the order. `now`: None where nothing is waited for. A document is
    `agreed`, and may be final at once, when the firm's rule is known and gives its total.
    """
    order = as_written(order, rules.fields)
    order, until = _without_awaited(order, rules, now)
    documents = _documents(order, rules, rounding, made or {})
    return replace(documents, revoked=revoked(order), waits_until=until)


def _without_awaited(order: Order, rules: Rules, now: datetime | None) -> tuple[Order, datetime | None]:
    """What only money is known of waits a while for its lines."""
    wait = timedelta(seconds=rules.refund_seconds)
    young = {each.id: each.heard_at + wait for each in order.reductions if each.heard_at and now}
    young = {name: until for name, until in young.items() if now and until > now}
    told = tuple(each for each in order.reductions if each.id not in young)
    return replace(order, reductions=told), min(young.values(), default=None)


def _documents(order: Order, rules: Rules, rounding: FirmRounding, made: Ledger) -> Documents:
    names = names_of(order)
    ledger = {key: entry for key, entry in made.items() if names.is_document(key)}
    nothing = _nothing_due(order, rules)
    withdrawn = order.cancelled_at is not None and not order.paid and bool(ledger)
    if nothing is not None and not withdrawn:
        return nothing
    if nothing is not None and rules.document is DocumentPolicy.EXTERNAL:
        return replace(nothing, hold_refunds=(because("cancelled_external"),))
    try:
        here, sale = _understood(order, rules, rounding)
    except NeedsPerson as exc:
        if nothing is None:
            return Documents(hold=exc.reason)
        here, sale = _reversed_as_it_is(order, rules, rounding)
    try:
        if order.total < 0:
            return negative_sale(here, made)
        return Drafting(here, sale, ledger, names).documents(nothing)
    except NeedsPerson as exc:
        return Documents(hold=exc.reason)


def _understood(order: Order, rules: Rules, rounding: FirmRounding) -> tuple[Context, Sale]:
    _refuse(order, rules)
    vat = assess(order, rules)
    same_total(order, vat.bands)
    return Context(order, rules, rounding, vat), sale_of(order, vat.bands)


def _reversed_as_it_is(order: Order, rules: Rules, rounding: FirmRounding) -> tuple[Context, Sale]:
    """What must be known of a cancelled order: its invoice tells the rest."""
    bare = replace(order, lines=(), reductions=(), total=ZERO)
    return Context(order, rules, rounding, Vat(bands=())), sale_of(bare, ())


def _nothing_due(order: Order, rules: Rules) -> Documents | None:
    """Tests, cancelled and unpaid orders; free ones are looked at once they are paid for."""
    if order.told_by and rules.defer_to:
        return Documents(ignore=because("told_by_another", platform=order.told_by))
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
<<<<<<< HEAD
        raise NeedsPerson(together([as_reason(problem) for problem in order.problems]))
    if order.total < 0 and not order.credits:
=======
        raise NeedsPerson(together(order.problems))
    if order.total < 0:
>>>>>>> main
        raise NeedsPerson(because("total_negative", total=order.total, currency=order.currency))
    if order.total != to_cents(order.total):
        raise NeedsPerson(because("total_not_in_cents", total=order.total, currency=order.currency))
    if not order.lines:
        raise NeedsPerson(because("no_lines"))
    if rules.document is DocumentPolicy.EXTERNAL and not order.external_ref:
        raise NeedsPerson(because("external_without_number"))
<<<<<<< HEAD
=======


def _invoice(
    order: Order, rules: Rules, rounding: FirmRounding, vat: Vat
) -> tuple[InvoiceDraft, tuple[Band, ...]]:
    bands = _worth_showing(vat.bands)
    billed = [_billed(band, order.currency) for band in bands]
    _same_total(order, billed)
    encoded = encode(billed, order.total, rounding.candidates or ALL)
    if order.currency in NO_CENTS or not rounding.held:
        encoded = replace(encoded, agreed=False)
    if not encoded.rules:
        raise NeedsPerson(because("no_lines_for_total", total=order.total, currency=order.currency))
    paid = _payments(order, rules)
    external = rules.document is DocumentPolicy.EXTERNAL
    invoice = InvoiceDraft(
        key=order.key,
        policy=rules.document,
        lines=encoded.lines,
        currency=order.currency,
        total=order.total,
        agreed=encoded.agreed,
        language=language_of(order.customer, rules),
        title=from_template(rules.title, order),
        information=information(order, rules, paid.all, vat.number),
        delivered_on=order.delivered_on or legal_date(order.placed_at),
        paid=paid.note,
        vat_exemption=vat.exemption,
        vat_country=vat.country,
        external_ref=order.external_ref if external else "",
        external_on=legal_date(order.placed_at) if external else None,
        purchase_number=order.purchase_number,
        category_id=rules.category_id,
        nature=rules.nature,
        send_email=rules.send_email,
        why=(*_policy_why(order, rules), *vat.why, *_encoding_why(encoded), *paid.why),
    )
    return invoice, bands


def _billed(band: Band, currency: str) -> BilledLine:
    return BilledLine(
        title=line_title(band, currency),
        quantity=Decimal(1) if band.several else band.line.quantity,
        net=band.net,
        vat=band.rate,
        gross=band.gross,
    )


def _worth_showing(bands: tuple[Band, ...]) -> tuple[Band, ...]:
    """Free lines are noise (parts of a bundle, free shipping), unless a discount made them so or all are
    free."""
    shown = tuple(
        band
        for band in bands
        if band.gross or (band.line.discount > 0 and band.line.kind is LineKind.PRODUCT)
    )
    return shown if any(band.gross for band in shown) else bands


def _same_total(order: Order, billed: list[BilledLine]) -> None:
    """The lines must be what was charged; only rounding per line may separate them."""
    total = sum((line.gross for line in billed), ZERO)
    if abs(total - order.total) > HALF_CENT * (len(billed) + 1):
        raise NeedsPerson(
            because(
                "lines_differ",
                lines=total,
                total=order.total,
                difference=order.total - total,
                currency=order.currency,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paid:
    """`note`: the payment that the invoice states; `all`: every payment with its method."""

    note: PaymentNote | None
    all: tuple[tuple[Payment, PaymentMethod], ...] = ()
    why: tuple[str, ...] = ()


def _payments(order: Order, rules: Rules) -> _Paid:
    """The main payment: the largest that is not a gift card, which is noted beside it."""
    if order.paid_at is None:
        return _Paid(note=None, why=("Facture émise avant paiement.",))
    on = legal_date(order.paid_at)
    known = tuple((payment, _method(payment, rules)) for payment in order.payments)
    if not known:
        why = "Payée, sans moyen de paiement indiqué par la boutique."
        return _Paid(note=PaymentNote(on=on, method=PaymentMethod.OTHER), why=(why,))
    payment, method = max(
        known, key=lambda one: (one[1] is not PaymentMethod.GIFT_CARD, one[0].amount or ZERO)
    )
    told = [f"Payée le {on:%d/%m/%Y} {METHODS[method]} (passerelle : {payment.gateway or 'non précisée'})."]
    if len(known) > 1:
        told.append(f"{len(known)} paiements : le principal est porté, tous sont détaillés en note.")
    return _Paid(
        note=PaymentNote(on=on, method=method, reference=payment.reference), all=known, why=tuple(told)
    )


def _method(payment: Payment, rules: Rules) -> PaymentMethod:
    by_name = {gateway.casefold(): method for gateway, method in rules.gateways.items()}
    return by_name.get(payment.gateway.casefold(), payment.method)


def _policy_why(order: Order, rules: Rules) -> tuple[str, ...]:
    match rules.document:
        case DocumentPolicy.EXTERNAL:
            return (f"Facture externe {order.external_ref}, importée telle quelle.",)
        case DocumentPolicy.DRAFT:
            return ("Réglage de la boutique : la facture reste un brouillon.",)
        case DocumentPolicy.FINAL if order.external_ref:
            return (f"La plateforme a sa propre pièce {order.external_ref} ; la facture est émise ici.",)
        case DocumentPolicy.FINAL:
            return ()


def _encoding_why(encoded: Encoded) -> tuple[str, ...]:
    if encoded.agreed:
        return encoded.why
    return (
        *encoded.why,
        "Arrondi de Facturation.pro non établi : le total est vérifié sur un brouillon.",
    )
>>>>>>> main
