"""The draft of an invoice: over all that was sold, or over what was added since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.billing.bands import Band
from bridge.billing.books.difference import DueInvoice
from bridge.billing.books.parts import amounts, by_rate
from bridge.billing.currency import vat_in_euros
from bridge.billing.customers import language_of
from bridge.billing.dates import delivered_on
from bridge.billing.drafts import DraftLine, InvoiceDraft
from bridge.billing.paying import Paid
from bridge.billing.rounding import ALL, FirmRounding
from bridge.billing.rules import DocumentPolicy, Rules
from bridge.billing.text import clean
from bridge.billing.totals import NO_CENTS, BilledLine, Encoded, encode
from bridge.billing.vat import Vat
from bridge.billing.wording import from_template, information, is_shown, line_title
from bridge.errors import NeedsPerson
from bridge.orders import Order, legal_date, to_cents
from bridge.reasons import because


@dataclass(frozen=True, slots=True)
class Context:
    """What all documents of an order have in common."""

    order: Order
    rules: Rules
    rounding: FirmRounding
    vat: Vat


def invoice_draft(here: Context, due: DueInvoice, paid: Paid, first: str, *, written: bool) -> InvoiceDraft:
    """`first`: the number of the order's first invoice, for a further one. `written`: it exists and is as it
    should be, so that its lines need not be found again. Raises NeedsPerson where no lines come to its total.
    """
    order, rules, vat = here.order, here.rules, here.vat
    encoded = Encoded(lines=(), rules=frozenset(), agreed=True) if written else _encoded(here, due)
    external = rules.document is DocumentPolicy.EXTERNAL
    title = from_template(rules.title, order)
    if not due.first:
        title = clean(f"{title} - complément à la facture {first}" if first else f"{title} - complément")
    return InvoiceDraft(
        key=due.key,
        policy=rules.document,
        lines=encoded.lines,
        currency=order.currency,
        total=due.gross if due.parts else order.total,
        agreed=encoded.agreed,
        language=language_of(order.customer, rules),
        title=title,
        information=information(order, rules, paid, vat, vat_in_euros(order, by_rate(due.parts))),
        delivered_on=None if written else delivered_on(order),
        due_on=None if paid.note else order.due_on,
        paid=paid.note,
        vat_exemption=vat.exemption,
        vat_country=vat.country,
        external_ref=order.external_ref if external else "",
        external_on=legal_date(order.placed_at) if external else None,
        purchase_number=order.purchase_number,
        category_id=rules.category_id,
        nature=rules.nature,
        send_email=rules.send_email,
        parts=due.parts,
        less=due.less,
        why=(*_policy_why(order, rules), *vat.why, *_encoding_why(encoded), *paid.why),
    )


def _encoded(here: Context, due: DueInvoice) -> Encoded:
    order, total = here.order, due.gross if due.parts else here.order.total
    billed = [billed_line(band, order.currency) for band in _shown(here.vat.bands, due)]
    found = encode(billed, total, here.rounding.candidates or ALL)
    if not found.rules:
        raise NeedsPerson(because("no_lines_for_total", total=total, currency=order.currency))
    return agreed(here, found)


def agreed(here: Context, found: Encoded) -> Encoded:
    """Nothing is agreed on as long as the firm's rule is not known, or in currencies of other decimals."""
    sure = here.rounding.held and here.order.currency not in NO_CENTS
    return found if sure else replace(found, agreed=False)


def billed_line(band: Band, currency: str) -> BilledLine:
    """The band as a document says it."""
    return BilledLine(
        title=line_title(band, currency),
        quantity=Decimal(1) if band.several else band.line.quantity,
        net=band.net,
        vat=band.rate,
        gross=band.gross,
    )


def worth_showing(bands: tuple[Band, ...]) -> tuple[Band, ...]:
    """Without free lines, unless all are free."""
    shown = tuple(band for band in bands if band.gross or (not band.line.gross and is_shown(band.line)))
    return shown if any(band.gross for band in shown) else bands


def _shown(bands: tuple[Band, ...], due: DueInvoice) -> Iterable[Band]:
    """What the invoice bills of each band; free lines stand on the first invoice."""
    wanted = amounts(due.parts)
    for band in worth_showing(bands):
        gross = wanted.get((band.line.id, band.rate))
        if gross is None:
            if due.first and not band.gross:
                yield band
        else:
            yield share(band, gross)


def share(band: Band, gross: Decimal) -> Band:
    """So much of a band: whole units where that is so many, else one position."""
    if gross == band.gross:
        return band
    quantity = band.line.quantity * gross / band.gross
    line = replace(band.line, discount=Decimal(0), quantity=quantity)
    if quantity != quantity.to_integral_value() or band.several:
        line = replace(line, quantity=Decimal(1))
    return replace(band, line=line, gross=gross, net=to_cents(band.net * gross / band.gross))


def same_total(order: Order, bands: Sequence[Band]) -> None:
    """The lines must be what was charged; only rounding per line may separate them. Raises NeedsPerson."""
    total = sum((band.gross for band in bands), Decimal(0))
    if abs(total - order.total) > Decimal("0.005") * (len(worth_showing(tuple(bands))) + 1):
        raise NeedsPerson(
            because(
                "lines_differ",
                lines=total,
                total=order.total,
                difference=order.total - total,
                currency=order.currency,
            )
        )


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


def mirrored(lines: Iterable[DraftLine]) -> tuple[DraftLine, ...]:
    """As a credit note writes them."""
    return tuple(replace(line, quantity=-line.quantity) for line in lines)
