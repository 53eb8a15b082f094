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
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BeforeValidator, Field

from bridge.orders import ZERO
from bridge.sources.reading import Amount, Id, Payload, Text, plain_text

T = TypeVar("T")
Many = Annotated[tuple[T, ...], BeforeValidator(lambda value: [] if value is None else value)]
"""A list; null is empty."""
Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
"""true or false; null is false."""


def _inner_list(value: Any) -> Any:
    """Refunded duties are a list in webhooks, and a list inside an object in the resource's reference."""
    return value.get("duties") if isinstance(value, dict) else value


class Money(Payload):
    amount: Amount = ZERO
    currency_code: Text = ""


class MoneySet(Payload):
    shop_money: Money = Money()
    presentment_money: Money = Money()


class TaxLine(Payload):
    """`price`: for the whole line, all units, after discounts; `rate`: a fraction."""

    title: Text = ""
    price: Amount
    rate: Amount | None = None
    channel_liable: Flag = False


class Allocation(Payload):
    """One line's part of a discount. `discount_application_index` points into the order's list."""

    amount: Amount
    discount_application_index: int | None = None


class DiscountApplication(Payload):
    """What the discount is called: a code, or the title of an automatic or manual one."""

    code: Text = ""
    title: Text = ""
    description: Text = ""


class Duty(Payload):
    """Customs duties of one line; the amount stands on the duty itself."""

    id: Id = ""
    shop_money: Money = Money()
    tax_lines: Many[TaxLine] = ()


class LineItem(Payload):
    """`price`: one unit, before any discount; with VAT if and only if the order says `taxes_included`."""

    id: Id
    title: Text = ""
    name: Text = ""
    sku: Text = ""
    quantity: Amount
    price: Amount
    gift_card: Flag = False
    requires_shipping: bool | None = None
    tip: Any = None
    tip_payment_gateway: Any = None
    tip_payment_method: Any = None
    tax_lines: Many[TaxLine] = ()
    discount_allocations: Many[Allocation] = ()
    duties: Many[Duty] = ()

    @property
    def is_tip(self) -> bool:
        """A tip is known by keys that no other line has, even where they are null (ShopifySharp #706)."""
        return not self.model_fields_set.isdisjoint({"tip", "tip_payment_gateway", "tip_payment_method"})

    @property
    def base(self) -> Decimal:
        """After discounts; VAT inside or not, as the order says.

        `total_discount` can be 0.00 while a discount is allocated, so the allocations alone count.
        """
        return self.price * self.quantity - sum((part.amount for part in self.discount_allocations), ZERO)


class ShippingLine(Payload):
    """`discounted_price` is missing before API 2018-10; the allocations say the same."""

    id: Id = ""
    title: Text = ""
    price: Amount
    discounted_price: Amount | None = None
    tax_lines: Many[TaxLine] = ()
    discount_allocations: Many[Allocation] = ()

    @property
    def base(self) -> Decimal:
        """After discounts; VAT inside or not, as the order says."""
        if self.discounted_price is not None:
            return self.discounted_price
        return self.price - sum((part.amount for part in self.discount_allocations), ZERO)


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
    """Amounts are negative; the tax comes on top of `amount`. `kind` is gone from newer versions."""

    kind: Text = ""
    amount: Amount = ZERO
    tax_amount: Amount = ZERO


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

    @property
    def changed_at(self) -> datetime:
        """Which of two snapshots is the newer one."""
        return self.updated_at or self.processed_at or self.created_at


class OrderEdit(Payload):
    """What `orders/edited` carries: line ids and quantities only, so just its time is of use."""

    committed_at: AwareDatetime


class EditedPayload(Payload):
    order_edit: OrderEdit


class DeletedPayload(Payload):
    id: Id = Field(min_length=1)


def slug(words: str) -> str:
    """Lower case, without accents, `_` for everything that is not a letter or a digit."""
    plain = unicodedata.normalize("NFKD", words.casefold().replace("°", "o"))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return re.sub(r"[^0-9a-z]+", "_", ascii_only).strip("_")
