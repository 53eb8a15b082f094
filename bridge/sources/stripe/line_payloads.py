"""Stripe's lines, taxes and discounts as far as an order needs them; see `payloads.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from bridge.sources.reading import Amount, Id, Payload, Text
from bridge.sources.stripe.reading import Maybe, Moment, Reference, expanded, or_empty


class TaxRate(Payload):
    """`percentage`: 20 is 20 %, None where only the id is known."""

    id: Reference = ""
    percentage: Maybe = None
    inclusive: bool | None = None
    display_name: Text = ""
    country: Text = ""


RateReference = Annotated[TaxRate, BeforeValidator(expanded)]
NO_RATE = TaxRate()


class TaxRateDetails(Payload):
    tax_rate: RateReference = NO_RATE


class TaxEntry(Payload):
    """One entry of `tax_amounts` (until acacia), `taxes` (since basil), or a Checkout item's `taxes`."""

    amount: Amount
    inclusive: bool | None = None
    tax_behavior: Id = ""
    taxability_reason: Id = ""
    tax_rate: RateReference = NO_RATE
    rate: RateReference = NO_RATE
    tax_rate_details: TaxRateDetails | None = None

    @property
    def stated_rate(self) -> TaxRate:
        """The rate in whichever place this API version has it."""
        later = self.tax_rate_details.tax_rate if self.tax_rate_details else NO_RATE
        return next((rate for rate in (self.tax_rate, self.rate, later) if rate != NO_RATE), NO_RATE)

    @property
    def inside(self) -> bool:
        """The line's amount contains this tax already."""
        if self.tax_behavior:
            return self.tax_behavior == "inclusive"
        return bool(self.inclusive if self.inclusive is not None else self.stated_rate.inclusive)


class Coupon(Payload):
    id: Reference = ""
    name: Text = ""
    percent_off: Maybe = None
    amount_off: Maybe = None


class Discount(Payload):
    id: Reference = ""
    coupon: Annotated[Coupon, BeforeValidator(expanded)] = Coupon()


class DiscountAmount(Payload):
    amount: Amount
    discount: Annotated[Discount, BeforeValidator(expanded)] = Discount()


class PretaxCredit(Payload):
    """https://docs.stripe.com/api/invoices/line_item: discounts once more, and billing credits."""

    amount: Amount
    type: Id = ""


class Period(Payload):
    start: Moment = None
    end: Moment = None


class Price(Payload):
    """`price`, `plan` or `pricing` of a line. The amounts are minor units for one."""

    nickname: Text = ""
    unit_amount: Maybe = None
    unit_amount_decimal: Maybe = None
    amount: Maybe = None
    amount_decimal: Maybe = None
    tiers_mode: Id = ""

    @property
    def unit(self) -> Decimal | None:
        """The price of one, None where there is no single one."""
        stated = (self.unit_amount_decimal, self.unit_amount, self.amount_decimal, self.amount)
        return next((amount for amount in stated if amount is not None), None)


PriceReference = Annotated[
    Price | None, BeforeValidator(lambda value: None if isinstance(value, str) else value)
]


class LineParent(Payload):
    type: Id = ""
    subscription_item_details: dict[str, Any] | None = None
    invoice_item_details: dict[str, Any] | None = None

    @property
    def credited_invoice(self) -> str:
        """Of a proration: the invoice whose line it gives back.
        https://docs.stripe.com/api/invoice-line-item/object, proration_details.credited_items"""
        details = self.invoice_item_details or self.subscription_item_details or {}
        proration = details.get("proration_details")
        credited = proration.get("credited_items") if isinstance(proration, dict) else None
        invoice = credited.get("invoice") if isinstance(credited, dict) else None
        return invoice if isinstance(invoice, str) else ""


class StripeLine(Payload):
    """A line of an invoice or of a credit note. Amounts in minor units; `amount` is before discounts."""

    id: Reference = ""
    amount: Amount
    description: Text = ""
    quantity: Maybe = None
    quantity_decimal: Maybe = None
    discountable: bool | None = None
    discount_amounts: tuple[DiscountAmount, ...] | None = None
    discount_amount: Maybe = None
    pretax_credit_amounts: Annotated[tuple[PretaxCredit, ...], BeforeValidator(or_empty)] = ()
    taxes: tuple[TaxEntry, ...] | None = None
    tax_amounts: tuple[TaxEntry, ...] | None = None
    tax_rates: Annotated[tuple[RateReference, ...], BeforeValidator(or_empty)] = ()
    period: Period | None = None
    price: PriceReference = None
    plan: PriceReference = None
    pricing: Price | None = None
    type: Id = ""
    subscription: Reference = ""
    parent: LineParent | None = None
    invoice_line_item: Reference = ""

    @property
    def entries(self) -> tuple[TaxEntry, ...] | None:
        """The taxes in whichever shape; None where the line does not speak of tax at all."""
        return self.taxes if self.taxes is not None else self.tax_amounts


class StripeItem(Payload):
    """A line item of a Checkout session; `amount_total` is after discounts and taxes."""

    id: Reference = ""
    amount_total: Amount
    amount_subtotal: Amount = Decimal(0)
    amount_discount: Amount = Decimal(0)
    amount_tax: Amount = Decimal(0)
    description: Text = ""
    quantity: Maybe = None
    price: PriceReference = None
    taxes: tuple[TaxEntry, ...] | None = None


class ShippingCost(Payload):
    amount_tax: Amount = Decimal(0)
    amount_total: Amount = Decimal(0)
    taxes: tuple[TaxEntry, ...] | None = None
