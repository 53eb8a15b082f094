"""Stripe's events as it sends them, to be varied: amounts in cents, times in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

Payload = dict[str, Any]


def line(
    amount: int,
    *taxes: Payload,
    id_: str = "il_1",
    title: str = "1 × Abonnement",
    quantity: int = 1,
    off: int = 0,
) -> Payload:
    """An invoice's line. `amount`: before its discount `off`."""
    return {
        "id": id_,
        "object": "line_item",
        "amount": amount,
        "description": title,
        "quantity": quantity,
        "discount_amounts": [{"amount": off, "discount": "di_1"}] if off else [],
        "parent": {"type": "subscription_item_details", "subscription_item_details": {}},
        "pricing": {"type": "price_details", "unit_amount_decimal": str(amount // quantity)},
        "taxes": list(taxes),
    }


def tax(amount: int, rate: str | Payload = "txr_1", *, inside: bool = False) -> Payload:
    """`rate`: its id, or the whole of it."""
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inside else "exclusive",
        "taxability_reason": "standard_rated",
        "tax_rate_details": {"tax_rate": rate},
    }


def invoice(
    id_: str | int,
    lines: Sequence[Payload] = (),
    *,
    placed: datetime | None = None,
    email: str = "abonnee@example.com",
    last_name: str = "Martin",
    **changed: Any,
) -> Payload:
    """A paid invoice of 34.80 EUR, VAT included, made now unless told otherwise: `in_<id_>`.

    `changed`: fields as Stripe calls them. The total follows from the lines, without shipping.
    """
    lines = lines or [line(2900, tax(580))]
    stamp = _stamp(placed)
    net = sum(each["amount"] - sum(off["amount"] for off in each["discount_amounts"]) for each in lines)
    taxes = [each for of in lines for each in of["taxes"]]
    vat = sum(each["amount"] for each in taxes)
    total = net + sum(each["amount"] for each in taxes if each["tax_behavior"] == "exclusive")
    return {
        "id": f"in_{id_}",
        "object": "invoice",
        "number": f"FR-{id_}",
        "status": "paid",
        "currency": "eur",
        "created": stamp,
        "effective_at": stamp,
        "status_transitions": {"finalized_at": stamp, "paid_at": stamp},
        "collection_method": "charge_automatically",
        "customer": f"cus_{id_}",
        "customer_email": email,
        "customer_name": f"Camille {last_name}",
        "customer_address": {
            "line1": "8 cours Mirabeau",
            "postal_code": "13100",
            "city": "Aix-en-Provence",
            "country": "FR",
        },
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "subtotal": net,
        **dict.fromkeys(("total", "amount_due", "amount_paid"), total),
        "total_taxes": [{"amount": vat, "tax_behavior": "exclusive"}],
        "lines": {"object": "list", "has_more": False, "total_count": len(lines), "data": list(lines)},
    } | changed


def payment(invoice: Payload, id_: str | int) -> Payload:
    """Ties payment `pi_<id_>` to an invoice: since the version "basil" a refund names its payment only."""
    stamp = invoice["created"]
    return {
        "id": f"inpay_{id_}",
        "object": "invoice_payment",
        "amount_paid": invoice["amount_paid"],
        "created": stamp,
        "currency": "eur",
        "invoice": invoice["id"],
        "is_default": True,
        "payment": {"type": "payment_intent", "payment_intent": f"pi_{id_}"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": stamp},
    }


def refund(amount: int, id_: str | int, *, placed: datetime | None = None) -> Payload:
    """`re_<id_>`: so much of payment `pi_<id_>` was paid back."""
    return {
        "id": f"re_{id_}",
        "object": "refund",
        "amount": amount,
        "charge": f"ch_{id_}",
        "created": _stamp(placed),
        "currency": "eur",
        "payment_intent": f"pi_{id_}",
        "status": "succeeded",
    }


def event(topic: str, thing: Payload, id_: str | int) -> Payload:
    """`evt_<id_>_<topic>`: the news of a thing."""
    return {
        "id": f"evt_{id_}_{topic.replace('.', '_')}",
        "object": "event",
        "type": topic,
        "created": thing["created"],
        "livemode": True,
        "api_version": "2026-10-28.endive",
        "data": {"object": thing},
    }


def _stamp(placed: datetime | None) -> int:
    return int((placed or datetime.now(UTC)).timestamp())
