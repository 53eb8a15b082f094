"""What the demo sells: a paid order of each platform, as its shop sends and signs it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Sale:
    """One order that the demo sends. `paid`: in euros, VAT included."""

    platform: str
    shop: str
    number: str
    key: str
    paid: Decimal
    body: bytes
    headers: Callable[[bytes, str], dict[str, str]]


def _base64_hmac(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def _shopify_headers(body: bytes, secret: str) -> dict[str, str]:
    return {
        "X-Shopify-Topic": "orders/paid",
        "X-Shopify-Webhook-Id": hashlib.sha256(body).hexdigest()[:32],
        "X-Shopify-Hmac-Sha256": _base64_hmac(body, secret),
    }


def _woocommerce_headers(body: bytes, secret: str) -> dict[str, str]:
    return {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": _base64_hmac(body, secret)}


def _stripe_headers(body: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={signed}"}


def sales(now: datetime) -> tuple[Sale, ...]:
    """A paid order of each platform, placed `now`."""
    return (
        Sale(
            *("shopify", "boutique", "#1042", "shopify:boutique:order:5001042"),
            *(Decimal("64.70"), _shopify_order(now), _shopify_headers),
        ),
        Sale(
            *("woocommerce", "atelier", "731", "woocommerce:atelier:order:731"),
            *(Decimal("153.60"), _woocommerce_order(now), _woocommerce_headers),
        ),
        Sale(
            *("stripe", "abonnements", "FR-2026-0117", "stripe:abonnements:invoice:in_1Demo0117"),
            *(Decimal("34.80"), _stripe_event(now), _stripe_headers),
        ),
    )


def _shopify_order(now: datetime) -> bytes:
    """Prices include VAT: two mugs at 20 %, a book at 5.5 %, shipping."""
    address = {
        "first_name": "Camille",
        "last_name": "Martin",
        "company": None,
        "address1": "12 rue des Lilas",
        "zip": "69003",
        "city": "Lyon",
        "country_code": "FR",
    }
    order = {
        "id": 5001042,
        "name": "#1042",
        "email": "camille.martin@example.com",
        "created_at": now.isoformat(),
        "processed_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "currency": "EUR",
        "presentment_currency": "EUR",
        "financial_status": "paid",
        "confirmed": True,
        "test": False,
        "taxes_included": True,
        "total_price": "64.70",
        "total_tax": "8.72",
        "customer_locale": "fr-FR",
        "payment_gateway_names": ["shopify_payments"],
        "billing_address": address,
        "shipping_address": address,
        "customer": {
            "id": 7001,
            "email": "camille.martin@example.com",
            "first_name": "Camille",
            "last_name": "Martin",
        },
        "line_items": [
            {
                "id": 1,
                "title": "Tasse en grès",
                "variant_title": "Bleu",
                "sku": "TAS-BLE",
                "quantity": 2,
                "price": "19.90",
                "requires_shipping": True,
                "tax_lines": [{"title": "TVA", "rate": 0.2, "price": "6.63"}],
                "discount_allocations": [],
            },
            {
                "id": 2,
                "title": "Le livre du thé",
                "sku": "LIV-THE",
                "quantity": 1,
                "price": "18.00",
                "requires_shipping": True,
                "tax_lines": [{"title": "TVA", "rate": 0.055, "price": "0.94"}],
                "discount_allocations": [],
            },
        ],
        "shipping_lines": [
            {
                "id": 3,
                "title": "Colissimo",
                "price": "6.90",
                "discounted_price": "6.90",
                "tax_lines": [{"title": "TVA", "rate": 0.2, "price": "1.15"}],
                "discount_allocations": [],
            }
        ],
        "refunds": [],
    }
    return json.dumps(order).encode()


def _woocommerce_order(now: datetime) -> bytes:
    """Prices exclude VAT: a company buys four stools with a coupon."""
    gmt = now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    order = {
        "id": 731,
        "number": "731",
        "status": "processing",
        "currency": "EUR",
        "date_created_gmt": gmt,
        "date_modified_gmt": gmt,
        "date_paid_gmt": gmt,
        "total": "153.60",
        "total_tax": "25.60",
        "prices_include_tax": False,
        "customer_id": 18,
        "billing": {
            "first_name": "Inès",
            "last_name": "Moreau",
            "company": "Atelier Moreau SARL",
            "address_1": "4 quai de la Fosse",
            "address_2": "",
            "city": "Nantes",
            "postcode": "44000",
            "country": "FR",
            "email": "compta@atelier-moreau.example",
            "phone": "02 40 00 00 00",
        },
        "shipping": {},
        "payment_method": "stripe",
        "payment_method_title": "Carte bancaire",
        "transaction_id": "ch_demo731",
        "line_items": [
            {
                "id": 1,
                "name": "Tabouret en frêne",
                "sku": "TAB-FRE",
                "quantity": 4,
                "subtotal": "128.00",
                "subtotal_tax": "25.60",
                "total": "118.00",
                "total_tax": "23.60",
                "taxes": [{"id": 1, "total": "23.60", "subtotal": "25.60"}],
                "meta_data": [],
            }
        ],
        "shipping_lines": [
            {
                "id": 2,
                "method_title": "Livraison",
                "total": "10.00",
                "total_tax": "2.00",
                "taxes": [{"id": 1, "total": "2.00"}],
            }
        ],
        "fee_lines": [],
        "coupon_lines": [{"id": 3, "code": "BIENVENUE", "discount": "10.00", "discount_tax": "2.00"}],
        "tax_lines": [{"id": 4, "rate_id": 1, "rate_percent": 20, "label": "TVA", "compound": False}],
        "refunds": [],
        "meta_data": [],
    }
    return json.dumps(order).encode()


def _stripe_event(now: datetime) -> bytes:
    """`invoice.paid` in the shape of 2025-03-31 (basil) and later: the rate is only an id."""
    stamp = int(now.timestamp())
    invoice: dict[str, Any] = {
        "id": "in_1Demo0117",
        "object": "invoice",
        "number": "FR-2026-0117",
        "status": "paid",
        "currency": "eur",
        "created": stamp,
        "effective_at": stamp,
        "status_transitions": {"finalized_at": stamp, "paid_at": stamp},
        "collection_method": "charge_automatically",
        "customer": "cus_Demo",
        "customer_email": "leo.petit@example.com",
        "customer_name": "Léo Petit",
        "customer_address": {
            "line1": "8 cours Mirabeau",
            "postal_code": "13100",
            "city": "Aix-en-Provence",
            "country": "FR",
        },
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "subtotal": 2900,
        "total": 3480,
        "amount_due": 3480,
        "amount_paid": 3480,
        "total_taxes": [{"amount": 580, "tax_behavior": "exclusive"}],
        "lines": {
            "object": "list",
            "has_more": False,
            "total_count": 1,
            "data": [
                {
                    "id": "il_1",
                    "object": "line_item",
                    "amount": 2900,
                    "description": "1 × Abonnement Thé du mois",
                    "quantity": 1,
                    "discount_amounts": [],
                    "period": {"start": stamp, "end": stamp + 30 * 86400},
                    "parent": {"type": "subscription_item_details", "subscription_item_details": {}},
                    "pricing": {"type": "price_details", "unit_amount_decimal": "2900"},
                    "taxes": [
                        {
                            "amount": 580,
                            "tax_behavior": "exclusive",
                            "taxability_reason": "standard_rated",
                            "tax_rate_details": {"tax_rate": "txr_demo"},
                        }
                    ],
                }
            ],
        },
    }
    event = {
        "id": "evt_1Demo0117",
        "object": "event",
        "type": "invoice.paid",
        "created": stamp,
        "livemode": True,
        "api_version": "2026-10-28.endive",
        "data": {"object": invoice},
    }
    return json.dumps(event).encode()
