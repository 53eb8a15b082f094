"""Stripe's objects as far as an order needs them, in every shape since 2019.

Nothing is taken from `api_version`: a field of the old API and its successor stand side by side here, and
whoever reads them takes the one that is there. `None` means absent where that differs from empty.
Shapes: https://docs.stripe.com/api and https://docs.stripe.com/changelog (basil, clover, dahlia, endive).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bridge.sources.reading import Amount, Id, Payload, Text
from bridge.sources.stripe.line_payloads import Discount, RateReference, ShippingCost, TaxEntry
from bridge.sources.stripe.reading import Currency, Listing, Maybe, Moment, Reference, expanded, or_empty


class Thing(Payload):
    """What an event is about."""

    id: Reference


class StripeAddress(Payload):
    line1: Text = ""
    line2: Text = ""
    city: Text = ""
    postal_code: Text = ""
    state: Text = ""
    country: Text = ""


class ShippingDetails(Payload):
    name: Text = ""
    phone: Text = ""
    address: StripeAddress | None = None


class TaxId(Payload):
    type: Id = ""
    value: Text = ""


TaxIds = Annotated[tuple[TaxId, ...], BeforeValidator(or_empty)]
Words = Annotated[dict[str, Text], BeforeValidator(lambda value: value or {})]
Names = Annotated[tuple[Id, ...], BeforeValidator(or_empty)]


class MethodDetails(Payload):
    type: Id = ""


class Paid(Payload):
    """A payment intent or a charge: its id in events, more where it is expanded."""

    id: Reference = ""
    payment_method_details: MethodDetails | None = None
    payment_method_types: Names = ()


PaidReference = Annotated[Paid, BeforeValidator(expanded)]
NOT_PAID = Paid()


class PaymentSettings(Payload):
    payment_method_types: Names = ()


class StatusTransitions(Payload):
    finalized_at: Moment = None
    paid_at: Moment = None
    voided_at: Moment = None


class CustomField(Payload):
    name: Text = ""
    value: Text = ""


class FieldText(Payload):
    value: Text = ""
    custom: Text = ""


class CheckoutField(Payload):
    """https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-custom_fields"""

    key: Text = ""
    label: FieldText = FieldText()
    text: FieldText | None = None
    numeric: FieldText | None = None
    dropdown: FieldText | None = None

    @property
    def name(self) -> str:
        """As the buyer saw it."""
        return self.label.custom or self.key

    @property
    def said(self) -> str:
        """What the buyer entered or chose."""
        return next((each.value for each in (self.text, self.numeric, self.dropdown) if each), "")


class Issuer(Payload):
    """https://docs.stripe.com/api/invoices/object#invoice_object-issuer"""

    type: Id = ""


class ManagedPayments(Payload):
    """https://docs.stripe.com/payments/managed-payments: Stripe is the merchant of record."""

    enabled: bool | None = None


class StripeInvoice(Thing):
    """https://docs.stripe.com/api/invoices/object; the customer fields are frozen when it is finalized."""

    issuer: Issuer | None = None
    number: Text = ""
    status: Id = ""
    paid: bool | None = None
    livemode: bool | None = None
    currency: Currency
    total: Amount
    amount_paid: Amount = Decimal(0)
    amount_overpaid: Amount = Decimal(0)
    paid_out_of_band: bool | None = None
    starting_balance: Amount = Decimal(0)
    ending_balance: Amount = Decimal(0)
    tax: Maybe = None
    total_tax_amounts: tuple[TaxEntry, ...] | None = None
    total_taxes: tuple[TaxEntry, ...] | None = None
    default_tax_rates: Annotated[tuple[RateReference, ...], BeforeValidator(or_empty)] = ()
    discount: Discount | None = None
    lines: Listing | None = None
    shipping_cost: ShippingCost | None = None
    created: Moment = None
    due_date: Moment = None
    effective_at: Moment = None
    status_transitions: StatusTransitions = StatusTransitions()
    charge: PaidReference = NOT_PAID
    payment_intent: PaidReference = NOT_PAID
    payment_settings: PaymentSettings | None = None
    customer: Reference = ""
    customer_name: Text = ""
    customer_email: Text = ""
    customer_phone: Text = ""
    customer_address: StripeAddress | None = None
    customer_shipping: ShippingDetails | None = None
    shipping_details: ShippingDetails | None = None
    customer_tax_exempt: Id = ""
    customer_tax_ids: TaxIds = ()
    custom_fields: Annotated[tuple[CustomField, ...], BeforeValidator(or_empty)] = ()
    metadata: Words = Field(default_factory=dict)

    @property
    def stated_as_unpaid(self) -> bool:
        """It says that no money was paid for it: credit notes, or nothing, settled it."""
        return "amount_paid" in self.model_fields_set and not self.amount_paid

    @property
    def stated_tax(self) -> Decimal | None:
        """The tax of the whole invoice, None where it is not spoken of."""
        entries = self.total_taxes if self.total_taxes is not None else self.total_tax_amounts
        if entries is not None:
            return sum((entry.amount for entry in entries), Decimal(0))
        if "tax" in self.model_fields_set:
            return self.tax or Decimal(0)
        return None


class PaymentOfInvoice(Payload):
    type: Id = ""
    payment_intent: Reference = ""
    charge: Reference = ""
    payment_record: Reference = ""


class StripeInvoicePayment(Thing):
    """https://docs.stripe.com/api/invoice-payment/object (since basil)."""

    currency: Currency
    amount_paid: Maybe = None
    payment: PaymentOfInvoice = PaymentOfInvoice()


class CustomerDetails(Payload):
    name: Text = ""
    business_name: Text = ""
    individual_name: Text = ""
    email: Text = ""
    phone: Text = ""
    address: StripeAddress | None = None
    tax_exempt: Id = ""
    tax_ids: TaxIds = ()


class CollectedInformation(Payload):
    business_name: Text = ""
    individual_name: Text = ""
    shipping_details: ShippingDetails | None = None


class StripeSession(Thing):
    """https://docs.stripe.com/api/checkout/sessions/object, in payment mode."""

    livemode: bool | None = None
    currency: Currency
    amount_total: Amount
    payment_status: Id = ""
    invoice: Reference = ""
    created: Moment = None
    payment_intent: PaidReference = NOT_PAID
    payment_method_types: Names = ()
    shipping_cost: ShippingCost | None = None
    customer: Reference = ""
    customer_email: Text = ""
    customer_details: CustomerDetails | None = None
    collected_information: CollectedInformation | None = None
    shipping_details: ShippingDetails | None = None
    locale: Text = ""
    managed_payments: ManagedPayments | None = None
    custom_fields: Annotated[tuple[CheckoutField, ...], BeforeValidator(or_empty)] = ()
    metadata: Words = Field(default_factory=dict)


class EventData(Payload):
    object: dict[str, Any]


class EventBody(Payload):
    """The envelope: https://docs.stripe.com/api/events/object."""

    created: Moment = None
    livemode: bool | None = None
    data: EventData
