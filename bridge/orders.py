"""The domain's words, the same for every platform.

Amounts are `Decimal` in the order's own currency, VAT included unless a name says otherwise. Times are
aware UTC. Nothing here knows a platform, Facturation.pro, a clock or a network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from zoneinfo import ZoneInfo

from bridge.reasons import Reason

ZERO = Decimal(0)
CENT = Decimal("0.01")
PARIS = ZoneInfo("Europe/Paris")


def decimal_from(value: object) -> Decimal:
    """Money or a quantity out of JSON, exactly.

    Takes text, int or Decimal (JSON is read with `parse_float=Decimal`). An empty text or None is zero, as
    WooCommerce sends it. Raises ValueError for anything else, a float above all.
    """
    if value is None or value == "":
        return ZERO
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"not an exact number: {type(value).__name__}")
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation as exc:
        raise ValueError("not a number") from exc
    if not number.is_finite():
        raise ValueError("not a finite number")
    return number


def to_cents(amount: Decimal) -> Decimal:
    """Rounded half up to two decimals, the way French invoices are."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def legal_date(moment: datetime) -> date:
    """The calendar day in France, the only one an invoice knows."""
    return moment.astimezone(PARIS).date()


def utc(moment: datetime) -> datetime:
    """`moment` in UTC; refuses a time without zone, which would be a guess."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC)


class LineKind(StrEnum):
    """What a line is, when it matters to the document."""

    PRODUCT = "product"
    SHIPPING = "shipping"
    FEE = "fee"
    TIP = "tip"
    DUTY = "duty"
    GIFT_CARD = "gift_card"


class Supply(StrEnum):
    """Goods or services: which exemption article applies abroad depends on it."""

    GOODS = "goods"
    SERVICES = "services"
    UNKNOWN = "unknown"


class PaymentMethod(StrEnum):
    """How money came in. `facturation/` turns it into their code."""

    CARD = "card"
    PAYPAL = "paypal"
    TRANSFER = "transfer"
    CHEQUE = "cheque"
    CASH = "cash"
    DIRECT_DEBIT = "direct_debit"
    GIFT_CARD = "gift_card"
    MEAL_VOUCHER = "meal_voucher"
    HOLIDAY_VOUCHER = "holiday_voucher"
    OTHER = "other"


class ZeroTaxReason(StrEnum):
    """Why a platform charged no VAT, as far as it says so itself."""

    REVERSE_CHARGE = "reverse_charge"
    CUSTOMER_EXEMPT = "customer_exempt"
    PRODUCT_EXEMPT = "product_exempt"
    ZERO_RATED = "zero_rated"
    NOT_COLLECTING = "not_collecting"


class RefundState(StrEnum):
    """Only money that really moved is credited."""

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One VAT amount of a line, as the platform reports it.

    `amount`: for the whole line, all units, after discounts. `rate`: a fraction (0.2 is 20 %), None where the
    platform gives only an id; billing then recovers it from the amounts.
    """

    amount: Decimal
    rate: Decimal | None = None
    title: str = ""
    reason: ZeroTaxReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One position of an order.

    `gross`: what was charged for the whole line, after every discount and with VAT; `taxes` is the part of
    it that is VAT, so `gross - tax` is the net. No entry in `taxes`: the platform states no tax at all.
    `discount`: what was taken off, already inside `gross`, as the buyer saw it: for wording only.
    """

    id: str
    kind: LineKind = LineKind.PRODUCT
    title: str
    sku: str = ""
    quantity: Decimal = Decimal(1)
    gross: Decimal
    taxes: tuple[Tax, ...] = ()
    discount: Decimal = ZERO
    discount_labels: tuple[str, ...] = ()
    period: tuple[date, date] | None = None
    supply: Supply = Supply.UNKNOWN

    @property
    def tax(self) -> Decimal:
        """The VAT inside `gross`."""
        return sum((tax.amount for tax in self.taxes), ZERO)

    @property
    def net(self) -> Decimal:
        """The line excluding VAT."""
        return self.gross - self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address. `street` may hold several lines; `country` is ISO 3166 alpha-2, upper case, or "".

    What is personal, here and in the next classes, does not show in `repr`: it may end in a log.
    """

    street: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    postcode: str = field(default="", repr=False)
    region: str = field(default="", repr=False)
    country: str = ""
    recipient: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The buyer, as the order names them.

    `id`: the platform's customer id, "" for a guest. `vat_number` and `siret` are what the shop wrote down,
    unchecked. `fields`: name → what stands there, of fields that the platform does not define itself (cart
    attributes, meta data, checkout fields): billing looks there for numbers. `language`: two letters, or "".
    """

    id: str = ""
    email: str = field(default="", repr=False)
    first_name: str = field(default="", repr=False)
    last_name: str = field(default="", repr=False)
    company: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    language: str = ""
    billing: Address | None = field(default=None, repr=False)
    shipping: Address | None = field(default=None, repr=False)
    vat_number: str = field(default="", repr=False)
    siret: str = field(default="", repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money received for the order. `gateway` is the platform's own word, kept for the explanation."""

    method: PaymentMethod
    gateway: str = ""
    reference: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money given back.

    `amount`: what really moved, positive. `lines`: the part of it that the platform ties to lines of the
    order (their `id` is the order line's, `gross` and `taxes` positive); empty when it only states an amount.
    """

    id: str
    at: datetime
    amount: Decimal
    state: RefundState = RefundState.DONE
    lines: tuple[Line, ...] = ()
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One sale, folded from all its events. The same events in any order make the same value.

    `key`, such as `shopify:boutique:order:1`, is the invoice's `api_custom` too.
    `total`: what the buyer is charged, VAT included, before any refund. `paid_at`: None while the money is
    not there. `problems`: what the source could not read without guessing; any entry asks for attention.
    `payment_ids`: the names that the payment's provider gave to it, under which another shop's order may know
    the same money; `told_by`: the platform whose own order tells this sale, by the payment's own word.
    `external_ref`: the number of an invoice that the platform itself has issued for it.
    """

    key: str
    platform: str
    shop: str
    id: str
    number: str
    currency: str
    total: Decimal
    placed_at: datetime
    lines: tuple[Line, ...]
    customer: Customer
    paid_at: datetime | None = None
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    cancelled_at: datetime | None = None
    delivered_on: date | None = None
    test: bool = False
    external_ref: str = ""
    purchase_number: str = ""
    payment_ids: tuple[str, ...] = ()
    told_by: str = ""
    problems: tuple[Reason, ...] = ()

    @property
    def paid(self) -> bool:
        """The money is there."""
        return self.paid_at is not None

    @property
    def refunded(self) -> Decimal:
        """Money given back so far."""
        return sum((refund.amount for refund in self.refunds if refund.state is RefundState.DONE), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Nothing is to be done for these events, and this is why."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Not enough is known yet to say what the order is; `reason` says what is awaited."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """The platform cut its payload short: `path` of the platform's API holds the rest.

    `path`: relative to the API's root, with its query. The answer comes back to `fold` as an event with topic
    `fetched` and `id` = `path`. `reason`: for a person, where the shop has no `platform_api_key`.
    """

    path: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One stored webhook, or one answer fetched from the platform (`topic` = "fetched", `id` = its path)."""

    id: str
    topic: str
    body: bytes = field(repr=False)
    received_at: datetime
    headers: dict[str, str] = field(default_factory=dict, repr=False)


Folded = Order | Ignored | Unfinished | Incomplete
