"""Paid Shopify orders of 8 KB as the shop sends them: money in two currencies, a graphql id everywhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.builders.shopify import address, carriage, item, shopify_order, tax

SHOP = "bench"
SECRET = "a-secret-of-the-bench"
_ID, _BUYER = 910000000001, 920000000001
"""Stand for the order's and the buyer's id in the body that all orders share."""


def _money(amount: str) -> dict[str, Any]:
    held = {"amount": amount, "currency_code": "EUR"}
    return {"shop_money": held, "presentment_money": held}


def _in_full(part: dict[str, Any]) -> dict[str, Any]:
    """Every amount once more in both currencies, in what is in it too."""
    amounts = {
        f"{name}_set": _money(value)
        for name, value in part.items()
        if isinstance(value, str)
        and name.endswith(("price", "discount", "discounts", "total_tax", "adjustment", "outstanding"))
    }
    lists = {
        name: [_in_full(each) if isinstance(each, dict) else each for each in value]
        for name, value in part.items()
        if isinstance(value, list)
    }
    return part | lists | amounts


def _item(number: int, title: str, price: str, rate: str, quantity: int) -> dict[str, Any]:
    id_ = 11700000000000 + number
    return item(price, rate, quantity, id_=id_, title=title) | {
        "admin_graphql_api_id": f"gid://shopify/LineItem/{id_}",
        "attributed_staffs": [],
        "current_quantity": quantity,
        "duties": [],
        "fulfillable_quantity": quantity,
        "fulfillment_service": "manual",
        "total_discount": "0.00",
        "fulfillment_status": None,
        "gift_card": False,
        "grams": 350 * number,
        "name": f"{title} - Bleu",
        "product_exists": True,
        "product_id": 7500000000000 + number * 977,
        "properties": [],
        "sku": f"REF-{number:05d}",
        "taxable": True,
        "variant_id": 42000000000000 + number * 1013,
        "variant_inventory_management": "shopify",
        "variant_title": "Bleu",
        "vendor": "Maison du thé",
    }


def _order(now: datetime) -> dict[str, Any]:
    where = address() | {
        "phone": "+33 6 12 34 56 78",
        "province": None,
        "country": "France",
        "address2": "bâtiment C, 3e étage",
        "latitude": 45.7578137,
        "longitude": 4.8320114,
        "name": "Camille Martin",
        "province_code": None,
    }
    email = f"acheteur.{_BUYER}@example.com"
    items = [_item(1, "Tasse en grès", "19.90", "0.2", 2), _item(2, "Le livre du thé", "18.00", "0.055", 1)]
    order = shopify_order(_ID, items, placed=now, email=email, shipping_lines=[carriage("6.90")])
    totals = {
        "current_subtotal_price": "57.80",
        "current_total_discounts": "0.00",
        "current_total_tax": "8.72",
        "subtotal_price": "57.80",
        "total_cash_rounding_payment_adjustment": "0.00",
        "total_discounts": "0.00",
        "total_line_items_price": "57.80",
        "total_shipping_price": "6.90",
        "total_tax": "8.72",
    }
    return _in_full(order | totals) | {
        "admin_graphql_api_id": f"gid://shopify/Order/{_ID}",
        "app_id": 580111,
        "billing_address": where,
        "browser_ip": "203.0.113.17",
        "buyer_accepts_marketing": False,
        "cancel_reason": None,
        "cancelled_at": None,
        "cart_token": hashlib.md5(b"cart").hexdigest(),
        "checkout_id": 37200000000011,
        "checkout_token": hashlib.md5(b"checkout").hexdigest(),
        "client_details": {
            "accept_language": "fr-FR",
            "browser_ip": "203.0.113.17",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        },
        "closed_at": None,
        "confirmation_number": "9X2KQTRW7",
        "contact_email": email,
        "customer": {
            "id": _BUYER,
            "email": email,
            "created_at": now.isoformat(),
            "first_name": "Camille",
            "last_name": "Martin",
            "state": "disabled",
            "verified_email": True,
            "tax_exempt": False,
            "currency": "EUR",
            "admin_graphql_api_id": f"gid://shopify/Customer/{_BUYER}",
            "default_address": {**where, "id": 9300000000077, "customer_id": _BUYER, "default": True},
        },
        "discount_applications": [],
        "discount_codes": [],
        "fulfillment_status": None,
        "fulfillments": [],
        "landing_site": "/collections/thes?utm_source=lettre&utm_medium=email&utm_campaign=automne",
        "merchant_of_record_app_id": None,
        "note": "Laisser chez la gardienne, merci !",
        "note_attributes": [],
        "number": 41,
        "order_number": 1041,
        "order_status_url": f"https://bench.example/548380009/orders/{hashlib.md5(b'o').hexdigest()}/authenticate",
        "referring_site": "https://www.example.com/",
        "shipping_address": where,
        "source_name": "web",
        "tags": "",
        "tax_lines": [_in_full(tax("0.2", Decimal("7.78"))), _in_full(tax("0.055", Decimal("0.94")))],
        "user_id": None,
    }


class Orders:
    """Order `n` of buyer `b`: the same sale with other ids."""

    def __init__(self) -> None:
        self._shared = json.dumps(_order(datetime.now(UTC)), separators=(",", ":")).encode()

    def body(self, order: int, buyer: int) -> bytes:
        """What the shop sends."""
        numbered = self._shared.replace(b"%d" % _ID, b"%d" % (_ID + order))
        return numbered.replace(b"%d" % _BUYER, b"%d" % (_BUYER + buyer))

    def key(self, order: int) -> str:
        """The order's key in the bridge, which is its invoice's `api_custom` too."""
        return f"shopify:{SHOP}:order:{_ID + order}"

    def request(self, order: int, buyer: int) -> bytes:
        """The whole HTTP request, signed."""
        body = self.body(order, buyer)
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256))
        head = (
            b"POST /webhooks/%s HTTP/1.1\r\nhost: bench\r\nuser-agent: Shopify-Captain-Hook\r\n"
            b"content-type: application/json\r\naccept: */*\r\naccept-encoding: gzip\r\n"
            b"x-shopify-topic: orders/paid\r\nx-shopify-shop-domain: bench.myshopify.com\r\n"
            b"x-shopify-api-version: 2026-07\r\nx-shopify-webhook-id: %032x\r\n"
            b"x-shopify-event-id: %032x\r\nx-shopify-triggered-at: 2026-11-22T09:00:00.123456789Z\r\n"
            b"x-shopify-hmac-sha256: %s\r\ncontent-length: %d\r\n\r\n"
        )
        return head % (SHOP.encode(), order + 1, order + 2**64, signature, len(body)) + body
