"""Every key of a `[shops.<name>]` table, with its meaning: docs/configuration.md is generated from here."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)
from pydantic_settings import NoDecode

from bridge.billing.buyers import Asked
from bridge.billing.exemptions import KINDS
from bridge.billing.mentions import WORDINGS, Law, Mention
from bridge.billing.rules import (
    DocumentPolicy,
    ForeignCurrency,
    Gestures,
    GiftCards,
    InvoiceWhen,
    PartialRefunds,
    Rules,
    Suborders,
    TestOrders,
    Tips,
    VatRegime,
)
from bridge.movements import PaymentMethod
from bridge.orders import Supply
from bridge.settings.values import HttpUrl, Platform, Secret, Secrets, ShopName, Table, Template
from bridge.sources.registry import REGISTRY


class RegimeSince(Table):
    """One period of the seller's VAT regime."""

    regime: VatRegime
    """normal, or franchise (franchise en base, no VAT charged)."""
    since: date | None = None
    """First day of the regime, in France. Left out in the first entry, and only there."""


def _regime_list(value: object) -> object:
    """A single word is the regime of all days; a variable holds the word or a JSON list."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return [{"regime": value}]


def _in_order(regimes: tuple[RegimeSince, ...]) -> tuple[RegimeSince, ...]:
    if not regimes or regimes[0].since is not None:
        raise ValueError(
            "the first entry must have no `since`: it is the regime of all days before the next one"
        )
    days = [entry.since for entry in regimes[1:]]
    if None in days or days != sorted(set(days), key=str):
        raise ValueError("each entry after the first needs a `since` later than the one before")
    return regimes


MentionName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,40}$")]
Regimes = Annotated[
    tuple[RegimeSince, ...], NoDecode, BeforeValidator(_regime_list), AfterValidator(_in_order)
]


class ShopSettings(Table):
    """`[shops.<name>]`: one shop, whose webhooks come to `/webhooks/<name>`."""

    platform: Platform = Field(description=f"One of {', '.join(sorted(REGISTRY))}.")
    secrets: Secrets
    """Webhook secrets, all accepted, so that one can be rotated. In a variable: one secret, or a JSON list of
    several."""
    invoice_when: InvoiceWhen = InvoiceWhen.PAID
    """paid, or created: when an order is invoiced."""
    document: DocumentPolicy = DocumentPolicy.FINAL
    """final, draft (a person finalises it) or external (the platform's own, imported)."""
    match_customers_by_email: bool = True
    """Take an existing customer of Facturation.pro with the same e-mail address."""
    partial_refunds: PartialRefunds = PartialRefunds.DRAFT
    """draft credit note for a person, final, or hold (a person is asked, nothing is created)."""
    gestures: Gestures = Gestures.CREDIT
    """Money that goes back while all stays sold: credit (a price reduction), or ask."""
    gift_cards: GiftCards | None = None
    """multi (for goods of several VAT rates or territories: taxed when used) or single (taxed when sold).
    Until it is set, the first gift card sold asks."""
    tips: Tips | None = None
    """staff (handed to the staff in full, outside VAT) or taxed. Until it is set, the first tip asks."""
    refund_seconds: float = Field(default=120, ge=0)
    """So long a refund waits for lines that may still be told."""
    platform_api_key: Secret | None = None
    """Key of the platform's API, for what its webhooks leave out."""
    platform_client_id: str | None = Field(default=None, min_length=1)
    """Client id of an app of Shopify's Dev Dashboard, in place of a key."""
    platform_client_secret: Secret | None = None
    """Its client secret, which also signs the app's webhooks: name it in `secrets` as well."""
    platform_api_url: HttpUrl | None = None
    """Where the platform's API is, when it is the shop's own address."""
    foreign_currency: ForeignCurrency = ForeignCurrency.ASK
    """VAT that was not charged in euros: rate (stated in euros too, by the European Central Bank's reference
    rate of the day), or ask."""
    invoice_from: date | None = None
    """Orders placed before this day, in Paris, are not invoiced by themselves. Left out: the day on which the
    bridge first heard from the shop; `bridge check` tells it."""
    poll_minutes: NonNegativeFloat | None = None
    """How often the platform is asked what has changed, where it can be asked; 0: never. Left out: every 15
    minutes for woocommerce, which sends each webhook once, every 60 for the others."""
    test_orders: TestOrders = TestOrders.IGNORE
    """ignore, or invoice what the platform marks as a test."""
    gateways: dict[str, PaymentMethod] = Field(default_factory=dict)
    """Payment gateways of this shop, as the platform writes them, each with its method: card, paypal,
    transfer, cheque, cash, direct_debit, gift_card, meal_voucher, holiday_voucher or other."""
    vat_regime: Regimes = (RegimeSince(regime=VatRegime.NORMAL),)
    """normal or franchise; or a list where it changed: [{regime = "franchise"}, {regime = "normal", since =
    2026-07-01}]."""
    mentions: dict[MentionName, str] = Field(default_factory=dict)
    """Legal texts by name, in place of the French defaults; other names are for `exemptions`."""
    exemptions: dict[str, MentionName] = Field(default_factory=dict)
    """Why lines bear no VAT: { "name:Formation*" = "domestic_exempt" }. Before the colon: tax_class, rate,
    tag, sku, name, fee or untaxed; after it a pattern, case and accents aside; then a name of `mentions`, or
    gift_card, tip, out_of_scope."""
    stored_value: tuple[str, ...] = ()
    """Names of negative fees that are money which the shop held already: ["Via wallet"]."""
    skip_channels: tuple[str, ...] = ()
    """Channels whose orders are not invoiced, in the platform's words: ["amazon"]."""
    suborders: Suborders = Suborders.PARENT
    """Of a marketplace's order and its parts by vendor, which are the sales: parent, or children."""
    wait_minutes: float = Field(default=0, ge=0)
    """So long after the payment the first invoice waits, for offers that are added then."""
    law: Law = Law.CGI
    """cgi or cibs: the code that the default texts cite, where both are known. The CGI may be cited until
    2027-12-31."""
    oss: bool = False
    """VAT of other EU countries is declared through the One-Stop Shop."""
    supply: Supply = Supply.UNKNOWN
    """goods, services, or electronic (downloads, accesses), where the platform does not say; else unknown."""
    category_id: PositiveInt | None = None
    """Facturation.pro's category for this shop's invoices."""
    nature: int | None = Field(default=None, ge=1, le=9)
    """For micro-entrepreneurs: 1 goods, 2 services (BIC), 3 (BNC), 8 disbursements, 9 none."""
    language: str = Field(default="", pattern="^([a-z]{2})?$")
    """Language of the documents, two letters; empty: the buyer's."""
    title: Template = "Commande {number}"
    """Title of the invoices; {number}, {shop}, {platform} are filled in."""
    information: Template = ""
    """Text under the lines; {number}, {shop}, {platform} are filled in."""
    late_terms: Template = ""
    """What unpaid invoices say of late payment: the rate and the 40 € (C. com. L441-9, L441-10). Empty where
    the firm's own settings print it."""
    send_email: bool = False
    """Facturation.pro sends the final invoice to the buyer."""
    zero_total_orders: bool = False
    """Invoice orders over 0.00 as well."""
    fields: dict[Asked, tuple[str, ...]] = Field(default_factory=dict)
    """The shop's own names of fields where buyers state vat_number, siret, company or purchase_number:
    { siret = ["ma_cle"] }. Usual names are known."""
    defer_to: tuple[ShopName, ...] = ()
    """Shops that tell the same sales and lead: what they have invoiced is ignored here."""

    @model_validator(mode="after")
    def _mentions_are_known(self) -> Self:
        """Every name leads to a text, and no text is there in vain."""
        for rule, name in self.exemptions.items():
            kind, _, pattern = rule.partition(":")
            if kind not in KINDS or not pattern:
                raise ValueError(
                    f'exemptions: "{rule}" must begin with one of {", ".join(KINDS)}, and a colon'
                )
            if name not in self.mentions and name not in WORDINGS:
                raise ValueError(f'exemptions: "{name}" is no mention; write its text under mentions')
        for name in self.mentions:
            if name not in {*Mention, *self.exemptions.values()}:
                raise ValueError(f'mentions: "{name}" is used by nothing; known are {", ".join(Mention)}')
        return self

    @model_validator(mode="after")
    def _a_client_has_both(self) -> Self:
        if (self.platform_client_id is None) != (self.platform_client_secret is None):
            raise ValueError(
                "platform_client_id and platform_client_secret go together; set both, or neither"
            )
        if self.platform_client_id and not REGISTRY[self.platform].GRANT:
            raise ValueError(f"{self.platform} gives no keys to clients: set platform_api_key")
        return self

    def rules(self) -> Rules:
        """The same choices as the pure value that billing takes."""
        same = self.model_dump(include=set(Rules.__slots__))
        regimes = tuple((entry.since or date.min, entry.regime) for entry in self.vat_regime)
        return Rules(**same, vat_regimes=regimes)
