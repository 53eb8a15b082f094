"""Stripe: invoices of Billing, Checkout sessions without invoice, refunds and credit notes.

Every API version is read by the fields that are there: one account can send several shapes at once, and
`api_version` may be null (https://docs.stripe.com/changelog).
"""

from __future__ import annotations

from bridge.sources.access import Grant
from bridge.sources.base import ApiRequest
from bridge.sources.listing import Listing
from bridge.sources.privacy import PrivacySource
from bridge.sources.stripe import listing
from bridge.sources.stripe.folding import fold
from bridge.sources.stripe.receiving import identify, is_ping
from bridge.sources.stripe.sample import sample
from bridge.sources.stripe.shapes import as_delivered, recognise
from bridge.sources.stripe.signature import secret_problem, sign, verify
from bridge.sources.stripe.topics import HANDLED, IGNORED, PLATFORM

__all__ = [
    "GRANT",
    "HANDLED",
    "IGNORED",
    "KEPT_HEADERS",
    "LISTING",
    "PLATFORM",
    "PRIVACY",
    "TITLE",
    "api_request",
    "as_delivered",
    "fold",
    "identify",
    "is_ping",
    "recognise",
    "sample",
    "secret_problem",
    "sign",
    "verify",
]

TITLE = "Stripe"
API_VERSION = "2025-09-30.clover"
"""What is asked for must not depend on the account's default: https://docs.stripe.com/api/versioning."""
KEPT_HEADERS: frozenset[str] = frozenset()
GRANT: Grant | None = None
LISTING: Listing | None = listing
PRIVACY: PrivacySource | None = None


def api_request(path: str, key: str, base_url: str) -> ApiRequest:
    """`path` of an `Incomplete`, as Stripe's API wants it (https://docs.stripe.com/api/authentication)."""
    root = (base_url or "https://api.stripe.com").rstrip("/")
    headers = {"authorization": f"Bearer {key}", "stripe-version": API_VERSION}
    return ApiRequest(url=root + path, headers=headers)
