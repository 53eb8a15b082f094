"""Shopify's orders and refunds as it sends them, to be varied; the sources' fixtures are apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

CENT = Decimal("0.01")
Payload = dict[str, Any]


def item(
    price: str,
    rate: str = "0.2",
    quantity: int = 1,
    *,
    id_: int = 1,
    title: str = "",
    off: Decimal = Decimal(0),
    vat: Decimal | None = None,
) -> Payload:
    """A line item. `price`: of one unit; `off`: discount of all; `vat`: of all, from within unless given."""
    total = Decimal(price) * quantity - off
    return {
        "id": id_,
        "title": title or f"Affiche {id_}",
        "sku": "",
        "quantity": quantity,
        "price": price,
        "requires_shipping": True,
        "tax_lines": [tax(rate, vat_within(total, rate) if vat is None else vat)],
        "discount_allocations": [{"amount": str(off)}] if off else [],
    }


def carriage(price: str, *taxes: Payload) -> Payload:
    """A shipping line, with 20 % of VAT within unless its taxes are given."""
    return {
        "id": 80,
        "title": "Colissimo",
        "price": price,
        "discounted_price": price,
        "tax_lines": list(taxes) or [tax("0.2", vat_within(Decimal(price), "0.2"))],
        "discount_allocations": [],
    }


def tax(rate: str | Decimal, amount: Decimal) -> Payload:
    return {"title": "TVA", "rate": float(rate), "price": str(amount)}


def vat_within(gross: Decimal, rate: str | Decimal) -> Decimal:
    return (gross - gross / (1 + Decimal(rate))).quantize(CENT)


def address(last_name: str = "Martin") -> Payload:
    return {
        "first_name": "Camille",
        "last_name": last_name,
        "company": None,
        "address1": "12 rue des Lilas",
        "zip": "69003",
        "city": "Lyon",
        "country_code": "FR",
    }


def shopify_order(
    id_: int = 1,
    items: Sequence[Payload] = (),
    *,
    placed: datetime | None = None,
    buyer: int | None = None,
    last_name: str = "Martin",
    **changed: Any,
) -> Payload:
    """A paid order of one poster for 12.00, VAT included, placed now by buyer `id_` unless told otherwise.

    `changed`: fields as Shopify calls them. The total follows from items and shipping lines.
    """
    items = items or [item("12.00")]
    sold = sum((Decimal(each["price"]) * each["quantity"] for each in items), Decimal(0))
    carried = sum((Decimal(each["price"]) for each in changed.get("shipping_lines", ())), Decimal(0))
    total = changed.pop("total_price", str(sold + carried))
    buyer = id_ if buyer is None else buyer
    email = changed.pop("email", f"acheteur{buyer}@example.com")
    return {
        "id": id_,
        "name": f"#{id_}",
        "email": email,
        **dict.fromkeys(
            ("created_at", "processed_at", "updated_at"), (placed or datetime.now(UTC)).isoformat()
        ),
        "currency": "EUR",
        "presentment_currency": "EUR",
        "financial_status": "paid",
        "confirmed": True,
        "test": False,
        "taxes_included": True,
        **dict.fromkeys(("total_price", "current_total_price"), total),
        "total_outstanding": "0.00",
        "customer_locale": "fr-FR",
        "payment_gateway_names": ["shopify_payments"],
        **dict.fromkeys(("billing_address", "shipping_address"), address(last_name)),
        "customer": {"id": 7000 + buyer, "email": email, "first_name": "Camille"},
        "line_items": list(items),
        "shipping_lines": [],
        "refunds": [],
    } | changed


def shopify_refund(
    order: Payload,
    id_: int,
    amount: str | Decimal,
    lines: Mapping[int, int],
    *,
    placed: datetime | None = None,
) -> Payload:
    """A refund of `lines` (line item → quantity), of which `amount` is paid back; made now."""
    moment = (placed or datetime.now(UTC)).isoformat()
    by_id = {each["id"]: each for each in order["line_items"]}
    return {
        "id": id_,
        "order_id": order["id"],
        "created_at": moment,
        "processed_at": moment,
        "note": "",
        "refund_line_items": [
            _returned(by_id[line_id], quantity, id_ * 10 + number)
            for number, (line_id, quantity) in enumerate(lines.items(), start=1)
        ],
        "order_adjustments": [],
        "transactions": [
            {
                "id": id_ * 100,
                "kind": "refund",
                "status": "success",
                "amount": str(amount),
                "currency": "EUR",
                "gateway": "shopify_payments",
                "created_at": moment,
                "processed_at": moment,
            }
        ],
    }


def _returned(line: Payload, quantity: int, id_: int) -> Payload:
    part = Decimal(quantity) / line["quantity"]
    off = sum((Decimal(each["amount"]) for each in line["discount_allocations"]), Decimal(0))
    return {
        "id": id_,
        "line_item_id": line["id"],
        "quantity": quantity,
        "subtotal": str((Decimal(line["price"]) * quantity - off * part).quantize(CENT)),
        "total_tax": str((Decimal(line["tax_lines"][0]["price"]) * part).quantize(CENT)),
        "line_item": line,
    }


def as_body(payload: Any) -> bytes:
    """As the shop writes it."""
    return json.dumps(payload).encode()
