"""Signs a body the way each platform does: one function a platform, for every test that sends webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

Signer = Callable[[bytes, str, str, str, datetime], dict[str, str]]
"""(body, secret, topic, delivery id, now) → headers, lower case."""


def _base64_hmac(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def shopify(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-webhook-id": delivery,
        "x-shopify-shop-domain": "boutique.myshopify.com",
        "x-shopify-api-version": "2026-07",
        "x-shopify-triggered-at": now.isoformat(),
        "x-shopify-hmac-sha256": _base64_hmac(body, secret),
    }


def woocommerce(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    resource, _, event = topic.partition(".")
    return {
        "content-type": "application/json",
        "x-wc-webhook-source": "https://boutique.example/",
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-id": "7",
        "x-wc-webhook-delivery-id": delivery,
        "x-wc-webhook-signature": _base64_hmac(body, secret),
    }


def stripe(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "stripe-signature": f"t={stamp},v1={signature}"}


SIGNERS: dict[str, Signer] = {"shopify": shopify, "woocommerce": woocommerce, "stripe": stripe}
