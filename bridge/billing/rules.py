"""What a shop's configuration decides about its documents, as a pure value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from bridge.billing.mentions import Law
from bridge.movements import PaymentMethod
from bridge.orders import Supply


class InvoiceWhen(StrEnum):
    """When an order becomes an invoice."""

    PAID = "paid"
    CREATED = "created"


class DocumentPolicy(StrEnum):
    """What an order becomes: an invoice, a draft for a person, or the platform's own invoice imported."""

    FINAL = "final"
    DRAFT = "draft"
    EXTERNAL = "external"


class PartialRefunds(StrEnum):
    """What a partial refund becomes: a draft credit note for a person, a final one, or only a request."""

    DRAFT = "draft"
    FINAL = "final"
    HOLD = "hold"


class Gestures(StrEnum):
    """What money becomes that goes back while all that was sold stays sold: a price cut, or a question."""

    CREDIT = "credit"
    ASK = "ask"


class ForeignCurrency(StrEnum):
    """What VAT becomes that was not charged in euros: stated in euros by the day's rate, or a question."""

    RATE = "rate"
    ASK = "ask"


class Suborders(StrEnum):
    """Of a marketplace's order and the parts that it is split into, which are the sales."""

    PARENT = "parent"
    CHILDREN = "children"


class TestOrders(StrEnum):
    """What the platform marks as a test."""

    __test__ = False  # not a test class, whatever pytest thinks of its name
    IGNORE = "ignore"
    INVOICE = "invoice"


class VatRegime(StrEnum):
    """The seller's own regime."""

    NORMAL = "normal"
    FRANCHISE = "franchise"


class GiftCards(StrEnum):
    """What gift cards are sold for: goods of several rates or territories, or of one, and then taxed at once
    (CGI art. 256 ter)."""

    MULTI = "multi"
    SINGLE = "single"


class Tips(StrEnum):
    """Whose tips are: all handed to the staff and outside VAT, or part of the price."""

    STAFF = "staff"
    TAXED = "taxed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One shop's choices. Units: `category_id` and `nature` are Facturation.pro's own numbers.

    `vat_regimes`: from which day on which regime, ascending; the first day of all is `date.min`.
    `mentions`: legal texts by name (see `vat.py`), overriding the French defaults.
    `exemptions`: "kind:pattern" of a line → the mention of why it bears no VAT (see `exemptions.py`).
    `stored_value`: names of fees that are money already held (wallets), as patterns.
    `skip_channels`: channels, as patterns, whose orders are not invoiced. `suborders`: whether the order of
    a marketplace counts, or its parts. `wait_minutes`: so long the first invoice waits for what is added.
    `mentions`: legal texts by name (see `vat.py`), overriding the French defaults. `law`:
    the code that those cite.
    `oss`: the seller declares VAT of other EU countries through the One-Stop Shop.
    `gateways`: the platform's word for a payment gateway → payment method, beside the source's own table.
    `fields`: what is asked (vat_number, siret, company, purchase_number) → the shop's own names of fields.
    `defer_to`: shops that tell the same sales and lead: what they have documented is ignored here.
    `invoice_from`: an order placed before this day, in Paris, is not invoiced by itself; None: each one is.
    `gift_cards`, `tips`: None until the shop says so, and then the first one sold asks.
    `answers`: the questions that a person has accepted for the shop, by the code of their reason.
    `refund_seconds`: so long a refund waits for the lines that the platform may still tell.
    `late_terms`: what an unpaid document says of late payment, "" where the firm's own settings print it.
    `title`, `information`: French templates with {number}, {shop}, {platform}.
    `language`: two letters, or "" for the buyer's own.
    """

    invoice_when: InvoiceWhen = InvoiceWhen.PAID
    document: DocumentPolicy = DocumentPolicy.FINAL
    match_customers_by_email: bool = True
    partial_refunds: PartialRefunds = PartialRefunds.DRAFT
    test_orders: TestOrders = TestOrders.IGNORE
    gateways: Mapping[str, PaymentMethod] = field(default_factory=dict)
    vat_regimes: tuple[tuple[date, VatRegime], ...] = ((date.min, VatRegime.NORMAL),)
    mentions: Mapping[str, str] = field(default_factory=dict)
    exemptions: Mapping[str, str] = field(default_factory=dict)
    stored_value: tuple[str, ...] = ()
    skip_channels: tuple[str, ...] = ()
    suborders: Suborders = Suborders.PARENT
    wait_minutes: float = 0
    law: Law = Law.CGI
    oss: bool = False
    supply: Supply = Supply.UNKNOWN
    category_id: int | None = None
    nature: int | None = None
    language: str = ""
    title: str = "Commande {number}"
    information: str = ""
    late_terms: str = ""
    send_email: bool = False
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defer_to: tuple[str, ...] = ()
    zero_total_orders: bool = False
    gift_cards: GiftCards | None = None
    tips: Tips | None = None
    answers: frozenset[str] = frozenset()
    refund_seconds: float = 120
    gestures: Gestures = Gestures.CREDIT
    foreign_currency: ForeignCurrency = ForeignCurrency.ASK
    invoice_from: date | None = None

    def regime_on(self, day: date) -> VatRegime:
        """The seller's regime on that day."""
        return [regime for since, regime in self.vat_regimes if since <= day][-1]
