"""WooCommerce's orders as it sends them, to be varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Payload = dict[str, Any]


def line(
    net: Decimal,
    vat: Decimal,
    *,
    id_: int = 1,
    title: str = "Tasse émaillée",
    quantity: int = 1,
    rate: int = 1,
    exact: Decimal | None = None,
    before: tuple[Decimal, Decimal] | None = None,
) -> Payload:
    """An article, a shipment or a fee. `net` and `vat`: of all of it, and `before` its discount.

    `rate`: the id of its VAT rate; `exact`: its VAT, not rounded.
    """
    full, full_vat = before or (net, vat)
    return {
        "id": id_,
        "name": title,
        "quantity": quantity,
        "subtotal": str(full),
        "subtotal_tax": str(full_vat),
        "total": str(net),
        "total_tax": str(vat),
        "taxes": [{"id": rate, "total": str(vat if exact is None else exact), "subtotal": str(full_vat)}],
        "meta_data": [],
    }


def woocommerce_order(
    id_: int = 731,
    lines: Sequence[Payload] = (),
    *,
    placed: datetime | None = None,
    email: str = "acheteur@example.com",
    last_name: str = "Martin",
    rates: Mapping[int, Decimal] = {1: Decimal("0.2")},
    **changed: Any,
) -> Payload:
    """A paid order of two mugs for 48.00, VAT included, placed now unless told otherwise.

    `rates`: the VAT rates by their ids; `changed`: fields as WooCommerce calls them.
    """
    lines = lines or [line(Decimal("40.00"), Decimal("8.00"), quantity=2)]
    sold = [*lines, *changed.get("shipping_lines", ()), *changed.get("fee_lines", ())]
    vat = sum((Decimal(each["total_tax"]) for each in sold), Decimal(0))
    total = sum((Decimal(each["total"]) for each in sold), vat)
    return {
        "id": id_,
        "number": str(id_),
        "status": "processing",
        "currency": "EUR",
        "prices_include_tax": True,
        **dict.fromkeys(
            ("date_created_gmt", "date_modified_gmt", "date_paid_gmt"), gmt(placed or datetime.now(UTC))
        ),
        "total": str(total),
        "total_tax": str(vat),
        "customer_id": 0,
        "billing": {
            "first_name": "Camille",
            "last_name": last_name,
            "address_1": "12 rue des Lilas",
            "city": "Lyon",
            "postcode": "69003",
            "country": "FR",
            "email": email,
        },
        "shipping": {},
        "payment_method": "stripe",
        "payment_method_title": "Carte bancaire",
        "transaction_id": f"ch_{id_}",
        "line_items": list(lines),
        "tax_lines": [
            {"id": n, "rate_id": n, "rate_percent": float(rate * 100), "label": "TVA", "compound": False}
            for n, rate in rates.items()
        ],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "meta_data": [],
    } | changed


def gmt(moment: datetime) -> str:
    """As WooCommerce writes times: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
