"""A sale of a business that invoices with Stripe."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.sources.base import Sample


def sample(now: datetime) -> Sample:
    """See `Source.sample`."""
    return Sample(
        shop="abonnements",
        topic="invoice.paid",
        body=_event(now),
        number="FR-2026-0117",
        paid=Decimal("34.80"),
    )


def _event(now: datetime) -> bytes:
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
