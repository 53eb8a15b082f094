"""Stripe's signature: the time and the body together, in one header."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.errors import BadSignature
from bridge.reasons import Reason, because
from bridge.sources.signatures import signature_matches

TOLERANCE = 300
"""Seconds; the default of Stripe's own libraries: https://docs.stripe.com/webhooks#verify-official-libraries.
They refuse old stamps only; a stamp from the future gains nothing, but is no clock skew either."""
LONGEST_HEADER = 4096
_HEX = re.compile(r"[0-9a-f]{64}")


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Any `v1` of Stripe-Signature, made with any secret (its `whsec_` included), at most 300 s from `now`.

    Source: https://docs.stripe.com/webhooks#verify-manually. Raises BadSignature.
    """
    stamp, signatures = _parse_signature(headers.get("stripe-signature"))
    found = False
    for secret in secrets:
        wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        found |= signature_matches(wanted.encode(), signatures)
    if not found:
        raise BadSignature("the signature does not match")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise BadSignature("the signature is stale")


def _parse_signature(header: str | None) -> tuple[str, list[bytes]]:
    """`t=…,v1=…,v1=…` → the stamp as it was signed, and the signatures. Other schemes are passed over."""
    if not header:
        raise BadSignature("the signature header is missing")
    if len(header) > LONGEST_HEADER:
        raise BadSignature("the signature header is too long")
    items = [item.strip().partition("=") for item in header.split(",")]
    stamps = [value for name, _, value in items if name == "t"]
    if len(stamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", stamps[0]):
        raise BadSignature("the signature header has no usable time")
    signatures = [value.encode() for name, _, value in items if name == "v1" and _HEX.fullmatch(value)]
    if not signatures:
        raise BadSignature("the signature header has no v1 signature")
    return stamps[0], signatures


def sign(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    """See `Source.sign`."""
    stamp = str(int(now.timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "stripe-signature": f"t={stamp},v1={signature}"}


def secret_problem(secret: str) -> Reason | None:
    """An endpoint's secret begins with `whsec_`; keys of the API sign nothing."""
    return None if secret.startswith("whsec_") else because("stripe_secret_without_prefix")
