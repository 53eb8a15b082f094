"""Stripe: invoices of Billing, Checkout sessions without invoice, refunds and credit notes.

Receiving (`receiving.py`) verifies and names an event. Folding reads the bodies (`payloads.py`), makes lines
(`lines.py`), buyers and payments (`parties.py`), refunds (`refunds.py`) and the order (`folding.py`). Every
API version is read by the fields that are there: one account can send several shapes at once, and
`api_version` may be null (https://docs.stripe.com/changelog).
"""

from __future__ import annotations

from bridge.sources.base import ApiRequest
from bridge.sources.stripe.folding import fold
from bridge.sources.stripe.receiving import identify, is_ping, verify
from bridge.sources.stripe.topics import HANDLED, IGNORED

PLATFORM: str = "stripe"
KEPT_HEADERS: frozenset[str] = frozenset()

__all__ = [
    "HANDLED",
    "IGNORED",
    "KEPT_HEADERS",
    "PLATFORM",
    "api_request",
    "fold",
    "identify",
    "is_ping",
    "verify",
]


def api_request(path: str, key: str, base_url: str) -> ApiRequest:
    """`path` of an `Incomplete`, as Stripe's API wants it (https://docs.stripe.com/api/authentication)."""
    root = (base_url or "https://api.stripe.com").rstrip("/")
    return ApiRequest(url=root + path, headers={"authorization": f"Bearer {key}"})
