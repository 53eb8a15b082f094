"""Whether the platforms send their webhooks here, and that they do when a person wants it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bridge.errors import NeedsPerson
from bridge.looking.asking import Platform
from bridge.looking.connecting import Link, connect, look_at
from bridge.looking.credential import FixedKey
from bridge.sources.registry import REGISTRY
from tests.worlds.commands import Ended, bridge
from tests.worlds.in_process import SECRETS
from tests.worlds.platforms import KEYS, Platforms

ADDRESS = "https://bridge.example.com/webhooks/shop"
ELSEWHERE = "https://old.example.com/webhooks/shop"
SECRET = "the-secret-of-the-shop"


async def run(platforms: Platforms, platform: str, *, check: bool = False) -> dict[str, tuple[str, bool]]:
    """Topic → how it came, and whether that was mended."""
    async with platforms.served() as url, httpx.AsyncClient() as http:
        api = Platform(http, REGISTRY[platform], "shop", FixedKey(SecretStr(KEYS[platform])), url)
        wires = await (look_at(api, ADDRESS) if check else connect(api, ADDRESS, SECRET))
    return {wire.topic: (wire.link.value, wire.mended) for wire in wires}


def hook(platform: str, topic: str, address: str = ADDRESS, **more: Any) -> dict[str, Any]:
    address_of = {"shopify": "address", "woocommerce": "delivery_url", "stripe": "url"}[platform]
    topics: dict[str, Any] = {"enabled_events": [topic]} if platform == "stripe" else {"topic": topic}
    status = {"status": "enabled" if platform == "stripe" else "active"}
    return {"id": "1", address_of: address, **topics, **status, **more}


@pytest.mark.parametrize("platform", ["shopify", "woocommerce"])
async def test_what_is_missing_is_made_once(platform: str) -> None:
    platforms = Platforms()
    wanted = set(REGISTRY[platform].HANDLED)
    assert await run(platforms, platform, check=True) == dict.fromkeys(wanted, ("missing", False))
    assert not platforms.webhooks, "to check changes nothing"
    assert await run(platforms, platform) == dict.fromkeys(wanted, ("missing", True))
    assert await run(platforms, platform) == dict.fromkeys(wanted, ("ok", False))
    assert len(platforms.webhooks) == len(wanted)


@pytest.mark.parametrize(
    ("platform", "topic"),
    [("shopify", "orders/paid"), ("woocommerce", "order.updated"), ("stripe", "invoice.paid")],
)
async def test_one_that_goes_elsewhere_is_led_here(platform: str, topic: str) -> None:
    platforms = Platforms(webhooks=[hook(platform, topic, ELSEWHERE)])
    assert (await run(platforms, platform, check=True))[topic] == (Link.ELSEWHERE, False)
    assert (await run(platforms, platform))[topic] == (Link.ELSEWHERE, True)
    assert (await run(platforms, platform, check=True))[topic] == (Link.OK, False)


@pytest.mark.parametrize(("platform", "off"), [("woocommerce", "paused"), ("stripe", "disabled")])
async def test_one_that_was_turned_off_is_turned_on(platform: str, off: str) -> None:
    topic = sorted(REGISTRY[platform].HANDLED)[0]
    platforms = Platforms(webhooks=[hook(platform, topic, status=off)])
    assert (await run(platforms, platform))[topic] == (Link.PAUSED, True)
    again = await run(platforms, platform, check=True)
    assert set(again.values()) == {("ok", False)}


async def test_another_bridges_subscription_is_left_alone() -> None:
    other = hook("woocommerce", "order.updated", "https://else.example/webhooks/another")
    platforms = Platforms(webhooks=[dict(other)])
    assert (await run(platforms, "woocommerce"))["order.updated"] == (Link.MISSING, True)
    assert platforms.webhooks[0] == other


async def test_a_topic_without_the_right_stops_no_other() -> None:
    platforms = Platforms(forbidden=frozenset({"disputes/create"}))
    done = await run(platforms, "shopify")
    assert done.pop("disputes/create") == ("missing", False)
    assert set(done.values()) == {("missing", True)}


async def test_stripes_secret_is_for_a_person_to_write_down() -> None:
    async with Platforms().served() as url, httpx.AsyncClient() as http:
        api = Platform(http, REGISTRY["stripe"], "shop", FixedKey(SecretStr(KEYS["stripe"])), url)
        wires = await connect(api, ADDRESS, SECRET)
        assert {wire.problem.code for wire in wires} == {"stripe_endpoint_by_hand"}


async def test_what_is_no_list_of_subscriptions_is_named() -> None:
    with pytest.raises(NeedsPerson, match="list_not_understood"):
        await run(Platforms(webhooks=[{"id": {}}]), "woocommerce", check=True)


@pytest.mark.usefixtures("redis")
async def test_the_commands(redis_url: str, tmp_path: Path) -> None:
    platforms = Platforms()
    async with platforms.served() as url:
        lines = [f'redis_url = "{redis_url}"', 'public_url = "https://bridge.example.com/"', "[facturation]"]
        lines += ["firm_id = 1", 'api_id = "4242"', 'api_key = "sandbox-key"', 'contact = "o@example.com"']
        lines += ["[shops.shop]", 'platform = "woocommerce"', f'secrets = ["{SECRETS["atelier"][0]}"]']
        lines += [f'platform_api_key = "{KEYS["woocommerce"]}"', f'platform_api_url = "{url}"']
        (tmp_path / "bridge.toml").write_text("\n".join(lines))

        async def said(*words: str) -> Ended:
            where = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
            return await bridge(*words, cwd=tmp_path, env=where)

        assert (await said("connect", "shop", "--check")).status == 1
        done = await said("connect", "shop", "--json")
        assert (done.status, json.loads(done.out)["address"]) == (0, ADDRESS)
        assert {each["mended"] for each in json.loads(done.out)["topics"]} == {True}
        assert (await said("connect", "shop", "--check")).status == 0
        (row,) = json.loads((await said("shops", "--json")).out)["shops"]
        assert row | {"firm": 1, "subscriptions": "4 of 4 topics", "problem": "", "last_poll": None} == row
        shown = await said("shops")
        assert (shown.status, "4 of 4 topics" in shown.out) == (0, True)
        everything = done.out + done.err + shown.out
        assert not [secret for secret in (SECRETS["atelier"][0], "cs_2") if secret in everything]
