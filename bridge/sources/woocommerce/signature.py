"""WooCommerce's signature: an HMAC of the raw body. There is no stamp, so no age."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.reasons import Reason, because
from bridge.sources.signatures import base64_hmac, verify_base64_hmac

_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#x0*(?:22|26|27));", re.IGNORECASE)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raises BadSignature unless one of the secrets signed the body.

    WooCommerce signs with the secret after `wp_specialchars_decode(…, ENT_QUOTES)`: one that was typed with
    `&amp;` signs with `&`, so both forms are tried.
    https://developer.wordpress.org/reference/functions/wp_specialchars_decode/
    """
    forms = [
        form
        for secret in secrets
        for form in {secret: None, _ENTITY.sub(lambda entity: html.unescape(entity[0]), secret): None}
    ]
    verify_base64_hmac(headers.get("x-wc-webhook-signature"), body, forms)


def sign(body: bytes, secret: str, topic: str, delivery: str, now: datetime) -> dict[str, str]:
    """See `Source.sign`."""
    resource, _, event = topic.partition(".")
    return {
        "content-type": "application/json",
        "x-wc-webhook-source": "https://boutique.example/",
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-id": "7",
        "x-wc-webhook-delivery-id": delivery,
        "x-wc-webhook-signature": base64_hmac(body, secret),
    }


def secret_problem(secret: str) -> Reason | None:
    """`ck_…` and `cs_…` are the two halves of a key of the REST API, which signs nothing."""
    return because("woo_secret_is_api_key") if secret.startswith(("ck_", "cs_")) else None
