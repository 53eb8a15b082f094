"""`bridge demo`: the whole system on this machine, with one order of each platform, each sent twice.

Everything is real but Facturation.pro, whose sandbox stands in: a private Valkey, web and worker, signed
deliveries over HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from bridge.embedded import EmbeddedValkey
from bridge.facturation.sandbox import Sandbox, SandboxConfig, create_sandbox, serve_sandbox
from bridge.roles import serve_web, serve_worker
from bridge.server import listen
from bridge.settings import FacturationSettings, Settings, ShopSettings
from bridge.wiring import Services, open_services

PATIENCE = 20.0
"""Seconds the demo waits for its invoices before it says that something is wrong."""


@dataclass(frozen=True, slots=True)
class Sale:
    """One order that the demo sends. `paid`: in euros, VAT included."""

    platform: str
    shop: str
    number: str
    key: str
    paid: Decimal
    body: bytes
    headers: Callable[[bytes, str], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the demo's table."""

    sale: Sale
    invoices: int
    invoice: str
    total: Decimal | None
    customer: str
    milliseconds: float
    answers: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Exactly one invoice, of exactly what was paid."""
        return self.invoices == 1 and self.total == self.sale.paid


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demo saw. `calls`: requests that Facturation.pro's sandbox received."""

    rows: tuple[Shown, ...]
    calls: int
    seconds: float
    url: str
    console_token: str


def _base64_hmac(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def _shopify_headers(body: bytes, secret: str) -> dict[str, str]:
    return {
        "X-Shopify-Topic": "orders/paid",
        "X-Shopify-Webhook-Id": hashlib.sha256(body).hexdigest()[:32],
        "X-Shopify-Hmac-Sha256": _base64_hmac(body, secret),
    }


def _woocommerce_headers(body: bytes, secret: str) -> dict[str, str]:
    return {"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": _base64_hmac(body, secret)}


def _stripe_headers(body: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={signed}"}


def sales(now: datetime) -> tuple[Sale, ...]:
    """A paid order of each platform, placed `now`."""
    return (
        Sale(
            *("shopify", "boutique", "#1042", "shopify:boutique:order:5001042"),
            *(Decimal("64.70"), _shopify_order(now), _shopify_headers),
        ),
        Sale(
            *("woocommerce", "atelier", "731", "woocommerce:atelier:order:731"),
            *(Decimal("153.60"), _woocommerce_order(now), _woocommerce_headers),
        ),
        Sale(
            *("stripe", "abonnements", "FR-2026-0117", "stripe:abonnements:invoice:in_1Demo0117"),
            *(Decimal("34.80"), _stripe_event(now), _stripe_headers),
        ),
    )


def _shopify_order(now: datetime) -> bytes:
    """Prices include VAT: two mugs at 20 %, a book at 5.5 %, shipping."""
    address = {
        "first_name": "Camille",
        "last_name": "Martin",
        "company": None,
        "address1": "12 rue des Lilas",
        "zip": "69003",
        "city": "Lyon",
        "country_code": "FR",
    }
    order = {
        "id": 5001042,
        "name": "#1042",
        "email": "camille.martin@example.com",
        "created_at": now.isoformat(),
        "processed_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "currency": "EUR",
        "presentment_currency": "EUR",
        "financial_status": "paid",
        "confirmed": True,
        "test": False,
        "taxes_included": True,
        "total_price": "64.70",
        "total_tax": "9.16",
        "customer_locale": "fr-FR",
        "payment_gateway_names": ["shopify_payments"],
        "billing_address": address,
        "shipping_address": address,
        "customer": {
            "id": 7001,
            "email": "camille.martin@example.com",
            "first_name": "Camille",
            "last_name": "Martin",
        },
        "line_items": [
            {
                "id": 1,
                "title": "Tasse en grès",
                "variant_title": "Bleu",
                "sku": "TAS-BLE",
                "quantity": 2,
                "price": "19.90",
                "requires_shipping": True,
                "tax_lines": [{"title": "TVA", "rate": 0.2, "price": "6.63"}],
                "discount_allocations": [],
            },
            {
                "id": 2,
                "title": "Le livre du thé",
                "sku": "LIV-THE",
                "quantity": 1,
                "price": "18.00",
                "requires_shipping": True,
                "tax_lines": [{"title": "TVA", "rate": 0.055, "price": "0.94"}],
                "discount_allocations": [],
            },
        ],
        "shipping_lines": [
            {
                "id": 3,
                "title": "Colissimo",
                "price": "6.90",
                "discounted_price": "6.90",
                "tax_lines": [{"title": "TVA", "rate": 0.2, "price": "1.15"}],
                "discount_allocations": [],
            }
        ],
        "refunds": [],
    }
    order["total_tax"] = "8.72"
    return json.dumps(order).encode()


def _woocommerce_order(now: datetime) -> bytes:
    """Prices exclude VAT: a company buys four stools with a coupon."""
    gmt = now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    order = {
        "id": 731,
        "number": "731",
        "status": "processing",
        "currency": "EUR",
        "date_created_gmt": gmt,
        "date_modified_gmt": gmt,
        "date_paid_gmt": gmt,
        "total": "153.60",
        "total_tax": "25.60",
        "prices_include_tax": False,
        "customer_id": 18,
        "billing": {
            "first_name": "Inès",
            "last_name": "Moreau",
            "company": "Atelier Moreau SARL",
            "address_1": "4 quai de la Fosse",
            "address_2": "",
            "city": "Nantes",
            "postcode": "44000",
            "country": "FR",
            "email": "compta@atelier-moreau.example",
            "phone": "02 40 00 00 00",
        },
        "shipping": {},
        "payment_method": "stripe",
        "payment_method_title": "Carte bancaire",
        "transaction_id": "ch_demo731",
        "line_items": [
            {
                "id": 1,
                "name": "Tabouret en frêne",
                "sku": "TAB-FRE",
                "quantity": 4,
                "subtotal": "128.00",
                "subtotal_tax": "25.60",
                "total": "118.00",
                "total_tax": "23.60",
                "taxes": [{"id": 1, "total": "23.60", "subtotal": "25.60"}],
                "meta_data": [],
            }
        ],
        "shipping_lines": [
            {
                "id": 2,
                "method_title": "Livraison",
                "total": "10.00",
                "total_tax": "2.00",
                "taxes": [{"id": 1, "total": "2.00"}],
            }
        ],
        "fee_lines": [],
        "coupon_lines": [{"id": 3, "code": "BIENVENUE", "discount": "10.00", "discount_tax": "2.00"}],
        "tax_lines": [{"id": 4, "rate_id": 1, "rate_percent": 20, "label": "TVA", "compound": False}],
        "refunds": [],
        "meta_data": [],
    }
    return json.dumps(order).encode()


def _stripe_event(now: datetime) -> bytes:
    """`invoice.paid` in the shape of 2025-03-31 (basil) and later: the rate is only an id."""
    stamp = int(now.timestamp())
    invoice: dict[str, Any] = {
        "id": "in_1Demo0117",
        "object": "invoice",
        "number": "FR-2026-0117",
        "status": "paid",
        "currency": "eur",
        "created": stamp,
        "effective_at": stamp,
        "status_transitions": {"finalized_at": stamp, "paid_at": stamp},
        "collection_method": "charge_automatically",
        "customer": "cus_Demo",
        "customer_email": "leo.petit@example.com",
        "customer_name": "Léo Petit",
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
        "lines": {
            "object": "list",
            "has_more": False,
            "total_count": 1,
            "data": [
                {
                    "id": "il_1",
                    "object": "line_item",
                    "amount": 2900,
                    "description": "1 × Abonnement Thé du mois",
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
                            "tax_rate_details": {"tax_rate": "txr_demo"},
                        }
                    ],
                }
            ],
        },
    }
    event = {
        "id": "evt_1Demo0117",
        "object": "event",
        "type": "invoice.paid",
        "created": stamp,
        "livemode": True,
        "api_version": "2026-10-28.endive",
        "data": {"object": invoice},
    }
    return json.dumps(event).encode()


def _settings(data_dir: Path, api_url: str, port: int, keys: Mapping[str, str], token: str) -> Settings:
    shops = {
        sale.shop: ShopSettings(platform=sale.platform, secrets=(SecretStr(keys[sale.shop]),))
        for sale in sales(datetime.now(UTC))
    }
    return Settings(
        facturation=FacturationSettings(
            firm_id=1,
            api_id="4242",
            api_key=SecretStr("sandbox-key"),
            contact="demo@example.com",
            base_url=api_url,
        ),
        shops=shops,
        data_dir=data_dir,
        port=port,
        ops_token=SecretStr(token),
    )


async def demonstrate(
    *, keep: bool, stop: asyncio.Event, progress: Callable[[str], None], done: Callable[[Demonstration], None]
) -> None:
    """Runs the demo; calls `done` with what it saw, and with `keep` goes on serving until `stop`."""
    keys = {name: secrets.token_hex(16) for name in ("boutique", "atelier", "abonnements")}
    token = secrets.token_urlsafe(18)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-demo-")))
        progress("a private Valkey")
        valkey = EmbeddedValkey(folder)
        await asyncio.to_thread(valkey.start)
        stack.callback(valkey.stop)
        progress("the Facturation.pro sandbox")
        sandbox = create_sandbox(SandboxConfig())
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve_sandbox(SandboxConfig(), "127.0.0.1", 0, started=started.set_result, app=sandbox)
        )
        stack.callback(serving.cancel)
        progress("web and worker")
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        settings = _settings(folder, await started, sock.getsockname()[1], keys, token)
        services = await stack.enter_async_context(open_services(settings, valkey.url))
        await services.store.open()
        web = asyncio.create_task(serve_web(services, sock, stop))
        worker = asyncio.create_task(serve_worker(services, stop))
        progress("three signed orders, each twice")
        done(await _send_all(services, sandbox.state.sandbox, url, keys, token))
        if keep:
            await stop.wait()
        stop.set()
        await asyncio.gather(web, worker)


async def _send_all(
    services: Services, sandbox: Sandbox, url: str, keys: Mapping[str, str], token: str
) -> Demonstration:
    began = time.perf_counter()
    now = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=url, timeout=10) as shop:
        rows = [await _send(shop, sandbox, sale, keys[sale.shop]) for sale in sales(now)]
    # Late duplicates could still do harm: look again when nothing is left to do.
    async with asyncio.timeout(PATIENCE):
        while (await services.store.vitals()).waiting:  # noqa: ASYNC110 - it waits on another process's state
            await asyncio.sleep(0.02)
    shown = tuple(_row(row.sale, sandbox, row.milliseconds, row.answers) for row in rows)
    seconds = time.perf_counter() - began
    return Demonstration(shown, sandbox.requests_received, seconds, url, token)


async def _send(shop: httpx.AsyncClient, sandbox: Sandbox, sale: Sale, secret: str) -> Shown:
    began = time.perf_counter()
    answers = []
    for _ in range(2):
        answer = await shop.post(
            f"/webhooks/{sale.shop}",
            content=sale.body,
            headers={"Content-Type": "application/json", **sale.headers(sale.body, secret)},
        )
        answers.append(answer.json().get("status", str(answer.status_code)))
    while not _row(sale, sandbox, 0, ()).invoices and time.perf_counter() - began < PATIENCE:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return _row(sale, sandbox, (time.perf_counter() - began) * 1000, tuple(answers))


def _row(sale: Sale, sandbox: Sandbox, milliseconds: float, answers: tuple[str, ...]) -> Shown:
    """What the sandbox holds for this sale."""
    mine = [invoice for invoice in sandbox.invoices if invoice.values["api_custom"] == sale.key]
    first = mine[0] if mine else None
    return Shown(
        sale=sale,
        invoices=len(mine),
        invoice=f"F{first.invoice_ref}" if first and first.invoice_ref else "draft" if first else "none",
        total=first.totals.total_with_vat if first and first.invoice_ref else None,
        customer=first.customer_identity if first else "",
        milliseconds=milliseconds,
        answers=answers,
    )
