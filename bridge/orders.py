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

from bridge.currencies import ReferenceRate
from bridge.movements import Dispute, Movement
from bridge.numbers import fits
from bridge.reasons import Reason

ZERO = Decimal(0)
CENT = Decimal("0.01")
PARIS = ZoneInfo("Europe/Paris")


def decimal_from(value: object) -> Decimal:
    """Money or a quantity out of JSON, exactly.

    Takes text, int or Decimal (JSON is read with `parse_float=Decimal`). An empty text or None is zero, as
    WooCommerce sends it. Raises ValueError for anything else, a float above all, and for what no amount is:
    arithmetic with 1E-999999999 does not end.
    """
    if value is None or value == "":
        return ZERO
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"not an exact number: {type(value).__name__}")
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation as exc:
        raise ValueError("not a number") from exc
    if not fits(number):
        raise ValueError("not a number of a size that amounts have")
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
    """Goods or services: which exemption article applies abroad depends on it. Electronic: delivered by
    itself over the internet (a download, an access)."""

    GOODS = "goods"
    SERVICES = "services"
    ELECTRONIC = "electronic"
    UNKNOWN = "unknown"


class ZeroTaxReason(StrEnum):
    """Why a platform charged no VAT, as far as it says so itself."""

    REVERSE_CHARGE = "reverse_charge"
    CUSTOMER_EXEMPT = "customer_exempt"
    PRODUCT_EXEMPT = "product_exempt"
    ZERO_RATED = "zero_rated"
    NOT_COLLECTING = "not_collecting"


class RefundState(StrEnum):
    """Only what is done is credited."""

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One VAT amount of a line, as the platform reports it.

    `amount`: for the whole line, all units, after discounts. `rate`: a fraction (0.2 is 20 %), None where the
    platform gives only an `id` of it; billing then recovers it from the amounts of all taxes under this id.
    `country`: whose VAT it is, where the platform says so.
    """

    amount: Decimal
    rate: Decimal | None = None
    title: str = ""
    id: str = ""
    country: str = ""
    reason: ZeroTaxReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One position of an order.

    `gross`: what was charged for the whole line, after every discount and with VAT; `taxes` is the part of it
    that is VAT, so `gross - tax` is the net. No entry in `taxes`: the platform states no tax at all.
    `discount`: what was taken off, already inside `gross`, as the buyer saw it: for wording only. `since`:
    when it was added, None with the order itself. `owed`: the part of `gross` that was added to an order that
    was paid, and is not paid yet. `tax_class`, `tags`: the shop's own words for what it is.
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
    since: datetime | None = None
    owed: Decimal = ZERO
    tax_class: str = ""
    tags: tuple[str, ...] = ()

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
class Reduction:
    """The sale became smaller: something came back, was removed, or became cheaper. Money alone is none.

    `amount`: by how much, VAT included, positive. `lines`: the part of it that the platform ties to lines
    (their `id` is the order line's, `gross` and `taxes` positive); empty when it only states an amount.
    `paid_back`: the money that went back for it. `refunds`: ids of the refunds that it stands for beside its
    own, under which it may have been credited before. `heard_at`: only money is known of it, since then, and
    its lines may still be told.
    """

    id: str
    at: datetime
    amount: Decimal
    state: RefundState = RefundState.DONE
    lines: tuple[Line, ...] = ()
    paid_back: Decimal = ZERO
    refunds: tuple[str, ...] = ()
    heard_at: datetime | None = None
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One sale, folded from all its events. The same events in any order make the same value.

    `key` is the readable key of the interface (`shopify:boutique:order:1`) and the invoice's key. `lines`:
    all that was ever sold, also what left again; `total`: what they come to, VAT included. `reductions`: by
    how much the sale became smaller. `movements`: the money, in and out. `paid_at`: since when what was sold
    at first is paid, None while it is not. `on_account`: the buyer pays the invoice itself, later. `due_on`:
    by when, where that was agreed. `delivered_on`: the day on which the last of it was shipped, or the
    service ended. `credits`: the keys of the orders whose sales this one makes smaller, when its total is
    negative. `problems`: what the source could not read without guessing; any entry asks for attention.
    `payment_ids`: the names that the payment's provider gave to it, under which another shop's order may know
    the same money; `told_by`: the platform whose own order tells this sale, by the payment's own word.
    `at_till`: sold over a counter. `external_ref`: the number of an invoice that the platform itself has
    issued for it. `channel`: where it was sold, in the platform's word. `part_of`: the order that it is a
    part of; `has_parts`: it was split into such. `reference_rate`: of its currency on its day, where that is
    asked for.
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
    on_account: bool = False
    due_on: date | None = None
    movements: tuple[Movement, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    credits: tuple[str, ...] = ()
    cancelled_at: datetime | None = None
    delivered_on: date | None = None
    test: bool = False
    at_till: bool = False
    external_ref: str = ""
    reference_rate: ReferenceRate | None = None
    purchase_number: str = ""
    payment_ids: tuple[str, ...] = ()
    told_by: str = ""
    channel: str = ""
    part_of: str = ""
    has_parts: bool = False
    problems: tuple[Reason, ...] = ()

    @property
    def paid(self) -> bool:
        """The money is there."""
        return self.paid_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Nothing is to be done for these events, and this is why."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """Not enough is known yet to say what the order is; `reason` says what is awaited.

    `reductions` and `disputes`: what is told all the same, of an order that may have been documented when its
    events were still there.
    """

    reason: Reason
    reductions: tuple[Reduction, ...] = ()
    disputes: tuple[Dispute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """The platform cut its payload short: `path` of the platform's API holds the rest.

    `path`: relative to the API's root, with its query. The answer comes back to `fold` as an event with topic
    `answer` and `id` = `path`. `reason`: for a person, where the shop has no `platform_api_key`. `needed`:
    otherwise an empty object does where there is no answer.
    """

    path: str
    reason: Reason
    needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One stored webhook, or one answer fetched from the platform (`topic` = "answer", `id` = its path)."""

    id: str
    topic: str
    body: bytes = field(repr=False)
    received_at: datetime
    headers: dict[str, str] = field(default_factory=dict, repr=False)


Folded = Order | Ignored | Unfinished | Incomplete
