"""Orders of all three platforms as their shops deliver them, and what must come of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.sources.registry import REGISTRY
from tests.builders import stripe
from tests.builders.shopify import as_body, item, shopify_order, shopify_refund
from tests.builders.woocommerce import gmt, woocommerce_order

SECRET = "secret-of-the-chaos-shops"
PLATFORMS: Mapping[str, str] = {"boutique": "shopify", "atelier": "woocommerce", "abonnements": "stripe"}
"""The shops and their platforms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook. It is signed when it is sent."""

    shop: str
    platform: str
    topic: str
    name: str
    body: bytes

    def headers(self, now: datetime) -> dict[str, str]:
        return REGISTRY[self.platform].sign(self.body, SECRET, self.topic, self.name, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One order. `total`: what the buyer paid, VAT included. `credits`: refund key → amount given back."""

    key: str
    total: Decimal
    email: str
    deliveries: tuple[Delivery, ...]
    credits: Mapping[str, Decimal] = field(default_factory=dict)


def sale(platform: str, n: int, *, shop: str, buyer: int, refund: str, placed: datetime) -> Sale:
    """Order `n` of a shop. `refund`: none, part (Shopify and Stripe) or full."""
    build = {"shopify": _shopify, "woocommerce": _woocommerce, "stripe": _stripe}[platform]
    return build(shop, n, f"buyer-{buyer}", refund, placed.astimezone(UTC))


def _deliveries(
    shop: str, platform: str, sent: Sequence[tuple[str, dict[str, Any], str]]
) -> tuple[Delivery, ...]:
    """`sent`: topic, payload and name of each."""
    return tuple(
        Delivery(shop=shop, platform=platform, topic=topic, name=name, body=as_body(body))
        for topic, body, name in sent
    )


def _shopify(shop: str, n: int, buyer: str, refund: str, placed: datetime) -> Sale:
    order_id = 6_100_000_000_000 + n
    # 7.77 with VAT comes to different totals under different roundings: its invoice begins as a draft.
    awkward = n % 5 == 4
    line = item("7.77", id_=10 * n + 1) if awkward else item("24.00", quantity=2, id_=10 * n + 1)
    order = shopify_order(
        order_id, [line], placed=placed, buyer=n, last_name=buyer, email=f"{buyer}@example.fr"
    )
    sent = [
        ("orders/create", order | {"financial_status": "pending"}, f"{shop}-create-{n}"),
        ("orders/paid", order, f"{shop}-paid-{n}"),
    ]
    credits: dict[str, Decimal] = {}
    if refund != "none":
        back = 1 if refund == "part" else line["quantity"]
        amount = Decimal(line["price"]) * back
        credits[f"shopify:{shop}:refund:{900_000 + n}"] = amount
        returned = shopify_refund(order, 900_000 + n, amount, {line["id"]: back}, placed=placed)
        sent.append(("refunds/create", returned, f"{shop}-refund-{n}"))
    return Sale(
        key=f"shopify:{shop}:order:{order_id}",
        total=Decimal(order["total_price"]),
        email=order["email"],
        credits=credits,
        deliveries=_deliveries(shop, "shopify", sent),
    )


def _woocommerce(shop: str, n: int, buyer: str, refund: str, placed: datetime) -> Sale:
    order_id, minute = 10_000 + n, timedelta(minutes=1)
    placed = placed.replace(minute=0, second=0, microsecond=0)
    paid = woocommerce_order(order_id, placed=placed, last_name=buyer, email=f"{buyer}@example.fr") | (
        dict.fromkeys(("date_modified_gmt", "date_paid_gmt"), gmt(placed + minute))
    )
    pending = paid | {"status": "pending", "date_modified_gmt": gmt(placed), "date_paid_gmt": None}
    sent = [("order.created", pending), ("order.updated", paid)]
    credits: dict[str, Decimal] = {}
    if refund != "none":
        note = {"id": 500_000 + n, "reason": "Retour", "total": f"-{paid['total']}"}
        again = {"status": "refunded", "date_modified_gmt": gmt(placed + 2 * minute), "refunds": [note]}
        sent.append(("order.updated", paid | again))
        credits[f"woocommerce:{shop}:refund:{500_000 + n}"] = Decimal(paid["total"])
    return Sale(
        key=f"woocommerce:{shop}:order:{order_id}",
        total=Decimal(paid["total"]),
        email=paid["billing"]["email"],
        credits=credits,
        deliveries=_deliveries(
            shop, "woocommerce", [(topic, body, f"{n}-{at}") for at, (topic, body) in enumerate(sent)]
        ),
    )


def _stripe(shop: str, n: int, buyer: str, refund: str, placed: datetime) -> Sale:
    invoice = stripe.invoice(n, placed=placed, last_name=buyer, email=f"{buyer}@example.fr")
    things = [("invoice.paid", invoice), ("invoice_payment.paid", stripe.payment(invoice, n))]
    credits: dict[str, Decimal] = {}
    if refund != "none":
        cents = invoice["total"] if refund == "full" else 1200
        credits[f"stripe:{shop}:refund:re_{n}"] = Decimal(cents) / 100
        things.append(("refund.created", stripe.refund(cents, n, placed=placed)))
    events = [(topic, stripe.event(topic, thing, n)) for topic, thing in things]
    return Sale(
        key=f"stripe:{shop}:invoice:{invoice['id']}",
        total=Decimal(invoice["total"]) / 100,
        email=invoice["customer_email"],
        credits=credits,
        deliveries=_deliveries(shop, "stripe", [(topic, event, event["id"]) for topic, event in events]),
    )
