"""The ways an alert goes out: Sentry, a signed webhook, e-mail. One message each, at least once.

A message that is delivered again keeps its id. Nothing personal is in it: see `alerts.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from importlib.metadata import version
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import httpx

from bridge.alerts.outbox import Kind, Message
from bridge.settings.loading import AlertSettings
from bridge.telemetry.sentry import capture

SECONDS: Final = 20.0
"""The longest a receiver may take; the specification advises 15 to 30."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - marks a secret, is none
TYPES: Final[dict[Kind, str]] = {
    "raised": "alert.raised",
    "resolved": "alert.resolved",
    "test": "alert.raised",
}


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
    """The channels that are configured."""
    found: list[Channel] = [SentryChannel()] if sentry else []
    if settings.webhook_url and settings.webhook_secret:
        secret = settings.webhook_secret.get_secret_value()
        found.append(WebhookChannel(http, settings.webhook_url, secret, now))
    if settings.email_to and settings.smtp_url:
        sender = settings.email_from or settings.email_to.split(",")[0].strip()
        found.append(EmailChannel(settings.smtp_url.get_secret_value(), settings.email_to, sender))
    return tuple(found)


class SentryChannel:
    """One issue for each cause; its end is an information of its own, which does not reopen the issue."""

    name = "sentry"

    async def send(self, message: Message) -> None:
        """Sentry's own thread does the rest."""
        alert = message.alert
        over = message.kind == "resolved"
        capture(
            headline(message) if over else f"{headline(message)} ({alert.runbook})",
            shop=alert.shop,
            fingerprint=f"alert:{alert.key}:resolved" if over else f"alert:{alert.key}",
            level="info" if over else "error",
        )


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Standard Webhooks 1.0.0, symmetric: https://github.com/standard-webhooks/standard-webhooks (spec/).

    Signed is `{webhook-id}.{webhook-timestamp}.{body}`; the timestamp is the attempt's, the id the message's.
    """

    http: httpx.AsyncClient
    url: str = field(repr=False)
    secret: str = field(repr=False)
    now: Callable[[], datetime]
    name: str = "webhook"

    async def send(self, message: Message) -> None:
        """2xx is success, a redirect is not; 410 says that nobody listens any more."""
        body = json.dumps(body_of(message), separators=(",", ":"), ensure_ascii=False).encode()
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


def body_of(message: Message) -> dict[str, Any]:
    """The webhook's body."""
    return {
        "type": TYPES[message.kind],
        "timestamp": _text(message.at),
        "data": message.alert.as_dict(),
    }


@dataclass(frozen=True, slots=True)
class EmailChannel:
    """`url`: smtp://user:password@host:587 (STARTTLS) or smtps://…:465. `recipients`: one, or several with
    commas. A password never goes over a line that is not encrypted."""

    url: str = field(repr=False)
    recipients: str = field(repr=False)
    sender: str = field(repr=False)
    name: str = "email"

    async def send(self, message: Message) -> None:
        """smtplib blocks, so it runs in a thread."""
        try:
            await asyncio.to_thread(self._send, email_of(message, self.sender, self.recipients))
        except (smtplib.SMTPException, OSError) as exc:
            raise Undelivered(f"the mail server did not take it ({type(exc).__name__})") from exc

    def _send(self, email: EmailMessage) -> None:
        parts = urlsplit(self.url)
        host, implicit = parts.hostname or "", parts.scheme == "smtps"
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if implicit:
            server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=SECONDS)
        with server:
            server.ehlo()
            if not implicit and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                implicit = True
            if parts.username:
                if not implicit:
                    raise Undelivered("the mail server offers no STARTTLS; the password was not sent")
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(email)


def headline(message: Message) -> str:
    """One line: what, and whether it begins or ends."""
    return f"{'over' if message.kind == 'resolved' else message.kind}: {message.alert.text}"


def email_of(message: Message, sender: str, recipients: str) -> EmailMessage:
    """The alert as a letter."""
    alert, meaning = message.alert, message.alert.meaning
    email = EmailMessage()
    email["From"], email["To"] = sender, recipients
    email["Subject"] = f"[bridge] {message.kind}: {alert.name}{f' ({alert.shop})' if alert.shop else ''}"
    email["Date"] = format_datetime(message.at)
    email["Message-ID"] = f"<{message.id}@facturation-bridge.invalid>"
    email["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers from holidays
    lines = [headline(message), "", f"since: {_text(alert.since)}", f"severity: {meaning.severity}"]
    if message.kind == "resolved":
        lines.append(f"over since: {_text(message.at)}")
    else:
        lines += ["", f"What it means: {meaning.meaning}", f"Check: {meaning.check}", f"Cure: {meaning.cure}"]
        lines.append(f"Runbook: {alert.runbook}")
    if alert.orders:
        lines += [
            "",
            f"Orders ({len(alert.orders)} of {alert.count}):",
            *(f"  {key}" for key in alert.orders),
        ]
    email.set_content("\n".join(lines) + "\n")
    return email


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
