"""What the demo lets its shops send: a sale of each platform, and three that do not go so smoothly."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from bridge.sources.base import Delivery, Source
from bridge.sources.registry import REGISTRY


class Outcome(StrEnum):
    """What is right to become of a case."""

    INVOICED = "invoiced"
    REFUNDED = "refunded"
    DRAFT = "draft"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One order. `deliveries`: in the order in which the shop posts them; `paid`: in euros, VAT included."""

    source: Source
    shop: str
    number: str
    paid: Decimal
    deliveries: tuple[Delivery, ...]
    outcome: Outcome


DRAFTS: Final = "sur-mesure"
"""The shop whose invoices a person finalises."""


def cases(now: datetime) -> tuple[Case, ...]:
    """Sales of `now`. Each platform's sample comes twice, as it does where an acknowledgement is lost."""
    samples = [_case(platform, now) for platform in REGISTRY]
    return (
        *(replace(case, deliveries=case.deliveries * 2) for case in samples),
        _refunded(now),
        _draft(now),
        _held(now),
    )


def _case(platform: str, now: datetime, *changes: tuple[str, str]) -> Case:
    """The platform's sample. `changes`: what stands in it → what takes its place."""
    source = REGISTRY[platform]
    sample = source.sample(now)
    body, number = sample.body.decode(), sample.number
    for old, new in changes:
        body, number = body.replace(old, new), number.replace(old, new)
    return Case(
        source=source,
        shop=sample.shop,
        number=number,
        paid=sample.paid,
        deliveries=(Delivery(topic=sample.topic, body=body.encode()),),
        outcome=Outcome.INVOICED,
    )


def _draft(now: datetime) -> Case:
    return replace(_case("stripe", now, ("0117", "0118")), shop=DRAFTS, outcome=Outcome.DRAFT)


def _held(now: datetime) -> Case:
    """3.60 less were paid than its lines come to."""
    case = _case("woocommerce", now, ("731", "732"), ('"total": "153.60"', '"total": "150.00"'))
    return replace(case, paid=Decimal("150.00"), outcome=Outcome.HELD)


def _refunded(now: datetime) -> Case:
    """All of it is given back."""
    case = _case("shopify", now, ("1042", "1043"))
    refund = Delivery(topic="refunds/create", body=_refund_of(json.loads(case.deliveries[0].body), now))
    return replace(case, deliveries=(*case.deliveries, refund), outcome=Outcome.REFUNDED)


def _refund_of(order: dict[str, Any], now: datetime) -> bytes:
    moment = now.isoformat()
    (shipping,) = order["shipping_lines"]
    lines = [
        {
            "id": 9000 + line["id"],
            "line_item_id": line["id"],
            "quantity": line["quantity"],
            "subtotal": str(Decimal(line["price"]) * line["quantity"]),
            "total_tax": line["tax_lines"][0]["price"],
            "line_item": line,
        }
        for line in order["line_items"]
    ]
    tax = Decimal(shipping["tax_lines"][0]["price"])
    shipped = {"id": 9101, "kind": "shipping_refund", "amount": str(tax - Decimal(shipping["price"]))}
    paid_back = {"id": 9201, "kind": "refund", "status": "success", "amount": order["total_price"]}
    refund = {
        "id": 9001,
        "order_id": order["id"],
        "created_at": moment,
        "processed_at": moment,
        "refund_line_items": lines,
        "order_adjustments": [shipped | {"tax_amount": str(-tax)}],
        "transactions": [paid_back | {"currency": "EUR", "created_at": moment, "processed_at": moment}],
    }
    return json.dumps(refund).encode()
