"""Shopify: webhooks of an app or of the shop's own settings, in the shape of the REST resources.

Delivery, headers and signature: https://shopify.dev/docs/apps/build/webhooks/subscribe/https. Retries carry
the original body; nothing is ordered; every topic may come twice. The order comes in several topics, each
with the whole of it, so the newest by `updated_at` is the order. Refunds and payments also come alone.
"""

from __future__ import annotations

from bridge.errors import NeedsPerson
from bridge.reasons import because
from bridge.sources.access import Grant
from bridge.sources.base import ApiRequest
from bridge.sources.listing import Listing
from bridge.sources.privacy import PrivacySource
from bridge.sources.shopify import access, listing, privacy
from bridge.sources.shopify.folding import fold
from bridge.sources.shopify.receiving import identify, is_ping
from bridge.sources.shopify.sample import sample
from bridge.sources.shopify.shapes import as_delivered, recognise
from bridge.sources.shopify.signature import secret_problem, sign, verify
from bridge.sources.shopify.topics import API_VERSION, HANDLED, IGNORED, PLATFORM

__all__ = [
    "API_VERSION",
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

TITLE = "Shopify"
KEPT_HEADERS: frozenset[str] = frozenset()
GRANT: Grant | None = access
LISTING: Listing | None = listing
PRIVACY: PrivacySource | None = privacy


def api_request(path: str, key: str, base_url: str) -> ApiRequest:
    """Shopify's payloads are whole, so `fold` never asks for more; `base_url` is the shop's own address."""
    if not base_url:
        raise NeedsPerson(because("api_address_missing", path=path))
    return ApiRequest(
        url=f"{base_url.rstrip('/')}/admin/api/{API_VERSION}/{path.lstrip('/')}",
        headers={"x-shopify-access-token": key},
    )
