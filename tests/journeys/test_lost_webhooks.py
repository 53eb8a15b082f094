"""A third of the webhooks never comes and the bridge is killed: every sale is invoiced once all the same."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from bridge.sandbox import Sandbox
from bridge.sources.registry import REGISTRY
from tests.builders import stripe
from tests.builders.shopify import as_body, shopify_order
from tests.builders.woocommerce import woocommerce_order
from tests.worlds.commands import answering, running, write_config
from tests.worlds.in_process import SECRETS, SHOPS, served
from tests.worlds.platforms import KEYS, Platforms
from tests.worlds.ports import free_port
from tests.worlds.waiting import until

EACH = 30
LOST = 0.3
EVERY = "0.01"
"""Minutes between two polls."""
TOPICS = {"boutique": "orders/paid", "atelier": "order.updated", "abonnements": "invoice.paid"}


def environment(platforms: str) -> dict[str, str]:
    told = {"BRIDGE_FACTURATION__SETTLE_SECONDS": "2", "BRIDGE_FACTURATION__REQUESTS_PER_5_MINUTES": "100000"}
    for shop, platform in SHOPS.items():
        for name, value in (("KEY", KEYS[platform]), ("URL", platforms)):
            told[f"BRIDGE_SHOPS__{shop.upper()}__PLATFORM_API_{name}"] = value
        told[f"BRIDGE_SHOPS__{shop.upper()}__POLL_MINUTES"] = EVERY
    return told | {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


def sell(platforms: Platforms, n: int) -> dict[str, dict[str, Any]]:
    """One sale in each shop, as its webhook tells it."""
    event = stripe.event("invoice.paid", stripe.invoice(n), n)
    sold = {"boutique": shopify_order(n), "atelier": woocommerce_order(n), "abonnements": event}
    platforms.shopify.append(sold["boutique"])
    platforms.woocommerce.append(sold["atelier"])
    platforms.events.append(event)
    return sold


async def send(http: httpx.AsyncClient, url: str, shop: str, sold: dict[str, Any]) -> None:
    """What does not get through is lost, too."""
    body, now = as_body(sold), datetime.now(UTC)
    headers = REGISTRY[SHOPS[shop]].sign(body, SECRETS[shop][0], TOPICS[shop], f"{shop}-{sold['id']}", now)
    try:
        await http.post(f"{url}/webhooks/{shop}", content=body, headers=headers)
    except httpx.TransportError:
        return


def keys(sandbox: Sandbox) -> Counter[str]:
    documents = (each.values["api_custom"] or "" for each in sandbox.invoices)
    return Counter(key for key in documents if key and not key.startswith("bridge:"))


async def test_every_sale_is_invoiced_once(tmp_path: Path) -> None:
    port, chance, platforms = free_port(), Random(30), Platforms(most=20)
    url = f"http://127.0.0.1:{port}"
    wanted = {f"shopify:boutique:order:{n}" for n in range(1, EACH + 1)}
    wanted |= {f"woocommerce:atelier:order:{n}" for n in range(1, EACH + 1)}
    wanted |= {f"stripe:abonnements:invoice:in_{n}" for n in range(1, EACH + 1)}
    async with served() as (api_url, sandbox), platforms.served() as shops, httpx.AsyncClient() as http:
        write_config(tmp_path, api_url=api_url, port=port)
        env = environment(shops)
        async with running("up", cwd=tmp_path, env=env) as command:
            await answering(url, command)
            sold = [sell(platforms, n) for n in range(1, EACH + 1)]
            heard = [(shop, each[shop]) for each in sold for shop in SHOPS if chance.random() > LOST]
            await asyncio.gather(*(send(http, url, shop, each) for shop, each in heard))
            await until(lambda: len(keys(sandbox)) > EACH, f"a third is invoiced: {command.said}", within=60)
            assert await command.stop(signal.SIGKILL) == -signal.SIGKILL
        async with running("up", cwd=tmp_path, env=env) as command:
            await until(lambda: keys(sandbox).keys() >= wanted, f"all: {command.said[-2000:]}", within=150)
            await command.stop()
        assert keys(sandbox) == Counter(dict.fromkeys(wanted, 1))
        assert len(heard) < len(wanted)
