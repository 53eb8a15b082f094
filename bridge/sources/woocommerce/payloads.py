"""What WooCommerce sends, as models: exact amounts, times in UTC, plugins' data as plain texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from bridge.currencies import payable
from bridge.orders import CENT, ZERO, decimal_from
from bridge.sources.reading import Amount, Id, Payload, Text, of_our_time, plain_text, raw_text

_NO_DATE = re.compile(r"-0001-|0000-")

T = TypeVar("T")


def _listed(value: object) -> object:
    """A PHP array with gaps is JSON-encoded as an object: its values are the list. None is empty."""
    if value is None:
        return ()
    return tuple(value.values()) if isinstance(value, dict) else value


def _stated(value: object) -> Decimal | None:
    """An amount that may be absent: "" and None say nothing, "0" says zero."""
    return None if value is None or value == "" else decimal_from(value)


def _moment(value: object) -> datetime | None:
    """A `*_gmt` date: UTC without saying so. WordPress writes year 0 or -1 for no date at all."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("not a time")
    if _NO_DATE.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not a time") from None
    moment = of_our_time(moment)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _word(value: object) -> str:
    """A plugin's value as text. Lists, objects and null say nothing that we could use."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain_text(value) if isinstance(value, str | int | Decimal) else ""


def _words(value: object) -> object:
    """An address or another flat object as key → text; PHP's empty array is one, too."""
    if not value:
        return {}
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return {key: _word(item) for key, item in value.items()}


def _meta(value: object) -> object:
    """`meta_data` as key → text; of a repeated key, the last that says something."""
    entries = _listed(value)
    if not isinstance(entries, list | tuple):
        raise ValueError("not a list")
    pairs = [(entry.get("key"), _word(entry.get("value"))) for entry in entries if isinstance(entry, dict)]
    return {key: word for key, word in pairs if isinstance(key, str) and word}


STORED_COUPONS = frozenset({"smart_coupon", "store_credit"})
"""Types of coupons that are credit: https://woocommerce.com/document/smart-coupons/,
https://woocommerce.com/document/store-credit/."""
STORED_META = ("_ywgc_applied_gift_cards_totals",)
"""YITH Gift Cards: https://docs.yithemes.com/yith-woocommerce-gift-cards/."""
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)

Many = Annotated[tuple[T, ...], BeforeValidator(_listed)]
Stated = Annotated[Decimal | None, BeforeValidator(_stated)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Words = Annotated[dict[str, str], BeforeValidator(_words)]
Meta = Annotated[dict[str, str], BeforeValidator(_meta)]
ResourceId = Annotated[str, BeforeValidator(raw_text), Field(min_length=1)]


class ItemTax(Payload):
    """The part of an item's VAT that one rate makes, unrounded. `total` is "" where it does not apply."""

    id: Id = ""
    total: Stated = None


class Item(Payload):
    """A product, a shipping or a fee line. `total` is net of VAT, whatever `prices_include_tax` says.

    `tax_class`: "" is the standard one. `tax_status`: taxable or none; products do not state it.
    """

    id: Id = ""
    name: Text = ""
    method_title: Text = ""
    sku: Text = ""
    tax_class: Text = ""
    tax_status: Text = ""
    quantity: Amount = Decimal(1)
    price: Stated = None
    subtotal: Stated = None
    subtotal_tax: Amount = ZERO
    total: Amount
    total_tax: Amount = ZERO
    taxes: Many[ItemTax] = ()
    meta_data: Meta = Field(default_factory=dict)


class TaxLine(Payload):
    """`rate_code`: COUNTRY-STATE-NAME-PRIORITY, each part left out where the rate has none:
    https://github.com/woocommerce/woocommerce, WC_Tax::get_rate_code."""

    rate_id: Id = ""
    rate_code: Text = ""
    label: Text = ""
    rate_percent: Stated = None
    compound: bool = False

    @property
    def country(self) -> str:
        """Whose VAT it is, "" for a rate of all countries."""
        first = self.rate_code.split("-")[0]
        return first if re.fullmatch("[A-Z]{2}", first) else ""


class Coupon(Payload):
    code: Text = ""
    discount_type: Text = ""
    discount: Amount = ZERO
    discount_tax: Amount = ZERO


class GiftCard(Payload):
    id: Id = ""
    amount: Amount


class RefundNote(Payload):
    """What an order says of a refund: no lines. `total` is negative, `amount` is not."""

    id: ResourceId
    reason: Text = ""
    total: Amount

    @property
    def amount(self) -> Decimal:
        """The money given back, positive."""
        return abs(self.total)


class OrderBody(Payload):
    id: ResourceId
    parent_id: Id = ""
    created_via: Text = ""
    status: Id
    number: Text = ""
    currency: Text
    total: Amount
    total_tax: Amount = ZERO
    date_created_gmt: Moment = None
    date_modified_gmt: Moment = None
    date_paid_gmt: Moment = None
    date_completed_gmt: Moment = None
    customer_id: Id = ""
    payment_method: Id = ""
    transaction_id: Id = ""
    billing: Words = Field(default_factory=dict)
    shipping: Words = Field(default_factory=dict)
    meta_data: Meta = Field(default_factory=dict)
    line_items: Many[Item] = ()
    shipping_lines: Many[Item] = ()
    fee_lines: Many[Item] = ()
    tax_lines: Many[TaxLine] = ()
    coupon_lines: Many[Coupon] = ()
    gift_cards: Many[GiftCard] = ()
    refunds: Many[RefundNote] = ()

    @property
    def charged(self) -> Decimal:
        """The cash part: a shop may reckon with more decimals than can be paid."""
        return payable(self.total, self.currency)

    @property
    def place(self) -> Decimal:
        """The last decimal of the shop's prices: 1 where it has none."""
        items = (*self.line_items, *self.shipping_lines, *self.fee_lines)
        return min((Decimal(1).scaleb(int(item.total.as_tuple().exponent)) for item in items), default=CENT)

    @property
    def stored_value(self) -> tuple[GiftCard, ...]:
        """What was paid with money that the shop held already. A plugin's own way to say so counts where the
        positions show it: they come to more than the total by just that."""
        told = [
            GiftCard(id="coupon", amount=each.discount + each.discount_tax)
            for each in self.coupon_lines
            if each.discount_type in STORED_COUPONS
        ]
        told += [
            GiftCard(id=key, amount=Decimal(self.meta_data[key]))
            for key in STORED_META
            if _AMOUNT.fullmatch(self.meta_data.get(key, ""))
        ]
        items = (*self.line_items, *self.shipping_lines, *self.fee_lines)
        positions = sum((item.total + item.total_tax for item in items), ZERO)
        official = sum((card.amount for card in self.gift_cards), ZERO)
        missing = positions - self.total - official
        shown = abs(missing - sum((card.amount for card in told), ZERO)) <= CENT
        return (*self.gift_cards, *told) if told and missing > 0 and shown else self.gift_cards

    @property
    def due(self) -> Decimal:
        """What the goods cost: the cash part and the stored value."""
        held = sum((card.amount for card in self.stored_value), ZERO)
        return payable(self.total + held, self.currency)

    @property
    def vat_exempt(self) -> bool:
        """A plugin accepted the buyer's VAT number, or the shop exempted them."""
        return self.meta_data.get("is_vat_exempt", "").lower() in ("yes", "1", "true")


class RefundBody(Payload):
    """A refund as the API describes it: `amount` positive, everything in its lines negative."""

    id: ResourceId
    date_created_gmt: Moment = None
    line_items: Many[Item] = ()
    shipping_lines: Many[Item] = ()
    fee_lines: Many[Item] = ()


class RefundList(Payload):
    refunds: tuple[RefundBody, ...]

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, data: object) -> object:
        return {"refunds": data} if isinstance(data, list) else data
