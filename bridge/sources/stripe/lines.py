"""Lines of Stripe's invoices, credit notes and Checkout sessions → lines of an order, VAT included.

The identity that everything is checked against (https://docs.stripe.com/api/invoices/object, and every real
invoice that we have seen): total = Σ amount − Σ discounts + Σ exclusive taxes + shipping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from bridge.orders import ZERO, Line, LineKind, Supply, Tax, ZeroTaxReason, legal_date
from bridge.sources.stripe.line_payloads import (
    Coupon,
    Period,
    ShippingCost,
    StripeItem,
    StripeLine,
    TaxEntry,
    TaxRate,
)
from bridge.sources.stripe.payloads import StripeInvoice, StripeSession
from bridge.sources.stripe.reading import money
from bridge.sources.stripe.refund_payloads import StripeCreditNote

SHIPPING_LINE = "shipping"
"""Id of the one shipping line; Stripe gives it none."""

REASONS: Mapping[str, ZeroTaxReason] = {
    "reverse_charge": ZeroTaxReason.REVERSE_CHARGE,
    "customer_exempt": ZeroTaxReason.CUSTOMER_EXEMPT,
    "product_exempt": ZeroTaxReason.PRODUCT_EXEMPT,
    "product_exempt_holiday": ZeroTaxReason.PRODUCT_EXEMPT,
    "zero_rated": ZeroTaxReason.ZERO_RATED,
    "not_collecting": ZeroTaxReason.NOT_COLLECTING,
}
"""`taxability_reason`: https://docs.stripe.com/tax/zero-tax. The others give no ground for a VAT mention."""

EXEMPT: Mapping[str, ZeroTaxReason] = {
    "reverse": ZeroTaxReason.REVERSE_CHARGE,
    "exempt": ZeroTaxReason.CUSTOMER_EXEMPT,
}
"""`customer_tax_exempt`: https://docs.stripe.com/api/customers/object#customer_object-tax_exempt."""

Rates = Mapping[str, TaxRate]


def lines_of_invoice(invoice: StripeInvoice, raw: Sequence[StripeLine]) -> tuple[Line, ...]:
    """The invoice's lines, shipping last."""
    rates = _known_rates(invoice.default_tax_rates, raw)
    exempt = EXEMPT.get(invoice.customer_tax_exempt)
    legacy = _legacy_discounts(invoice, raw)
    lines = [
        _line(line, line.id, invoice.currency, rates, exempt, extra)
        for line, extra in zip(raw, legacy, strict=True)
    ]
    if any(legacy) and invoice.discount is not None:
        labels = _labels([invoice.discount.coupon])
        lines = [replace(line, discount_labels=labels) if line.discount else line for line in lines]
    lines += _shipping(invoice.shipping_cost, invoice.currency, rates, exempt)
    return tuple(lines)


def lines_of_session(session: StripeSession, items: Sequence[StripeItem]) -> tuple[Line, ...]:
    """The session's lines, shipping last."""
    details = session.customer_details
    exempt = EXEMPT.get(details.tax_exempt) if details else None
    lines = [_item(item, session.currency, exempt) for item in items]
    lines += _shipping(session.shipping_cost, session.currency, {}, exempt)
    return tuple(lines)


def lines_of_credit_note(note: StripeCreditNote, raw: Sequence[StripeLine]) -> tuple[Line, ...]:
    """The lines of a credit note, under the ids of those of its invoice, or "" where they are its own.

    Nothing where they do not come to its total, or one of its own bears no tax: only its amount can be
    trusted.
    """
    rates = _known_rates((), raw)
    lines = [_line(line, line.invoice_line_item, note.currency, rates, None) for line in raw]
    lines += _shipping(note.shipping_cost, note.currency, rates, None)
    if sum((line.gross for line in lines), ZERO) != money(note.total, note.currency):
        return ()
    return tuple(lines) if all(line.id or line.taxes for line in lines) else ()


def credited_invoices(raw: Iterable[StripeLine]) -> tuple[str, ...]:
    """The invoices that lines of a negative invoice give back: unused time of a subscription that changed."""
    found = (line.parent.credited_invoice for line in raw if line.parent)
    return tuple(dict.fromkeys(name for name in found if name))


def _known_rates(defaults: Sequence[TaxRate], raw: Sequence[StripeLine]) -> Rates:
    rates = [*defaults, *(rate for line in raw for rate in line.tax_rates)]
    return {rate.id: rate for rate in rates if rate.id and rate.percentage is not None}


def _line(
    line: StripeLine,
    id_: str,
    currency: str,
    rates: Rates,
    exempt: ZeroTaxReason | None,
    extra_discount: Decimal = ZERO,
) -> Line:
    """One line; `extra_discount` in minor units is a coupon that an old API does not put on lines."""
    discount = _discount(line) + extra_discount
    quantity, title = _counted(line)
    return Line(
        id=id_,
        title=title,
        quantity=quantity,
        gross=money(line.amount - discount + _exclusive(line), currency),
        taxes=_taxes(line.entries or (), currency, rates, exempt),
        discount=money(discount, currency) if discount else ZERO,
        discount_labels=_labels([entry.discount.coupon for entry in line.discount_amounts or ()]),
        period=_period(line.period),
        supply=Supply.SERVICES if _of_subscription(line) else Supply.UNKNOWN,
    )


def _item(item: StripeItem, currency: str, exempt: ZeroTaxReason | None) -> Line:
    unit = item.price.unit if item.price else None
    quantity, title = _count(
        item.description or "Article", item.quantity, unit, item.amount_subtotal or item.amount_total
    )
    return Line(
        id=item.id,
        title=title,
        quantity=quantity,
        gross=money(item.amount_total, currency),
        taxes=_stated_or_sum(item.taxes, item.amount_tax, currency, {}, exempt),
        discount=money(item.amount_discount, currency) if item.amount_discount else ZERO,
    )


def _shipping(
    cost: ShippingCost | None, currency: str, rates: Rates, exempt: ZeroTaxReason | None
) -> list[Line]:
    """Outside `lines`, tax inside:
    https://docs.stripe.com/api/invoices/object#invoice_object-shipping_cost."""
    if cost is None or not (cost.amount_total or cost.amount_tax):
        return []
    taxes = _stated_or_sum(cost.taxes, cost.amount_tax, currency, rates, exempt)
    gross = money(cost.amount_total, currency)
    return [
        Line(id=SHIPPING_LINE, kind=LineKind.SHIPPING, title="Frais de livraison", gross=gross, taxes=taxes)
    ]


def _stated_or_sum(
    entries: tuple[TaxEntry, ...] | None,
    amount: Decimal,
    currency: str,
    rates: Rates,
    exempt: ZeroTaxReason | None,
) -> tuple[Tax, ...]:
    """The taxes by rate where they are expanded, else their sum without a rate."""
    if entries is None and amount:
        return (Tax(amount=money(amount, currency)),)
    return _taxes(entries or (), currency, rates, exempt)


def _taxes(
    entries: Sequence[TaxEntry], currency: str, rates: Rates, exempt: ZeroTaxReason | None
) -> tuple[Tax, ...]:
    if not entries and exempt is not None:
        return (Tax(amount=ZERO, rate=ZERO, reason=exempt),)
    return tuple(_tax(entry, currency, rates, exempt) for entry in entries)


def _tax(entry: TaxEntry, currency: str, rates: Rates, exempt: ZeroTaxReason | None) -> Tax:
    stated = entry.stated_rate
    known = rates.get(stated.id, stated) if stated.percentage is None else stated
    amount = money(entry.amount, currency)
    return Tax(
        amount=amount,
        rate=None if known.percentage is None else (known.percentage / 100).normalize(),
        title=known.display_name,
        country=known.country,
        reason=None if amount else REASONS.get(entry.taxability_reason, exempt),
    )


def _exclusive(line: StripeLine) -> Decimal:
    return sum((entry.amount for entry in line.entries or () if not entry.inside), ZERO)


def _discount(line: StripeLine) -> Decimal:
    """What is taken off, with the billing credits, which `discount_amounts` leaves out."""
    credits = sum(
        (
            credit.amount
            for credit in line.pretax_credit_amounts
            if credit.type == "credit_balance_transaction"
        ),
        ZERO,
    )
    if line.discount_amounts is None:
        return credits + (line.discount_amount or ZERO)
    return credits + sum((entry.amount for entry in line.discount_amounts), ZERO)


def _labels(coupons: Sequence[Coupon]) -> tuple[str, ...]:
    return tuple(coupon.name or coupon.id for coupon in coupons if coupon.name or coupon.id)


def _counted(line: StripeLine) -> tuple[Decimal, str]:
    prices = (price.unit for price in (line.pricing, line.price, line.plan) if price is not None)
    unit = next((price for price in prices if price is not None), None)
    nickname = next((price.nickname for price in (line.price, line.plan) if price and price.nickname), "")
    quantity = line.quantity if line.quantity_decimal is None else line.quantity_decimal
    return _count(line.description or nickname or "Article", quantity, unit, line.amount)


def _count(
    title: str, quantity: Decimal | None, unit: Decimal | None, amount: Decimal
) -> tuple[Decimal, str]:
    """Quantity and title. Where quantity × unit is not the amount (tiers, prorations, metered use), the line
    is one at the whole amount, and the title says how many."""
    if not quantity or quantity == 1:
        return Decimal(1), title
    if unit is not None and (quantity * unit).quantize(Decimal(1), rounding=ROUND_HALF_UP) == amount:
        return quantity, title
    count = f"{quantity.normalize():f}"
    return Decimal(1), title if title.startswith(f"{count} ×") else f"{title} (quantité : {count})"


def _period(period: Period | None) -> tuple[date, date] | None:
    """First and last day; Stripe's `end` is the next period's start."""
    if period is None or period.start is None or period.end is None:
        return None
    start, end = legal_date(period.start), legal_date(period.end)
    return (start, end - timedelta(days=1)) if start < end else None


def _of_subscription(line: StripeLine) -> bool:
    if line.type == "subscription" or line.subscription:
        return True
    if line.parent is None:
        return False
    item = line.parent.invoice_item_details or {}
    return line.parent.type == "subscription_item_details" or bool(item.get("subscription"))


def _legacy_discounts(invoice: StripeInvoice, raw: Sequence[StripeLine]) -> list[Decimal]:
    """For each line, its part of a coupon that an API of 2019 or before states on the invoice only.

    What the coupon took off is what the total lacks. It is spread in proportion to the discountable lines,
    the remainder on the last, if it agrees with the coupon to a minor unit for each line; otherwise nothing
    is spread, and the total that does not add up is the problem.
    """
    nothing = [ZERO] * len(raw)
    if invoice.discount is None or any(line.discount_amounts is not None for line in raw):
        return nothing
    shipping = invoice.shipping_cost.amount_total if invoice.shipping_cost else ZERO
    missing = sum((line.amount + _exclusive(line) for line in raw), shipping) - invoice.total
    sharing = [at for at, line in enumerate(raw) if line.discountable is not False and line.amount > 0]
    base = sum((raw[at].amount for at in sharing), ZERO)
    coupon = invoice.discount.coupon
    expected = min(coupon.amount_off or ZERO, base)
    if coupon.percent_off is not None:
        expected = base * coupon.percent_off / 100
    if missing <= 0 or missing > base or abs(missing - expected) > len(sharing):
        return nothing
    shares = list(nothing)
    for at in sharing:
        shares[at] = (missing * raw[at].amount / base).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    shares[sharing[-1]] += missing - sum(shares, ZERO)
    return shares
