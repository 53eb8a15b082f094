"""Why a line bears no VAT, in each platform's own words."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bridge.orders import Event, Order, Supply, ZeroTaxReason
from bridge.sources.registry import REGISTRY
from tests.builders.orders import NOON
from tests.builders.shopify import carriage, item, shopify_order
from tests.builders.woocommerce import line, woocommerce_order

EXEMPT, BUYER, ZERO = (
    ZeroTaxReason.PRODUCT_EXEMPT,
    ZeroTaxReason.CUSTOMER_EXEMPT,
    ZeroTaxReason.ZERO_RATED,
)


def read(platform: str, topic: str, body: dict[str, Any]) -> Order:
    event = Event(id="e", topic=topic, body=json.dumps(body).encode(), received_at=NOON)
    folded = REGISTRY[platform].fold("boutique", f"{platform}:boutique:order:1", [event])
    assert isinstance(folded, Order)
    return folded


def reasons(order: Order) -> list[ZeroTaxReason | None]:
    return [next((tax.reason for tax in line.taxes if tax.reason), None) for line in order.lines]


def untaxed(**changed: Any) -> dict[str, Any]:
    return {**item("50.00", id_=2), "taxable": False, "tax_lines": [], **changed}


FREE_CARRIAGE = {**carriage("5.00"), "tax_lines": []}


@pytest.mark.parametrize(
    ("items", "changed", "expected"),
    [
        ([item("60.00"), untaxed()], {"shipping_lines": [carriage("5.00")]}, [None, EXEMPT, None]),
        ([untaxed()], {"shipping_lines": [FREE_CARRIAGE]}, [EXEMPT, EXEMPT]),
        ([untaxed(taxable=True)], {"shipping_lines": [FREE_CARRIAGE]}, [None, None]),
        ([untaxed(gift_card=True)], {"shipping_lines": [FREE_CARRIAGE]}, [None, None]),
        ([untaxed(taxable=True)], {"tax_exempt": True}, [BUYER]),
        ([untaxed(taxable=True)], {"customer": {"id": 1, "tax_exempt": True}}, [BUYER]),
        ([untaxed(tax_lines=[{"title": "Exonéré", "rate": 0.0, "price": "0.00"}])], {}, [ZERO]),
        ([untaxed(tax_lines=[{"title": "", "rate": 0.0, "price": "0.00"}])], {}, [None]),
    ],
)
def test_shopify(
    items: list[dict[str, Any]], changed: dict[str, Any], expected: list[ZeroTaxReason | None]
) -> None:
    assert reasons(read("shopify", "orders/paid", shopify_order(1, items, **changed))) == expected


def test_shopify_names_tags_of_order_and_buyer_and_what_is_no_product() -> None:
    order = read(
        "shopify",
        "orders/paid",
        shopify_order(1, [untaxed(requires_shipping=False)], tags="b2b, École", customer={"tags": ["asso"]}),
    )
    assert order.lines[0].tags == ("b2b", "École", "asso")
    assert order.lines[0].supply is Supply.SERVICES


NET, NONE = Decimal(50), Decimal(0)


def without_tax(**changed: Any) -> dict[str, Any]:
    return {**line(NET, NONE, id_=2), "taxes": [], "tax_class": "", **changed}


@pytest.mark.parametrize(
    ("beside", "changed", "expected"),
    [
        ([], {}, None),
        ([{**line(NET, Decimal(10)), "tax_class": ""}], {}, EXEMPT),
        ([{**line(NET, Decimal(10)), "tax_class": ""}], {"tax_class": "reduced-rate"}, None),
        ([], {"taxes": [{"id": 3, "total": "0"}]}, ZERO),
        ([], {"tax_status": "none"}, EXEMPT),
    ],
)
def test_woocommerce(
    beside: list[dict[str, Any]], changed: dict[str, Any], expected: ZeroTaxReason | None
) -> None:
    rates = [
        {"rate_id": 1, "label": "TVA", "rate_percent": 20},
        {"rate_id": 3, "label": "Exonéré", "rate_percent": 0},
    ]
    sold = woocommerce_order(1, [*beside, without_tax(**changed)], tax_lines=rates)
    order = read("woocommerce", "order.updated", sold)
    assert reasons(order)[-1] is expected
    assert order.lines[-1].tax_class == changed.get("tax_class", "")
