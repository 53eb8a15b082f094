"""The shape of what Shopify sends, as far as an invoice needs it.

Webhook bodies keep the shape of the REST resources:
https://shopify.dev/docs/api/admin-rest/latest/resources/order,
https://shopify.dev/docs/api/admin-rest/latest/resources/refund,
https://shopify.dev/docs/api/admin-rest/latest/resources/transaction.
Flat amounts are in the shop's currency; only `*_set` also knows what the buyer saw.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field

from bridge.orders import ZERO
from bridge.sources.reading import Amount, Id, Payload, Text, plain_text
from bridge.sources.shopify.line_payloads import (
    DiscountApplication,
    Flag,
    LineItem,
    Many,
    MoneySet,
    ShippingLine,
)


def _inner_list(value: Any) -> Any:
    """Refunded duties are a list in webhooks, and a list inside an object in the resource's reference."""
    return value.get("duties") if isinstance(value, dict) else value


class Transaction(Payload):
    """One movement of money. `amount` is in `currency`, the buyer's; null or "XXX" means nothing."""

    id: Id = Field(min_length=1)
    kind: Text = ""
    status: Text = ""
    gateway: Text = ""
    amount: Amount = ZERO
    currency: Text = ""
    authorization: Text = ""
    created_at: AwareDatetime | None = None
    processed_at: AwareDatetime | None = None

    @property
    def at(self) -> datetime | None:
        return self.processed_at or self.created_at


class RefundLine(Payload):
    """`subtotal`: after discounts, with VAT as the order says; the sets say the same as exact text."""

    line_item_id: Id = ""
    quantity: Amount = Decimal(1)
    subtotal: Amount = ZERO
    total_tax: Amount = ZERO
    subtotal_set: MoneySet | None = None
    total_tax_set: MoneySet | None = None
    line_item: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        """The line is repeated inside, for an order that no longer has it."""
        repeated = self.line_item or {}
        return str(repeated.get("name") or repeated.get("title") or "Article")

    @property
    def base(self) -> Decimal:
        return self.subtotal_set.shop_money.amount if self.subtotal_set else self.subtotal

    @property
    def tax(self) -> Decimal:
        return self.total_tax_set.shop_money.amount if self.total_tax_set else self.total_tax


class RefundShippingLine(Payload):
    shipping_line_id: Id = ""
    subtotal_amount_set: MoneySet


class OrderAdjustment(Payload):
    """Amounts are negative, but for what was kept back; the tax comes on top of `amount`. `kind` is gone from
    newer versions, which tell it by `reason`."""

    kind: Text = ""
    reason: Text = ""
    amount: Amount = ZERO
    tax_amount: Amount = ZERO

    @property
    def of_shipping(self) -> bool:
        """It says which part of the shipping was given back; otherwise, by how much the lines do not tell
        it."""
        return (self.kind or slug(self.reason)) == "shipping_refund"


class RefundedDuty(Payload):
    duty_id: Id = ""
    amount_set: MoneySet = MoneySet()


class RefundPayload(Payload):
    """A refund, as `refunds/create` sends it and as the order's `refunds` list it."""

    id: Id = Field(min_length=1)
    created_at: AwareDatetime
    processed_at: AwareDatetime | None = None
    note: Text = ""
    refund_line_items: Many[RefundLine] = ()
    refund_shipping_lines: Many[RefundShippingLine] = ()
    order_adjustments: Many[OrderAdjustment] = ()
    duties: Annotated[Many[RefundedDuty], BeforeValidator(_inner_list)] = ()
    transactions: Many[Transaction] = ()

    @property
    def discrepancies(self) -> tuple[OrderAdjustment, ...]:
        """What was given beyond the lines (negative), or kept back of them."""
        return tuple(each for each in self.order_adjustments if not each.of_shipping)


class DisputePayload(Payload):
    """https://shopify.dev/docs/api/webhooks?reference=disputes. `status`: needs_response, under_review,
    charge_refunded, accepted, won or lost."""

    id: Id = Field(min_length=1)
    amount: Amount
    reason: Text = ""
    status: Text = ""
    evidence_due_by: AwareDatetime | None = None
    finalized_on: Any = None


class NoteAttribute(Payload):
    """A field that the theme or an app added to the cart; `value` can be anything."""

    name: Text = ""
    value: Any = None

    @property
    def text(self) -> str:
        """The value where it is one; what apps store in lists and objects is not."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int):
            return ""
        return plain_text(self.value)


class PostalAddress(Payload):
    first_name: Text = ""
    last_name: Text = ""
    name: Text = ""
    company: Text = ""
    address1: Text = ""
    address2: Text = ""
    city: Text = ""
    zip: Text = ""
    province: Text = ""
    country_code: Text = ""
    phone: Text = ""


class Buyer(Payload):
    id: Id = ""
    email: Text = ""
    first_name: Text = ""
    last_name: Text = ""
    phone: Text = ""
    tax_exempt: Flag = False
    tax_exemptions: Many[Text] = ()
    default_address: PostalAddress | None = None


class Fulfillment(Payload):
    """One parcel. `status`: pending, open, success, cancelled, error or failure:
    https://shopify.dev/docs/api/admin-rest/latest/resources/fulfillment"""

    status: Text = ""
    created_at: AwareDatetime


class PaymentSchedule(Payload):
    due_at: AwareDatetime | None = None


class PaymentTerms(Payload):
    """https://shopify.dev/docs/api/admin-rest/latest/resources/order: one schedule for each instalment."""

    payment_schedules: Many[PaymentSchedule] = ()


class OrderPayload(Payload):
    """An order as placed; `current_*` is what edits and refunds have left of it.

    `total_outstanding`: still owed of `current_total_price`. Any field may be missing where the subscription
    filters fields; those without default are the ones that nobody can do without.
    """

    id: Id = Field(min_length=1)
    name: Text = ""
    currency: Text = Field(min_length=3)
    presentment_currency: Text = ""
    taxes_included: bool
    duties_included: Flag = False
    tax_exempt: Flag = False
    total_price: Amount
    total_price_set: MoneySet | None = None
    current_total_price: Amount | None = None
    total_outstanding: Amount = ZERO
    original_total_additional_fees_set: MoneySet | None = None
    financial_status: Text = ""
    confirmed: bool | None = None
    test: Flag = False
    created_at: AwareDatetime
    updated_at: AwareDatetime | None = None
    processed_at: AwareDatetime | None = None
    cancelled_at: AwareDatetime | None = None
    payment_gateway_names: Many[Text] = ()
    po_number: Text = ""
    note_attributes: Many[NoteAttribute] = ()
    customer_locale: Text = ""
    source_name: Text = ""
    email: Text = ""
    contact_email: Text = ""
    phone: Text = ""
    customer: Buyer | None = None
    billing_address: PostalAddress | None = None
    shipping_address: PostalAddress | None = None
    line_items: Many[LineItem]
    shipping_lines: Many[ShippingLine] = ()
    discount_applications: Many[DiscountApplication] = ()
    refunds: Many[RefundPayload] = ()
    fulfillments: Many[Fulfillment] = ()
    payment_terms: PaymentTerms | None = None

    @property
    def shipped_at(self) -> datetime | None:
        """When the last parcel left."""
        return max((each.created_at for each in self.fulfillments if each.status == "success"), default=None)

    @property
    def due_at(self) -> datetime | None:
        """When the last instalment is due."""
        terms = self.payment_terms.payment_schedules if self.payment_terms else ()
        return max((each.due_at for each in terms if each.due_at), default=None)

    @property
    def changed_at(self) -> datetime:
        """Which of two snapshots is the newer one."""
        return self.updated_at or self.processed_at or self.created_at


class EditedLine(Payload):
    id: Id = ""


class EditedLines(Payload):
    additions: Many[EditedLine] = ()


class OrderEdit(Payload):
    """What `orders/edited` carries: line ids and quantities only, so its time and what was added are of
    use."""

    committed_at: AwareDatetime
    line_items: EditedLines = EditedLines()
    shipping_lines: EditedLines = EditedLines()

    @property
    def added(self) -> tuple[str, ...]:
        """Ids of lines."""
        return tuple(each.id for each in (*self.line_items.additions, *self.shipping_lines.additions))


class EditedPayload(Payload):
    order_edit: OrderEdit


class DeletedPayload(Payload):
    id: Id = Field(min_length=1)


def slug(words: str) -> str:
    """Lower case, without accents, `_` for everything that is not a letter or a digit."""
    plain = unicodedata.normalize("NFKD", words.casefold().replace("°", "o"))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return re.sub(r"[^0-9a-z]+", "_", ascii_only).strip("_")
