"""Shopify's signature: an HMAC of the raw body. No time is signed, so none is checked.

https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.reasons import Reason, because
from bridge.sources.shopify.topics import API_VERSION, header
from bridge.sources.signatures import base64_hmac, verify_base64_hmac


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raises BadSignature. A rotated secret may go on signing for an hour."""
    verify_base64_hmac(header(headers, "hmac-sha256"), body, secrets)


def sign(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    """See `Source.sign`."""
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-webhook-id": delivery,
        "x-shopify-shop-domain": "boutique.myshopify.com",
        "x-shopify-api-version": API_VERSION,
        "x-shopify-triggered-at": now.isoformat(),
        "x-shopify-hmac-sha256": base64_hmac(body, secret),
    }


def secret_problem(secret: str) -> Reason | None:
    """`shpat_…` and the like are tokens of the Admin API: they sign nothing."""
    return because("shopify_secret_is_token") if secret.startswith(("shpat_", "shpca_")) else None
