"""One order → the documents it should have. Pure: the same order, rules and rounding give the same drafts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.billing.bands import Band
from bridge.billing.buyers import as_written
from bridge.billing.credit_notes import cancellation, credit_notes_for, revoked
from bridge.billing.customers import customer_for, language_of
from bridge.billing.drafts import Documents, InvoiceDraft, PaymentNote
from bridge.billing.rounding import ALL, FirmRounding
from bridge.billing.rules import DocumentPolicy, InvoiceWhen, Rules, TestOrders
from bridge.billing.totals import NO_CENTS, BilledLine, Encoded, encode
from bridge.billing.vat import Vat, assess
from bridge.billing.wording import METHODS, from_template, information, line_title
from bridge.errors import NeedsPerson
from bridge.orders import CENT, ZERO, LineKind, Order, Payment, PaymentMethod, legal_date, to_cents
from bridge.reasons import because, together

HALF_CENT = CENT / 2


def documents_for(order: Order, rules: Rules, rounding: FirmRounding) -> Documents:
    """The customer, the invoice and the credit notes that this order should have, or why not (yet).

    A document is `agreed`, and may be final at once, when the firm's rule is known and gives its total.
    """
    order = as_written(order, rules.fields)
    return replace(_documents(order, rules, rounding), revoked=revoked(order))


def _documents(order: Order, rules: Rules, rounding: FirmRounding) -> Documents:
    nothing = _nothing_due(order, rules)
    if nothing is not None:
        return nothing
    try:
        _refuse(order, rules)
        vat = assess(order, rules)
        invoice, bands = _invoice(order, rules, rounding, vat)
    except NeedsPerson as exc:
        return Documents(hold=exc.reason)
    notes, hold_refunds = credit_notes_for(order, invoice, bands, rounding)
    return Documents(
        customer=customer_for(order, rules), invoice=invoice, credit_notes=notes, hold_refunds=hold_refunds
    )


def _nothing_due(order: Order, rules: Rules) -> Documents | None:
    """Tests, cancelled and unpaid orders; free ones are looked at once they are paid for."""
    if order.told_by and rules.defer_to:
        return Documents(ignore=because("told_by_another", platform=order.told_by))
    if order.test and rules.test_orders is TestOrders.IGNORE:
        return Documents(ignore=because("test_order"))
    if order.cancelled_at is not None and not order.paid:
        return _cancelled(order, rules)
    if not order.paid and order.total and rules.invoice_when is InvoiceWhen.PAID:
        return Documents(wait=because("waits_for_payment"))
    if not order.total and not order.problems and not rules.zero_total_orders:
        return Documents(ignore=because("total_zero"))
    return None


def _cancelled(order: Order, rules: Rules) -> Documents:
    """Nothing is due; an invoice made before is reversed as a whole, if nothing else was done to it."""
    why = because("cancelled_before_payment")
    if rules.document is DocumentPolicy.EXTERNAL:
        return Documents(ignore=why, hold_refunds=(because("cancelled_external"),))
    if order.refunded:
        refunded = because("cancelled_after_refund", refunded=order.refunded, currency=order.currency)
        return Documents(ignore=why, hold_refunds=(refunded,))
    return Documents(ignore=why, credit_notes=(cancellation(order, language_of(order.customer, rules)),))


def _refuse(order: Order, rules: Rules) -> None:
    """What no rule below can repair."""
    if order.problems:
        raise NeedsPerson(together(order.problems))
    if order.total < 0:
        raise NeedsPerson(because("total_negative", total=order.total, currency=order.currency))
    if order.total != to_cents(order.total):
        raise NeedsPerson(because("total_not_in_cents", total=order.total, currency=order.currency))
    if not order.lines:
        raise NeedsPerson(because("no_lines"))
    if rules.document is DocumentPolicy.EXTERNAL and not order.external_ref:
        raise NeedsPerson(because("external_without_number"))


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
