"""Orders as the shops tell them, to be varied: the journeys' own, apart from the sources' fixtures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

CENT = Decimal("0.01")


def item(gross: str, rate: str = "0.2", quantity: int = 1, *, id_: int = 1) -> dict[str, Any]:
    """A line item of Shopify, VAT included. `gross`: of one unit."""
    total = Decimal(gross) * quantity
    tax = (total - total / (1 + Decimal(rate))).quantize(CENT)
    return {
        "id": id_,
        "title": f"Affiche {id_}",
        "sku": "",
        "quantity": quantity,
        "price": gross,
        "requires_shipping": True,
        "tax_lines": [{"title": "TVA", "rate": float(rate), "price": str(tax)}],
        "discount_allocations": [],
    }


def shopify_order(id_: int = 1, items: list[dict[str, Any]] | None = None, **changed: Any) -> dict[str, Any]:
    """A paid order of one poster for 12.00, placed now by customer `id_` unless told otherwise."""
    now = datetime.now(UTC)
    items = items or [item("12.00")]
    total = sum((Decimal(each["price"]) * each["quantity"] for each in items), Decimal(0))
    buyer = changed.pop("buyer", id_)
    email = f"acheteur{buyer}@example.com"
    address = {
        "first_name": "Camille",
        "last_name": "Martin",
        "address1": "12 rue des Lilas",
        "zip": "69003",
        "city": "Lyon",
        "country_code": "FR",
    }
    return {
        "id": id_,
        "name": f"#{id_}",
        "email": email,
        "created_at": now.isoformat(),
        "processed_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "currency": "EUR",
        "presentment_currency": "EUR",
        "financial_status": "paid",
        "confirmed": True,
        "test": False,
        "taxes_included": True,
        "total_price": str(total),
        "current_total_price": str(total),
        "total_outstanding": "0.00",
        "customer_locale": "fr-FR",
        "payment_gateway_names": ["shopify_payments"],
        "billing_address": address,
        "shipping_address": address,
        "customer": {"id": 7000 + buyer, "email": email, "first_name": "Camille"},
        "line_items": items,
        "shipping_lines": [],
        "refunds": [],
    } | changed


def shopify_refund(order: dict[str, Any], id_: int, amount: str, lines: dict[int, int]) -> dict[str, Any]:
    """A refund of `lines` (line item → quantity), paid back in full."""
    by_id = {each["id"]: each for each in order["line_items"]}
    shown = []
    for number, (line_id, quantity) in enumerate(lines.items(), start=1):
        line = by_id[line_id]
        part = Decimal(quantity) / line["quantity"]
        shown.append(
            {
                "id": id_ * 10 + number,
                "line_item_id": line_id,
                "quantity": quantity,
                "subtotal": str((Decimal(line["price"]) * quantity).quantize(CENT)),
                "total_tax": str((Decimal(line["tax_lines"][0]["price"]) * part).quantize(CENT)),
                "line_item": line,
            }
        )
    moment = datetime.now(UTC).isoformat()
    return {
        "id": id_,
        "order_id": order["id"],
        "created_at": moment,
        "processed_at": moment,
        "note": "",
        "refund_line_items": shown,
        "order_adjustments": [],
        "transactions": [
            {
                "id": id_ * 100,
                "kind": "refund",
                "status": "success",
                "amount": amount,
                "currency": "EUR",
                "gateway": "shopify_payments",
                "created_at": moment,
                "processed_at": moment,
            }
        ],
    }


def as_body(payload: Any) -> bytes:
    """As the shop writes it."""
    return json.dumps(payload).encode()
