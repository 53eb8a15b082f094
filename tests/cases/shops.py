"""The shops that the cases were written for: the table of the cases' README, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Keys = Mapping[str, Any]

EXEMPT_TRAINING = "Exonération de TVA, art. 261-4-4° du CGI"
ABROAD = "TVA non applicable, art. 259 D du CGI"

EVERY_SHOP: Keys = {
    "invoice_from": "2020-01-01",
    "refund_seconds": 2,
    "tips": "staff",
    "gift_cards": "multi",
}
API: Keys = {"platform_api_key": "ck_cases:cs_cases", "platform_api_url": "https://platform.example"}
"""Where the platform answers as the case says."""

_FINAL: Keys = {"partial_refunds": "final"}
_EXEMPT: Keys = {"mentions": {"domestic_exempt": EXEMPT_TRAINING}}

SHOPS: Mapping[str, Keys] = {
    "abo": {"platform": "stripe", **API, "supply": "services", "defer_to": ["woo"]},
    "created": {"platform": "stripe", **API, "supply": "services", "invoice_when": "created"},
    "fin": {"platform": "stripe", **API, "supply": "services", **_FINAL, **_EXEMPT},
    "franchise": {"platform": "stripe", **API, "vat_regime": "franchise"},
    "woo": {"platform": "woocommerce", **API, "stored_value": ["Via wallet"]},
    "woofin": {
        "platform": "woocommerce",
        **API,
        **_FINAL,
        **_EXEMPT,
        "exemptions": {
            "tax_class:zero-rate": "domestic_exempt",
            "name:Formation*": "domestic_exempt",
            "name:Consigne": "out_of_scope",
            "fee:Pourboire": "tip",
        },
    },
    "wooplain": {"platform": "woocommerce", "supply": "goods"},
    "woofranchise": {"platform": "woocommerce", "vat_regime": "franchise"},
    "sh-plain": {"platform": "shopify"},
    "sh-fin": {"platform": "shopify", **_FINAL, **_EXEMPT},
    "sh-created": {"platform": "shopify", **_FINAL, "invoice_when": "created"},
    "sh-oss": {"platform": "shopify", **_FINAL, "oss": True},
    "sh-digital": {
        "platform": "shopify",
        **_FINAL,
        "supply": "services",
        "mentions": {"consumer_services_abroad": ABROAD},
    },
    "sh-franchise": {"platform": "shopify", **_FINAL, "vat_regime": "franchise"},
    "sh-zero": {"platform": "shopify", "zero_total_orders": True},
}


def keys_of(shop: str) -> Keys:
    """All that is configured for this shop."""
    return {**EVERY_SHOP, **SHOPS[shop]}
