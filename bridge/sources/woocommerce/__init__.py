"""WooCommerce: signed webhooks of the REST API v3, and `GET /orders/{id}/refunds` where a refund needs it.

What a shop must know:

- An order is paid when `date_paid_gmt` is set. WooCommerce sets it for every payment, for cash on delivery
  only when the order is completed; the status alone proves nothing.
- A cancelled order gets `cancelled_at`. So does an order that was deleted or binned before it was paid.
  Deleting a paid order gives no money back: the sale stays as it was. A living snapshot received after the
  deletion, or an `order.restored`, undoes it.
- Gift cards used as payment lower WooCommerce's `total`; `Order.total` is what the goods cost, and the cards
  are payments.
- A webhook names refunds with their amount only. A refund of everything explains itself; any other asks for
  its lines (`Incomplete`).

Facts: https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php
and https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties
"""

from __future__ import annotations

import base64

from bridge.errors import NeedsPerson
from bridge.reasons import because
from bridge.sources.access import Grant
from bridge.sources.base import ApiRequest
from bridge.sources.listing import Listing
from bridge.sources.privacy import PrivacySource
from bridge.sources.woocommerce import listing
from bridge.sources.woocommerce.folding import fold
from bridge.sources.woocommerce.receiving import identify, is_ping
from bridge.sources.woocommerce.sample import sample
from bridge.sources.woocommerce.shapes import as_delivered, recognise
from bridge.sources.woocommerce.signature import secret_problem, sign, verify
from bridge.sources.woocommerce.topics import HANDLED, IGNORED, PLATFORM

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

TITLE = "WooCommerce"
KEPT_HEADERS: frozenset[str] = frozenset()
GRANT: Grant | None = None
LISTING: Listing | None = listing
PRIVACY: PrivacySource | None = None


def api_request(path: str, key: str, base_url: str) -> ApiRequest:
    """A GET with an API key "ck_…:cs_…". The shop's own address is needed; raises NeedsPerson without it."""
    if not base_url:
        raise NeedsPerson(because("api_address_missing", path=path))
    token = base64.b64encode(key.encode()).decode()
    return ApiRequest(url=base_url.rstrip("/") + path, headers={"Authorization": f"Basic {token}"})
