"""Orders of all three platforms as their shops deliver them, and what must come of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bridge.sources.registry import REGISTRY

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
    return build(shop, n, f"buyer-{buyer}@example.fr", refund, placed.astimezone(UTC))


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


# ------------------------------------------------------------------------------------------------ Shopify


def _shopify(shop: str, n: int, email: str, refund: str, placed: datetime) -> Sale:
    order_id = 6_100_000_000_000 + n
    # 7.77 with VAT comes to different totals under different roundings: its invoice begins as a draft.
    awkward = n % 5 == 4
    price, quantity, vat = ("7.77", 1, "1.30") if awkward else ("24.00", 2, "8.00")
    total = Decimal(price) * quantity
    line = {
        "id": 10 * n + 1,
        "title": "Bougie",
        "price": price,
        "quantity": quantity,
        "requires_shipping": True,
        "tax_lines": [{"title": "FR TVA", "rate": 0.2, "price": vat}],
    }
    order: dict[str, Any] = {
        "id": order_id,
        "name": f"#{n}",
        "currency": "EUR",
        "taxes_included": True,
        "total_price": str(total),
        "financial_status": "paid",
        "created_at": placed.isoformat(),
        "processed_at": placed.isoformat(),
        "updated_at": placed.isoformat(),
        "payment_gateway_names": ["shopify_payments"],
        "customer_locale": "fr-FR",
        "email": email,
        "billing_address": {
            "first_name": "Camille",
            "last_name": email.partition("@")[0],
            "address1": "12 rue des Lilas",
            "city": "Nantes",
            "zip": "44000",
            "country_code": "FR",
        },
        "customer": {"id": 7_400_000_000_000 + n, "email": email},
        "line_items": [line],
        "refunds": [],
    }
    unpaid = {**order, "financial_status": "pending"}
    sent = [("orders/create", unpaid, f"create-{n}"), ("orders/paid", order, f"paid-{n}")]
    credits: dict[str, Decimal] = {}
    if refund != "none":
        back = 1 if refund == "part" and not awkward else quantity
        amount = Decimal(price) * back
        credits[f"shopify:{shop}:refund:{900_000 + n}"] = amount
        sent.append(("refunds/create", _shopify_refund(n, order_id, back, amount, placed), f"refund-{n}"))
    return Sale(
        key=f"shopify:{shop}:order:{order_id}",
        total=total,
        email=email,
        credits=credits,
        deliveries=tuple(
            Delivery(shop=shop, platform="shopify", topic=topic, name=f"{shop}-{name}", body=_json(body))
            for topic, body, name in sent
        ),
    )


def _shopify_refund(
    n: int, order_id: int, quantity: int, amount: Decimal, placed: datetime
) -> dict[str, Any]:
    returned = {
        "line_item_id": 10 * n + 1,
        "quantity": quantity,
        "subtotal": str(amount),
        "total_tax": str((amount / 6).quantize(Decimal("0.01"))),
    }
    paid_back = {"id": 800_000 + n, "kind": "refund", "status": "success", "amount": str(amount)}
    return {
        "id": 900_000 + n,
        "order_id": order_id,
        "created_at": placed.isoformat(),
        "refund_line_items": [returned],
        "transactions": [paid_back],
    }


# -------------------------------------------------------------------------------------------- WooCommerce


def _woocommerce(shop: str, n: int, email: str, refund: str, placed: datetime) -> Sale:
    order_id = 10_000 + n

    def gmt(minute: int) -> str:
        return placed.replace(minute=minute, second=0, microsecond=0, tzinfo=None).isoformat()

    paid: dict[str, Any] = {
        "id": order_id,
        "number": str(order_id),
        "status": "processing",
        "currency": "EUR",
        "prices_include_tax": True,
        "date_created_gmt": gmt(0),
        "date_modified_gmt": gmt(1),
        "date_paid_gmt": gmt(1),
        "total": "48.00",
        "total_tax": "8.00",
        "customer_id": 0,
        "billing": {
            "first_name": "Camille",
            "last_name": email.partition("@")[0],
            "address_1": "12 rue des Lilas",
            "city": "Lyon",
            "postcode": "69003",
            "country": "FR",
            "email": email,
        },
        "shipping": {},
        "payment_method": "stripe",
        "payment_method_title": "Carte bancaire",
        "transaction_id": f"ch_{n}",
        "line_items": [
            {
                "id": 1,
                "name": "Tasse émaillée",
                "quantity": 2,
                "subtotal": "40.00",
                "subtotal_tax": "8.00",
                "total": "40.00",
                "total_tax": "8.00",
                "taxes": [{"id": 1, "total": "8.00", "subtotal": "8.00"}],
                "meta_data": [],
            }
        ],
        "tax_lines": [{"id": 4, "rate_id": 1, "rate_percent": 20, "label": "TVA", "compound": False}],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "meta_data": [],
    }
    pending = {**paid, "status": "pending", "date_modified_gmt": gmt(0), "date_paid_gmt": None}
    sent = [("order.created", pending), ("order.updated", paid)]
    credits: dict[str, Decimal] = {}
    if refund != "none":
        note = {"id": 500_000 + n, "reason": "Retour", "total": "-48.00"}
        back = {**paid, "status": "refunded", "date_modified_gmt": gmt(2), "refunds": [note]}
        sent.append(("order.updated", back))
        credits[f"woocommerce:{shop}:refund:{500_000 + n}"] = Decimal("48.00")
    return Sale(
        key=f"woocommerce:{shop}:order:{order_id}",
        total=Decimal("48.00"),
        email=email,
        credits=credits,
        deliveries=tuple(
            Delivery(shop=shop, platform="woocommerce", topic=topic, name=f"{n}-{at}", body=_json(body))
            for at, (topic, body) in enumerate(sent)
        ),
    )


# ------------------------------------------------------------------------------------------------- Stripe


def _stripe(shop: str, n: int, email: str, refund: str, placed: datetime) -> Sale:
    """Since basil a refund names its payment only, and `invoice_payment.paid` ties that to the invoice."""
    stamp = int(placed.timestamp())
    invoice: dict[str, Any] = {
        "id": f"in_{n}",
        "object": "invoice",
        "number": f"FR-{n}",
        "status": "paid",
        "currency": "eur",
        "created": stamp,
        "effective_at": stamp,
        "status_transitions": {"finalized_at": stamp, "paid_at": stamp},
        "collection_method": "charge_automatically",
        "customer": f"cus_{n}",
        "customer_email": email,
        "customer_name": f"Camille {email.partition('@')[0]}",
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
        "lines": {"object": "list", "has_more": False, "total_count": 1, "data": [_stripe_line(stamp)]},
    }
    payment = {
        "id": f"inpay_{n}",
        "object": "invoice_payment",
        "amount_paid": 3480,
        "created": stamp,
        "currency": "eur",
        "invoice": f"in_{n}",
        "is_default": True,
        "payment": {"type": "payment_intent", "payment_intent": f"pi_{n}"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": stamp},
    }
    sent = [("invoice.paid", invoice), ("invoice_payment.paid", payment)]
    credits: dict[str, Decimal] = {}
    if refund != "none":
        cents = 3480 if refund == "full" else 1200
        credits[f"stripe:{shop}:refund:re_{n}"] = Decimal(cents) / 100
        back = {
            "id": f"re_{n}",
            "object": "refund",
            "amount": cents,
            "charge": f"ch_{n}",
            "created": stamp,
            "currency": "eur",
            "payment_intent": f"pi_{n}",
            "status": "succeeded",
        }
        sent.append(("refund.created", back))
    return Sale(
        key=f"stripe:{shop}:invoice:in_{n}",
        total=Decimal("34.80"),
        email=email,
        credits=credits,
        deliveries=tuple(_stripe_event(shop, n, topic, thing, stamp) for topic, thing in sent),
    )


def _stripe_line(stamp: int) -> dict[str, Any]:
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 2900,
        "description": "1 × Abonnement",
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
                "tax_rate_details": {"tax_rate": "txr_1"},
            }
        ],
    }


def _stripe_event(shop: str, n: int, topic: str, thing: dict[str, Any], stamp: int) -> Delivery:
    event = {
        "id": f"evt_{n}_{topic.replace('.', '_')}",
        "object": "event",
        "type": topic,
        "created": stamp,
        "livemode": True,
        "api_version": "2026-10-28.endive",
        "data": {"object": thing},
    }
    return Delivery(shop=shop, platform="stripe", topic=topic, name=str(event["id"]), body=_json(event))
