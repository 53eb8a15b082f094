"""The ways an alert goes out: Sentry, a signed webhook, e-mail, and every service that Apprise speaks to.

One message each, at least once. A message that is delivered again keeps its id. Nothing personal is in it:
see `rules.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import httpx

from bridge.alerts.letter import letter_of, utc
from bridge.alerts.outbox import Message
from bridge.errors import ConfigurationError
from bridge.settings.loading import AlertSettings
from bridge.telemetry.sentry import capture

if TYPE_CHECKING:
    import apprise

SECONDS: Final = 20.0
"""The longest a receiver may take; the specification advises 15 to 30."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - marks a secret, is none


class Undelivered(Exception):
    """The message did not arrive, as far as we know. `final`: it never will."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Channel(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """As deliveries call it."""
        ...

    async def send(self, message: Message) -> None:
        """Returns when it was taken over. Raises Undelivered."""
        ...


def channels_of(
    settings: AlertSettings, http: httpx.AsyncClient, now: Callable[[], datetime], *, sentry: bool
) -> tuple[Channel, ...]:
    """The channels that are configured. Raises ConfigurationError for a URL that Apprise cannot use."""
    lang = settings.language
    found: list[Channel] = [SentryChannel(lang)] if sentry else []
    if settings.webhook_url and settings.webhook_secret:
        secret = settings.webhook_secret.get_secret_value()
        found.append(WebhookChannel(http, settings.webhook_url, secret, now, lang))
    if settings.email_to and settings.smtp_url:
        sender = settings.email_from or settings.email_to.split(",")[0].strip()
        found.append(EmailChannel(settings.smtp_url.get_secret_value(), settings.email_to, sender, lang))
    if settings.urls:
        found += _services([url.get_secret_value() for url in settings.urls], lang)
    return tuple(found)


def _services(urls: Sequence[str], lang: str) -> Iterator[AppriseChannel]:
    import apprise  # a tenth of a second, for those who have such a channel

    for place, url in enumerate(urls, start=1):
        # Any: Apprise types what each service overrides by the None of their base.
        service: Any = apprise.Apprise.instantiate(url, asset=apprise.AppriseAsset(app_id="bridge"))
        if service is None:
            raise ConfigurationError(
                f"alerts.urls: Apprise cannot use entry {place}; see what it wants there"
            )
        open_line = service.protocol and not service.secure
        if service.password and (open_line or getattr(service, "secure_mode", "") == "insecure"):
            raise ConfigurationError(
                f"alerts.urls: entry {place} would send its password over a line that is not encrypted; "
                "begin it with the form that ends in s://, like mailtos://"
            )
        name = f"{urlsplit(url).scheme}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"
        yield AppriseChannel(service, lang, name)


@dataclass(frozen=True, slots=True)
class SentryChannel:
    """One issue for each cause; its end is an information of its own, which does not reopen the issue."""

    lang: str = "en"
    name: str = "sentry"

    async def send(self, message: Message) -> None:
        """Sentry's own thread does the rest."""
        alert, headline = message.alert, letter_of(message, self.lang).headline
        over = message.kind == "resolved"
        capture(
            headline if over else f"{headline} ({alert.runbook})",
            shop=alert.shop,
            fingerprint=f"alert:{alert.key}:resolved" if over else f"alert:{alert.key}",
            level="info" if over else "error",
        )


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """Slack, Teams, ntfy and a hundred others: https://github.com/caronc/apprise/wiki.

    `name`: its scheme and a digest of its URL, so that all processes, and the one after a restart, mean the
    same by it.
    """

    service: apprise.NotifyBase = field(repr=False)
    lang: str
    name: str

    async def send(self, message: Message) -> None:
        """Apprise blocks, so it runs in a thread."""
        await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> None:
        import apprise

        letter, over = letter_of(message, self.lang), message.kind == "resolved"
        sender = apprise.Apprise(self.service)
        # What went wrong Apprise tells its log only.
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
            taken = sender.notify(
                title=letter.subject,
                body=letter.body,
                notify_type=apprise.NotifyType.SUCCESS if over else apprise.NotifyType.WARNING,
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not taken:
            raise Undelivered(f"it was not taken: {' '.join(said.getvalue().split())}")


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Standard Webhooks 1.0.0, symmetric: https://github.com/standard-webhooks/standard-webhooks (spec/).

    Signed is `{webhook-id}.{webhook-timestamp}.{body}`; the timestamp is the attempt's, the id the message's.
    """

    http: httpx.AsyncClient
    url: str = field(repr=False)
    secret: str = field(repr=False)
    now: Callable[[], datetime]
    lang: str = "en"
    name: str = "webhook"

    async def send(self, message: Message) -> None:
        """2xx is success, a redirect is not; 410 says that nobody listens any more."""
        body = json.dumps(body_of(message, self.lang), separators=(",", ":"), ensure_ascii=False).encode()
        sent_at = int(self.now().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"facturation-bridge/{version('facturation-bridge')}",
            "webhook-id": message.id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": sign(self.secret, message.id, sent_at, body),
        }
        try:
            response = await self.http.post(
                self.url, content=body, headers=headers, timeout=SECONDS, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise Undelivered(f"the webhook's receiver cannot be reached ({type(exc).__name__})") from exc
        if not response.is_success:
            status = response.status_code
            raise Undelivered(f"the webhook's receiver answered {status}", final=status == 410)


def sign(secret: str, message_id: str, sent_at: int, body: bytes) -> str:
    """The `webhook-signature`. `secret`: `whsec_` and base64; `sent_at`: seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def body_of(message: Message, lang: str = "en") -> dict[str, Any]:
    """The webhook's body."""
    return {
        "type": "alert.resolved" if message.kind == "resolved" else "alert.raised",
        "timestamp": utc(message.at),
        "data": message.alert.as_dict(lang),
    }


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """`url`: smtp://user:password@host:587 (STARTTLS) or smtps://…:465. `recipients`: one, or several with
    commas. A password never goes over a line that is not encrypted.

    Apprise's own e-mail would break what smtp_url promises: docs/adr/0022.
    """

    url: str = field(repr=False)
    recipients: str = field(repr=False)
    sender: str = field(repr=False)
    lang: str = "en"
    name: str = "email"

    async def send(self, message: Message) -> None:
        """smtplib blocks, so it runs in a thread."""
        try:
            await asyncio.to_thread(self._send, self._email(message))
        except (smtplib.SMTPException, OSError) as exc:
            raise Undelivered(f"the mail server did not take it ({type(exc).__name__})") from exc

    def _send(self, email: EmailMessage) -> None:
        parts, context = urlsplit(self.url), ssl.create_default_context()
        host, encrypted = parts.hostname or "", parts.scheme == "smtps"
        server: smtplib.SMTP
        if encrypted:
            server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=SECONDS)
        with server:
            server.ehlo()
            if not encrypted and server.has_extn("starttls"):
                server.starttls(context=context)
                encrypted = True
            if parts.username:
                if not encrypted:
                    raise Undelivered("the mail server offers no STARTTLS; the password was not sent")
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(email)

    def _email(self, message: Message) -> EmailMessage:
        email, letter = EmailMessage(), letter_of(message, self.lang)
        email["From"], email["To"], email["Subject"] = self.sender, self.recipients, letter.subject
        email["Date"] = format_datetime(message.at)
        email["Message-ID"] = f"<{message.id}@facturation-bridge.invalid>"
        email["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers from holidays
        email.set_content(letter.body)
        return email
