"""A sale of a shop on Shopify."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

from bridge.sources.base import Sample


def sample(now: datetime) -> Sample:
    """See `Source.sample`."""
    return Sample(
        shop="boutique",
        topic="orders/paid",
        body=_order(now),
        number="#1042",
        paid=Decimal("64.70"),
    )


def _order(now: datetime) -> bytes:
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
