"""What Stripe tells of money that went back, as far as an order needs it; see `payloads.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

from bridge.orders import ZERO
from bridge.sources.reading import Amount, Id, Payload, Text
from bridge.sources.stripe.line_payloads import ShippingCost
from bridge.sources.stripe.payloads import Thing
from bridge.sources.stripe.reading import Currency, Listing, Maybe, Moment, Reference, or_empty


class StripeRefund(Thing):
    """https://docs.stripe.com/api/refunds/object."""

    amount: Amount
    currency: Currency
    created: Moment = None
    status: Id = ""
    reason: Text = ""
    charge: Reference = ""
    payment_intent: Reference = ""


class StripeCharge(Thing):
    """https://docs.stripe.com/api/charges/object; `refunds` only until API 2022-11-15."""

    currency: Currency
    amount: Amount = Decimal(0)
    amount_captured: Maybe = None
    amount_refunded: Amount
    payment_intent: Reference = ""
    refunds: Listing | None = None

    @property
    def given_back(self) -> Decimal:
        """Of money that was taken: what was authorised and not captured counts as refunded, too."""
        uncaptured = ZERO if self.amount_captured is None else self.amount - self.amount_captured
        return max(self.amount_refunded - uncaptured, ZERO)


class CreditedRefund(Payload):
    refund: Reference = ""
    amount_refunded: Amount = Decimal(0)


class StripeCreditNote(Thing):
    """https://docs.stripe.com/api/credit_notes/object."""

    number: Text = ""
    currency: Currency
    status: Id = ""
    total: Amount
    created: Moment = None
    effective_at: Moment = None
    out_of_band_amount: Amount = Decimal(0)
    pre_payment_amount: Amount = Decimal(0)
    customer_balance_transaction: Reference = ""
    refund: Reference = ""
    refunds: Annotated[tuple[CreditedRefund, ...], BeforeValidator(or_empty)] = ()
    lines: Listing | None = None
    shipping_cost: ShippingCost | None = None


class EvidenceDetails(Payload):
    due_by: Moment = None


class StripeDispute(Thing):
    """https://docs.stripe.com/api/disputes/object."""

    amount: Amount
    currency: Currency
    status: Id = ""
    reason: Text = ""
    evidence_details: EvidenceDetails | None = None
