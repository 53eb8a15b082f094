"""Signatures, the way several platforms make and check them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from bridge.errors import BadSignature


def signature_matches(expected: bytes, candidates: Sequence[bytes]) -> bool:
    """Constant time over every candidate, so that neither the match nor its place can be timed."""
    found = False
    for candidate in candidates:
        found |= hmac.compare_digest(expected, candidate)
    return found


def base64_hmac(body: bytes, secret: str) -> str:
    """HMAC-SHA256 over the raw body, base64: Shopify's and WooCommerce's way."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def verify_base64_hmac(header: str | None, body: bytes, secrets: Sequence[str]) -> None:
    """Raises BadSignature unless `header` is what `base64_hmac` makes with one of the secrets."""
    if not header:
        raise BadSignature("the signature header is missing")
    try:
        given = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadSignature("the signature is not base64") from exc
    wanted = [hmac.digest(secret.encode(), body, hashlib.sha256) for secret in secrets]
    if not signature_matches(given, wanted):
        raise BadSignature("the signature does not match")
