"""Every key an operator can set beside those of a shop, with its meaning: docs/configuration.md is generated
from here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field, NonNegativeFloat, PositiveInt, SecretStr, model_validator

from bridge.settings.shops import ShopSettings
from bridge.settings.values import (
    Contact,
    HttpUrl,
    LogLevel,
    Mailboxes,
    RedisUrl,
    Secret,
    SecretList,
    SentryDsn,
    ShopName,
    SmtpUrl,
    Table,
    WebhookSecret,
)


class FacturationSettings(Table):
    """`[facturation]`: the account that invoices are written to."""

    firm_id: PositiveInt
    """Number of the firm in Facturation.pro (in the address after /firms/)."""
    api_id: str = Field(pattern="^[!-9;-~]+$", coerce_numbers_to_str=True)
    """API identifier of the account."""
    api_key: Secret
    """API key of the account. Better set as BRIDGE_FACTURATION__API_KEY."""
    contact: Contact
    """How Facturation.pro reaches you: goes into the User-Agent, ASCII."""
    base_url: HttpUrl = "https://www.facturation.pro"
    """Where the API is; the sandbox has another address."""
    requests_per_5_minutes: PositiveInt = 600
    """Requests allowed in 5 minutes, over all processes."""
    requests_per_day: PositiveInt = 10_000
    """Requests allowed in 24 hours, over all processes."""
    settle_seconds: NonNegativeFloat = 120
    """How long an unanswered creation may still arrive at Facturation.pro. It is tried again only when it is
    older and not found: lowering this risks double invoices."""


class AlertSettings(Table):
    """`[alerts]`: who is told when something goes wrong, beside Sentry."""

    webhook_url: HttpUrl | None = None
    """Where alerts are posted, signed as Standard Webhooks 1.0.0 says; left out: nowhere."""
    webhook_secret: WebhookSecret | None = None
    """Signs them: whsec_ and the base64 of 24 to 64 random bytes."""
    email_to: Mailboxes | None = None
    """Who gets alerts by e-mail; several with commas between them."""
    email_from: Mailboxes | None = None
    """The sender of these e-mails; left out: the first of email_to."""
    smtp_url: SmtpUrl | None = None
    """The mail server: smtp://user:password@host:587 (STARTTLS), or smtps://… (TLS at once)."""
    urls: SecretList = ()
    """More ways: Apprise URLs, as github.com/caronc/apprise has them for Slack, Teams, ntfy and a hundred
    others. In a variable: one, or a JSON list of several."""
    language: Literal["en", "fr"] = "en"
    """en, or fr: what is sent out."""
    silence: bool = True
    """Tell when a shop falls silent against its own weekly rhythm, learnt in two weeks."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.webhook_url is None) != (self.webhook_secret is None):
            raise ValueError("webhook_url and webhook_secret go together; set both, or neither")
        if (self.email_to is None) != (self.smtp_url is None):
            raise ValueError("email_to and smtp_url go together; set both, or neither")
        return self


class Settings(Table):
    """The whole configuration; `load_settings` reads file and environment."""

    facturation: FacturationSettings
    """The account that invoices are written to."""
    shops: dict[ShopName, ShopSettings] = Field(min_length=1)
    """The shops by name (a-z, 0-9, _ and -, at most 40)."""
    alerts: AlertSettings = AlertSettings()
    """Who is told when something goes wrong, beside Sentry."""
    redis_url: RedisUrl | None = None
    """Redis or Valkey, redis://…; left out: a private Valkey under data_dir."""
    data_dir: Path = Path("var")
    """Where the private Valkey keeps its data."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on; 0.0.0.0 is all of them."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    worker_port: int | None = Field(default=None, gt=0, le=65535)
    """Where `bridge worker` answers /livez, /health and /metrics; left out: nowhere."""
    ops_token: Secret | None = None
    """Opens the console and /api to operators; left out: both are closed."""
    public_url: HttpUrl | None = None
    """Where the shops reach the bridge, https://…: `bridge connect` tells them."""
    language: Literal["en", "fr"] = "en"
    """en, or fr: what the console speaks when neither page nor browser says."""
    sentry_dsn: SentryDsn | None = None
    """Where errors are reported; left out: nowhere but in the log."""
    environment: str = Field(default="production", min_length=1)
    """Name of this installation in Sentry."""
    log_level: LogLevel = "info"
    """debug, info, warning or error."""
    ecb_url: HttpUrl = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
    """The European Central Bank's reference rates, for shops with foreign_currency = "rate". Days are kept;
    eurofxref-hist-90d.xml beside it has the last 90."""
    max_body_bytes: PositiveInt = 5 * 1024 * 1024
    """Largest webhook taken, in bytes; 5 MiB."""
    retention_days: PositiveInt = 90
    """Days that the webhooks of a finished order are kept: they hold personal data."""

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
