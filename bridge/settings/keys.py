"""Every key an operator can set, with its meaning: help and documentation are generated from here."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bridge.billing.buyers import Asked
from bridge.billing.mentions import Mention
from bridge.billing.rules import (
    DocumentPolicy,
    Gestures,
    InvoiceWhen,
    PartialRefunds,
    Rules,
    TestOrders,
    VatRegime,
)
from bridge.movements import PaymentMethod
from bridge.orders import Supply
from bridge.settings.values import (
    Contact,
    HttpUrl,
    LogLevel,
    Mailboxes,
    Platform,
    RedisUrl,
    Secret,
    SecretList,
    Secrets,
    SentryDsn,
    ShopName,
    SmtpUrl,
    Template,
    WebhookSecret,
)
from bridge.sources.registry import REGISTRY

PREFIX = "BRIDGE_"


class _Table(BaseModel):
    """A table of the file: unknown keys are errors, nothing changes, no value shows in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class RegimeSince(_Table):
    """One period of the seller's VAT regime."""

    regime: VatRegime = Field(description="normal, or franchise (franchise en base, no VAT charged).")
    since: date | None = Field(
        default=None,
        description="First day of the regime, in France. Left out in the first entry, and only there.",
    )


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


class FacturationSettings(_Table):
    """`[facturation]`: the account that invoices are written to."""

    firm_id: int = Field(
        gt=0, description="Number of the firm in Facturation.pro (in the address after /firms/)."
    )
    api_id: str = Field(
        pattern="^[!-9;-~]+$", coerce_numbers_to_str=True, description="API identifier of the account."
    )
    api_key: Secret = Field(description="API key of the account. Better set as BRIDGE_FACTURATION__API_KEY.")
    contact: Contact = Field(description="How Facturation.pro reaches you: goes into the User-Agent, ASCII.")
    base_url: HttpUrl = Field(
        default="https://www.facturation.pro",
        description="Where the API is; the sandbox has another address.",
    )
    requests_per_5_minutes: int = Field(
        default=600, gt=0, description="Requests allowed in 5 minutes, over all processes."
    )
    requests_per_day: int = Field(
        default=10_000, gt=0, description="Requests allowed in 24 hours, over all processes."
    )
    settle_seconds: float = Field(
        default=120,
        ge=0,
        description="How long an unanswered creation may still arrive at Facturation.pro. It is tried again "
        "only when it is older and not found: lowering this risks double invoices.",
    )


class AlertSettings(_Table):
    """`[alerts]`: who is told when something goes wrong, beside Sentry."""

    webhook_url: HttpUrl | None = Field(
        default=None,
        description="Where alerts are posted, signed as Standard Webhooks 1.0.0 says; left out: nowhere.",
    )
    webhook_secret: WebhookSecret | None = Field(
        default=None, description="Signs them: whsec_ and the base64 of 24 to 64 random bytes."
    )
    email_to: Mailboxes | None = Field(
        default=None, description="Who gets alerts by e-mail; several with commas between them."
    )
    email_from: Mailboxes | None = Field(
        default=None, description="The sender of these e-mails; left out: the first of email_to."
    )
    smtp_url: SmtpUrl | None = Field(
        default=None,
        description="The mail server: smtp://user:password@host:587 (STARTTLS), or smtps://… (TLS at once).",
    )
    urls: SecretList = Field(
        default=(),
        description="More ways: Apprise URLs, as github.com/caronc/apprise has them for Slack, Teams, ntfy "
        "and a hundred others. In a variable: one, or a JSON list of several.",
    )
    language: Literal["en", "fr"] = Field(default="en", description="en, or fr: what is sent out.")
    silence: bool = Field(
        default=True,
        description="Tell when a shop falls silent against its own weekly rhythm, learnt in two weeks.",
    )

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise ValueError("webhook_url and webhook_secret go together; set both, or neither")
        if (self.email_to is None) != (self.smtp_url is None):
            raise ValueError("email_to and smtp_url go together; set both, or neither")
        return self


class ShopSettings(_Table):
    """`[shops.<name>]`: one shop, whose webhooks come to `/webhooks/<name>`."""

    platform: Platform = Field(description=f"One of {', '.join(sorted(REGISTRY))}.")
    secrets: Secrets = Field(
        description="Webhook secrets, all accepted, so that one can be rotated. In a variable: one secret, "
        "or a JSON list of several.",
    )
    invoice_when: InvoiceWhen = Field(
        default=InvoiceWhen.PAID, description="paid, or created: when an order is invoiced."
    )
    document: DocumentPolicy = Field(
        default=DocumentPolicy.FINAL,
        description="final, draft (a person finalises it) or external (the platform's own, imported).",
    )
    match_customers_by_email: bool = Field(
        default=True, description="Take an existing customer of Facturation.pro with the same e-mail address."
    )
    partial_refunds: PartialRefunds = Field(
        default=PartialRefunds.DRAFT,
        description="draft credit note for a person, final, or hold (a person is asked, nothing is created).",
    )
    gestures: Gestures = Field(
        default=Gestures.CREDIT,
        description="Money that goes back while all stays sold: credit (a price reduction), or ask.",
    )
    refund_seconds: float = Field(
        default=120,
        ge=0,
        description="So long a refund waits for lines that may still be told.",
    )
    platform_api_key: Secret | None = Field(
        default=None, description="Key of the platform's API, for what its webhooks leave out."
    )
    platform_api_url: HttpUrl | None = Field(
        default=None,
        description="Where the platform's API is, when it is the shop's own address.",
    )
    test_orders: TestOrders = Field(
        default=TestOrders.IGNORE, description="ignore, or invoice what the platform marks as a test."
    )
    gateways: dict[str, PaymentMethod] = Field(
        default_factory=dict,
        description="Payment gateways of this shop, as the platform writes them, each with its method: card, "
        "paypal, transfer, cheque, cash, direct_debit, gift_card, meal_voucher, holiday_voucher or other.",
    )
    vat_regime: Annotated[
        tuple[RegimeSince, ...], NoDecode, BeforeValidator(_regime_list), AfterValidator(_in_order)
    ] = Field(
        default=(RegimeSince(regime=VatRegime.NORMAL),),
        description='normal or franchise; or a list where it changed: [{regime = "franchise"}, '
        '{regime = "normal", since = 2026-07-01}].',
    )
    mentions: dict[Mention, str] = Field(
        default_factory=dict, description="Legal texts by name, in place of the French defaults."
    )
    oss: bool = Field(
        default=False, description="VAT of other EU countries is declared through the One-Stop Shop."
    )
    supply: Supply = Field(
        default=Supply.UNKNOWN,
        description="goods or services, where the platform does not say; else unknown.",
    )
    category_id: int | None = Field(
        default=None, gt=0, description="Facturation.pro's category for this shop's invoices."
    )
    nature: int | None = Field(
        default=None,
        ge=1,
        le=9,
        description="For micro-entrepreneurs: 1 goods, 2 services (BIC), 3 (BNC), 8 disbursements, 9 none.",
    )
    language: str = Field(
        default="",
        pattern="^([a-z]{2})?$",
        description="Language of the documents, two letters; empty: the buyer's.",
    )
    title: Template = Field(
        default="Commande {number}",
        description="Title of the invoices; {number}, {shop}, {platform} are filled in.",
    )
    information: Template = Field(
        default="", description="Text under the lines; {number}, {shop}, {platform} are filled in."
    )
    send_email: bool = Field(
        default=False, description="Facturation.pro sends the final invoice to the buyer."
    )
    zero_total_orders: bool = Field(default=False, description="Invoice orders over 0.00 as well.")
    fields: dict[Asked, tuple[str, ...]] = Field(
        default_factory=dict,
        description="The shop's own names of fields where buyers state vat_number, siret, company or "
        'purchase_number: { siret = ["ma_cle"] }. Usual names are known.',
    )

    defer_to: tuple[ShopName, ...] = Field(
        default=(),
        description="Shops that tell the same sales and lead: what they have invoiced is ignored here.",
    )

    def rules(self) -> Rules:
        """The same choices as the pure value that billing takes."""
        same = self.model_dump(include=set(Rules.__slots__))
        regimes = tuple((entry.since or date.min, entry.regime) for entry in self.vat_regime)
        return Rules(**same, vat_regimes=regimes)


class Settings(BaseSettings):
    """The whole configuration. Built from its arguments alone; `load_settings` reads file and environment."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    facturation: FacturationSettings = Field(description="The account that invoices are written to.")
    shops: dict[ShopName, ShopSettings] = Field(
        min_length=1, description="The shops by name (a-z, 0-9, _ and -, at most 40)."
    )
    alerts: AlertSettings = Field(
        default=AlertSettings(), description="Who is told when something goes wrong, beside Sentry."
    )
    redis_url: RedisUrl | None = Field(
        default=None, description="Redis or Valkey, redis://…; left out: a private Valkey under data_dir."
    )
    data_dir: Path = Field(default=Path("var"), description="Where the private Valkey keeps its data.")
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 is all of them."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    worker_port: int | None = Field(
        default=None,
        gt=0,
        le=65535,
        description="Where `bridge worker` answers /livez, /health and /metrics; left out: nowhere.",
    )
    ops_token: Secret | None = Field(
        default=None, description="Opens the console and /api to operators; left out: both are closed."
    )
    language: Literal["en", "fr"] = Field(
        default="en", description="en, or fr: what the console speaks when neither page nor browser says."
    )
    sentry_dsn: SentryDsn | None = Field(
        default=None, description="Where errors are reported; left out: nowhere but in the log."
    )
    environment: str = Field(
        default="production", min_length=1, description="Name of this installation in Sentry."
    )
    log_level: LogLevel = Field(default="info", description="debug, info, warning or error.")
    max_body_bytes: int = Field(
        default=5 * 1024 * 1024, gt=0, description="Largest webhook taken, in bytes; 5 MiB."
    )
    retention_days: int = Field(
        default=90,
        gt=0,
        description="Days that the webhooks of a finished order are kept: they hold personal data.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    def secret_values(self) -> frozenset[str]:
        """Every secret there is, for the redaction of logs."""
        held = _secrets_in(self)
        passwords = (urlsplit(secret).password for secret in held if "://" in secret)
        return held | {unquote(password) for password in passwords if password}


def _secrets_in(value: object) -> frozenset[str]:
    match value:
        case SecretStr():
            return frozenset({value.get_secret_value()})
        case BaseModel():
            return _secrets_in([item for _, item in value])
        case dict():
            return _secrets_in(list(value.values()))
        case list() | tuple():
            return frozenset().union(*map(_secrets_in, value))
        case _:
            return frozenset()
