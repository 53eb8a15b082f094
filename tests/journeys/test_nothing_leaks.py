"""A whole system with people and secrets that can be recognised: nothing of them comes out, in its logs, its
answers, Sentry, metrics or alerts, while things go well and while they go wrong."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from bridge.facturation.records import CustomerRecord
from bridge.orders import Address, Customer, Event
from bridge.runtime.wiring import open_services
from bridge.sandbox import Fault, FaultKind, SandboxConfig
from bridge.settings.loading import load_settings
from bridge.sources.registry import REGISTRY
from tests.builders.shopify import as_body, shopify_order
from tests.sources.test_fixtures import FIXTURES
from tests.test_telemetry import Sentry
from tests.worlds.commands import answering, bridge, running
from tests.worlds.in_process import SHOPS, served
from tests.worlds.ports import free_port
from tests.worlds.waiting import until

MARK = "Zqmark"
"""In everything that is personal here."""
PHONE = "+33655512399"
SECRETS = {
    "boutique": "zs-shopify-secret-4711",
    "atelier": "zs-woocommerce-secret-4711",
    "abonnements": "whsec_zsstripesecret4711",
    "API key": "zs-facturation-key-4711",
    "platform key": "zs-platform-key-4711",
    "operators' token": "zs-operators-token-4711-0123456789",
    "Redis' password": "zs-redis-password-4711",
    "Sentry's key": "zssentrykey4711",
    "alerts' secret": "whsec_enM0NzExenM0NzExenM0NzExenM0NzExenM0NzEx",
}
PERSONAL = {
    "first_name": MARK,
    "last_name": f"De {MARK}",
    "name": f"{MARK} Dupont",
    "recipient": MARK,
    "email": f"{MARK.lower()}@{MARK.lower()}.example",
    "contact_email": f"{MARK.lower()}@{MARK.lower()}.example",
    "customer_email": f"{MARK.lower()}@{MARK.lower()}.example",
    "customer_name": f"Atelier {MARK}",
    "company": f"{MARK} SARL",
    "phone": PHONE,
    "customer_phone": PHONE,
    "address1": f"12 rue {MARK}",
    "address_1": f"12 rue {MARK}",
    "line1": f"12 rue {MARK}",
    "city": f"{MARK}ville",
    "customer_note": f"for {MARK}",
    "note": f"for {MARK}",
}
PEOPLE = ("billing_address", "shipping_address", "billing", "shipping", "customer", "customer_address")
"""A name elsewhere is that of an order or of a thing."""


def marked(value: Any, *, person: bool = False) -> Any:
    """The payload, about somebody else."""
    if isinstance(value, list):
        return [marked(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: PERSONAL[key]
        if inside and key in PERSONAL and (person or key not in ("name", "company"))
        else marked(inside, person=key in PEOPLE)
        for key, inside in value.items()
    }


@contextmanager
def listening() -> Iterator[Sentry]:
    """Stands for Sentry, and for who is told of alerts."""
    server = Sentry()
    thread = Thread(target=server.server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join()


def configuration(api_url: str, redis_url: str, port: int, elsewhere: int) -> dict[str, str]:
    """All secrets that there can be."""
    shops = {
        name: {
            "platform": platform,
            "secrets": [SECRETS[name]],
            "platform_api_key": SECRETS["platform key"],
            "platform_api_url": f"http://127.0.0.1:{elsewhere}",
            "invoice_from": "2020-01-01",
        }
        for name, platform in SHOPS.items()
    }
    firm = {
        "firm_id": 1,
        "api_id": "4242",
        "api_key": SECRETS["API key"],
        "contact": "ops@example.com",
        "base_url": api_url,
    }
    hook = {
        "webhook_url": f"http://127.0.0.1:{elsewhere}/alerts",
        "webhook_secret": SECRETS["alerts' secret"],
    }
    return {
        "BRIDGE_SHOPS": json.dumps(shops),
        "BRIDGE_FACTURATION": json.dumps(firm),
        "BRIDGE_ALERTS": json.dumps(hook),
        "BRIDGE_REDIS_URL": redis_url,
        "BRIDGE_PORT": str(port),
        "BRIDGE_LOG_LEVEL": "debug",
        "BRIDGE_OPS_TOKEN": SECRETS["operators' token"],
        "BRIDGE_SENTRY_DSN": "http://{}@127.0.0.1:{}/1".format(SECRETS["Sentry's key"], elsewhere),
    }


class Shops:
    """Send things and keep what they were told. `signatures`: all that were sent, the wrong ones too."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self.told: list[str] = []
        self.signatures: list[str] = []
        self._sent = 0

    async def send(
        self, shop: str, topic: str, body: bytes, *, secret: str = "", path: str = "", more: str = ""
    ) -> int:
        self._sent += 1
        now = datetime.now(UTC)
        headers = REGISTRY[SHOPS[shop]].sign(body, secret or SECRETS[shop], topic, f"d{self._sent}", now)
        for name, value in headers.items():
            if "hmac" in name or "signature" in name:
                self.signatures.append(value.rpartition("v1=")[2])
        path = path or f"/webhooks/{shop}?for={MARK}"
        answer = await self._http.post(
            self._url + path, content=body, headers=headers | {"x-for": more or MARK, "cookie": MARK}
        )
        self.told.append(f"{answer.headers}\n{answer.text}")
        return answer.status_code

    async def look(self, path: str, **headers: str) -> str:
        answer = await self._http.get(self._url + path, headers=headers)
        return f"{path} {answer.status_code} {answer.headers}\n{answer.text}"


def found(outputs: Mapping[str, str], what: Mapping[str, str]) -> list[str]:
    """Which of these stand in which of the outputs."""
    return [
        f"{name} in {output}: …{text[max(0, at - 80) : at + 80]}…"
        for output, text in outputs.items()
        for name, wanted in what.items()
        if (at := text.lower().find(wanted.lower())) >= 0
    ]


def fixture(platform: str, name: str) -> Any:
    return json.loads((FIXTURES / platform / f"{name}.json").read_bytes())


async def sales(shops: Shops) -> list[str]:
    """One of each platform that goes well, and a Shopify order that Facturation.pro refuses; their keys."""
    for shop, topic, payload in (
        ("boutique", "orders/paid", shopify_order(1)),
        ("atelier", "order.updated", fixture("woocommerce", "order.updated__paid_20")),
        ("abonnements", "invoice.paid", fixture("stripe", "invoice.paid__basil_exclusive")),
        ("boutique", "orders/paid", with_company(shopify_order(2))),
    ):
        assert await shops.send(shop, topic, as_body(marked(payload))) == 200
    return [json.loads(told.partition("\n")[2])["order"] for told in shops.told]


def with_company(order: dict[str, Any]) -> dict[str, Any]:
    return order | {"billing_address": order["billing_address"] | {"company": "x"}}


async def mishaps(shops: Shops) -> None:
    """All that a shop can do wrong, with personal data in it."""
    order = marked(shopify_order(3))
    body = as_body(order)
    assert await shops.send("boutique", "orders/paid", body, secret="zs-wrong-secret") == 401
    assert await shops.send("abonnements", "invoice.paid", body, secret="whsec_zswrong") == 401
    assert await shops.send("boutique", "orders/paid", body[:-1]) == 400
    assert await shops.send("boutique", f"orders/{MARK}-topic", body, path=f"/webhooks/{MARK}") == 404
    assert await shops.send("boutique", "orders/paid", body, path=f"/{MARK}?e={PERSONAL['email']}") == 404
    assert await shops.send("boutique", "orders/paid", body + b" " * 6_000_000) == 413
    for n, wrong in enumerate(({"total_price": MARK}, {"line_items": MARK}, {"customer": [MARK]}), start=10):
        unreadable = marked(shopify_order(n)) | wrong
        assert await shops.send("boutique", "orders/paid", as_body(unreadable)) == 200
    assert await shops.send("atelier", "order.updated", as_body({"id": 9, "status": MARK})) == 200


@pytest.mark.timeout(120)
async def test_nothing_personal_and_no_secret_comes_out(tmp_path: Path, redis: Any, redis_url: str) -> None:
    password = SECRETS["Redis' password"]
    await redis.execute_command("ACL", "SETUSER", "zs", "on", f">{password}", "~*", "&*", "+@all")
    port, operators = free_port(), {"authorization": "Bearer " + SECRETS["operators' token"]}
    url, firm = f"http://127.0.0.1:{port}", SandboxConfig(api_key=SECRETS["API key"], require_siret=True)
    folders = {name: tmp_path / name for name in ("web", "worker", "commands")}
    for folder in folders.values():
        folder.mkdir()
    async with served(firm) as (api_url, sandbox), httpx.AsyncClient(timeout=20) as http:
        with ExitStack() as stack:
            elsewhere = stack.enter_context(listening())
            env = configuration(
                api_url, redis_url.replace("://", f"://zs:{password}@"), port, elsewhere.server.server_port
            )
            for fault in (FaultKind.STATUS, FaultKind.HTML, FaultKind.DROP):
                sandbox.faults.add(Fault(kind=fault, method="GET", path="customers"))
            shops = Shops(url, http)
            async with (
                running("web", cwd=folders["web"], env=env) as web,
                running("worker", cwd=folders["worker"], env=env) as worker,
            ):
                await answering(url, web)
                keys = await sales(shops)
                await mishaps(shops)
                await until(lambda: len(sandbox.invoices) == 3, f"3 invoices: {worker.said}", within=40)

                async def asked() -> bool:
                    return bool(await redis.zcard("bridge:attention") == 5)

                await until(asked, f"people are asked: {worker.said}", within=30)
                pages = {p: await shops.look(p) for p in ("/livez", "/readyz", "/health", "/metrics")}
                pages["/api without a token"] = await shops.look(
                    "/api/orders", authorization=f"Bearer {MARK}"
                )
                theirs = {
                    p: await shops.look(p, **operators) for p in ("/api/orders", f"/api/orders/{keys[0]}")
                }
                checked, told = await asyncio.gather(
                    bridge("check", cwd=folders["commands"], env=env), alerts_of(env, tmp_path)
                )
                theirs["bridge check"] = checked.out + checked.err
                # Redis lets nobody in any more.
                await redis.execute_command("ACL", "SETUSER", "zs", "off")
                await redis.execute_command("CLIENT", "KILL", "USER", "zs")
                assert await shops.send("boutique", "orders/paid", as_body(marked(shopify_order(5)))) == 503
                pages["/health, Redis away"] = await shops.look("/health")
                await until(lambda: "unavailable" in worker.said, "the worker misses Redis", within=20)
                await worker.stop()
                await web.stop()
            reported = b"\n".join(elsewhere.received).decode()
    # What Sentry itself is given to know its client by.
    reported = reported.replace('"public_key":"{}"'.format(SECRETS["Sentry's key"]), "")
    outputs = {
        "the web's log": web.said + (folders["web"] / "stdout").read_text(),
        "the worker's log": worker.said + (folders["worker"] / "stdout").read_text(),
        "Sentry and alerts": reported,
        "alerts": told,
        "answers to shops": "\n".join(shops.told),
        **pages,
    }
    # All of it is there to be looked through.
    assert all(key in outputs["the worker's log"] for key in keys)
    assert outputs["the web's log"].count('"rejected"') >= 4
    assert len(re.findall('"event_id"', reported)) >= 1
    assert "store unavailable" in reported
    assert "422" in outputs["the worker's log"]
    signatures = {f"signature {n}": text for n, text in enumerate(shops.signatures)}
    people = {"a person": MARK, "a phone number": PHONE}
    assert found(outputs, people) == []
    assert found(outputs | theirs, SECRETS | signatures) == []


async def alerts_of(env: Mapping[str, str], folder: Path) -> str:
    """What is told to people beside Sentry, as this process would tell it; and the configuration in words."""
    settings = load_settings(env, folder)
    async with open_services(settings, env["BRIDGE_REDIS_URL"]) as ours:
        notifier = replace(ours.notifier, every=timedelta(milliseconds=1))
        for _ in range(6):
            await notifier.step()
        return f"{ours!r} {settings!r} {settings}"


def test_what_is_personal_does_not_show_itself() -> None:
    address = Address(street=f"12 rue {MARK}", city=MARK, recipient=MARK, country="FR")
    customer = Customer(
        email=PERSONAL["email"], last_name=MARK, company=MARK, phone=PHONE, billing=address, vat_number=MARK
    )
    event = Event(
        id="e1",
        topic="orders/paid",
        body=as_body(marked(shopify_order(1))),
        received_at=datetime(2026, 11, 22, tzinfo=UTC),
        headers={"x-shopify-hmac-sha256": MARK},
    )
    record = CustomerRecord(id=1, company_name=MARK, emails=frozenset({PERSONAL["email"]}))
    shown = " ".join(map(repr, (address, customer, event, record)))
    assert MARK.lower() not in shown.lower()
    assert PHONE not in shown
    assert "orders/paid" in shown
