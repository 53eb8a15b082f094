"""A sale of a shop on WooCommerce."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from bridge.sources.base import Sample


def sample(now: datetime) -> Sample:
    """See `Source.sample`."""
    return Sample(
        shop="atelier",
        topic="order.updated",
        body=_order(now),
        number="731",
        paid=Decimal("153.60"),
    )


def _order(now: datetime) -> bytes:
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
