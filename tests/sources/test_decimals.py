"""Shops that reckon with more or fewer decimals than are paid: the lines come to what was charged."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

import bridge.sources.woocommerce as woocommerce
from bridge.orders import Event, Order
from tests.builders.orders import NOON
from tests.builders.woocommerce import woocommerce_order

D = Decimal


def read(lines: list[dict[str, Any]], **changed: Any) -> Order:
    rates = [{"rate_id": 1, "label": "TVA", "rate_percent": 20}]
    body = woocommerce_order(1, lines, tax_lines=rates, **changed)
    event = Event(id="e", topic="order.updated", body=json.dumps(body).encode(), received_at=NOON)
    folded = woocommerce.fold("boutique", "woocommerce:boutique:order:1", [event])
    assert isinstance(folded, Order)
    return folded


def item(net: str, vat: str, exact: str, price: float | None, quantity: int = 1) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "Lampe",
        "quantity": quantity,
        **dict.fromkeys(("subtotal", "total"), net),
        **dict.fromkeys(("subtotal_tax", "total_tax"), vat),
        "taxes": [{"id": 1, "total": exact}],
        "price": price,
    }


@pytest.mark.parametrize(
    ("line", "total", "net", "vat"),
    [
        (item("83", "17", "16.5", 82.5), "99", "82.50", "16.50"),
        (item("83", "17", "16.666667", 83.333333), "100", "83.33", "16.67"),
        (item("83", "17", "17", 83), "100", "83.33", "16.67"),
        (item("12.3456", "2.4691", "2.46912", 12.3456), "14.8147", "12.34", "2.47"),
        (item("246.9120", "49.3824", "49.3824", 12.3456, 20), "296.2944", "246.91", "49.38"),
    ],
    ids=["none", "none, met by chance", "none, rates rounded too", "four", "four, of many"],
)
def test_a_shop_with_other_decimals(line: dict[str, Any], total: str, net: str, vat: str) -> None:
    order = read([line], total=total)
    assert order.problems == ()
    assert order.total == D(total).quantize(D("0.01"))
    (sold,) = order.lines
    assert (round(sold.net, 2), round(sold.tax, 2)) == (D(net), D(vat))
    assert abs(sold.gross - order.total) < D("0.005")
    assert order.movements[0].amount == order.total


def test_vat_that_is_far_from_its_rate_is_still_told() -> None:
    order = read([item("83", "19", "16.5", 82.5)], total="102")
    assert [problem.code for problem in order.problems] == ["woo_tax_differs"]
