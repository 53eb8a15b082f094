"""Shopify's lines, taxes, duties and discounts as far as an order needs them; see `payloads.py`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from bridge.orders import ZERO, decimal_from
from bridge.sources.reading import Amount, Id, Payload, Text

T = TypeVar("T")
Many = Annotated[tuple[T, ...], BeforeValidator(lambda value: [] if value is None else value)]
"""A list; null is empty."""
Stated = Annotated[
    Decimal | None, BeforeValidator(lambda value: None if value is None else decimal_from(value))
]
"""A number; null says nothing."""
Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
"""true or false; null is false."""


class Money(Payload):
    amount: Amount = ZERO
    currency_code: Text = ""


class MoneySet(Payload):
    shop_money: Money = Money()
    presentment_money: Money = Money()


class TaxLine(Payload):
    """`price`: for the whole line, all units, after discounts; `rate`: a fraction. `title`: of VAT, the
    country and its word for it ("AT USt", "FR TVA"); of others, what the shop calls it."""

    title: Text = ""
    price: Amount
    rate: Amount | None = None
    channel_liable: Flag = False

    @property
    def country(self) -> str:
        """Whose VAT the title says it is; "DE State Tax" is Delaware's."""
        named = re.fullmatch(r"([A-Z]{2}) \S+", self.title)
        return named[1] if named else ""


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
    current_quantity: Stated = None
    price: Amount
    gift_card: Flag = False
    requires_shipping: bool | None = None
    taxable: bool | None = None
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
