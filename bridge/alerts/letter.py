"""An alert in words, as it is sent out: one headline, one letter. Pure.

Sentry gets the headline, e-mail and Apprise's services the letter; the webhook sends data instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.alerts.outbox import Message
from bridge.alerts.runbook import letter_forms


@dataclass(frozen=True, slots=True)
class Letter:
    """`headline`: what, and whether it begins or ends; it is the body's first line."""

    headline: str
    subject: str
    body: str


def letter_of(message: Message, lang: str) -> Letter:
    """The message in words."""
    alert, forms, entry = message.alert, letter_forms(lang), message.alert.entry(lang)
    kind = forms["words"][message.kind]
    headline = forms["headline"].format(kind=kind, text=alert.text(lang))
    subject = forms["subject"].format(kind=kind, name=alert.name, title=entry.title)
    body = forms["resolved" if message.kind == "resolved" else "raised"].format(
        headline=headline,
        since=utc(alert.since),
        at=utc(message.at),
        severity=forms["words"][entry.severity],
        meaning=entry.meaning,
        check=entry.check,
        cure=entry.cure,
        runbook=alert.runbook,
    )
    if alert.orders:
        keys = "\n".join(f"  {key}" for key in alert.orders)
        body += forms["orders"].format(shown=len(alert.orders), count=alert.count, keys=keys)
    return Letter(headline, f"{subject} ({alert.shop})" if alert.shop else subject, body)


def utc(moment: datetime) -> str:
    """ISO 8601, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
