"""`bridge check`'s findings, each way they can turn out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, RedirectResponse, Response

from bridge.billing.mentions import WORDINGS
from bridge.orders import PARIS
from bridge.runtime.check import Finding, ending_mentions, findings
from bridge.runtime.wiring import open_services
from bridge.sandbox import Fault, FaultKind
from tests.builders.shopify import shopify_order
from tests.worlds.in_process import bridge_here, served, settings_for
from tests.worlds.platforms import KEYS, Platforms


async def found(redis_url: str, fault: Fault | None = None, **changed: Any) -> Mapping[str, tuple[str, str]]:
    """Name → state and text."""
    async with served() as (url, sandbox):
        if fault:
            sandbox.faults.add(fault)
        settings = settings_for(Path("unused"), url, **changed)
        async with open_services(settings, redis_url) as services:
            return {f.name: (f.state, f.text) async for f in findings(settings, services)}


async def test_all_is_well(redis: Any, redis_url: str) -> None:
    said = await found(redis_url)
    assert {"configuration", "redis", "durability", "facturation"} <= said.keys()
    assert {"shop boutique", "shop atelier", "shop abonnements"} <= said.keys()
    assert {state for state, _ in said.values()} == {"ok"}
    assert "Bac à sable" in said["facturation"][1]


async def test_what_is_known_of_the_rounding(redis: Any, redis_url: str) -> None:
    assert (await found(redis_url))["rounding"] == (
        "ok",
        "not known yet: workers find it out, and every document is a draft first",
    )
    await redis.hset("bridge:meta", "rounding", "line2_vat_rate")
    assert (await found(redis_url))["rounding"] == ("ok", "by line2_vat_rate, seen to hold")
    await redis.hset("bridge:meta", mapping={"rounding": "?", "unexplained": "1795000000000"})
    state, text = (await found(redis_url))["rounding"]
    assert (state, "none of the rounding rules" in text) == ("warn", True)


async def test_a_redis_that_is_away(redis: Any) -> None:
    said = await found("unix:///nowhere/valkey.sock")
    assert said["redis"] == ("fail", "nothing listens at its address: start it, or correct redis_url")
    assert said["facturation"][0] == "ok", "it is asked without Redis too"
    assert said["shop boutique"][0] == "ok"


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("redis://no-such-host.invalid", "host"),
        ("{redis}?password=wrong-word", "user or password"),
        ("{redis}?db=9999", "number at the end"),
        ("redis://{api}", "is no Redis"),
    ],
)
async def test_what_is_wrong_with_a_redis_is_said_in_words(redis_url: str, address: str, hint: str) -> None:
    async with served() as (url, _):
        wrong = address.format(redis=redis_url, api=url.removeprefix("http://"))
        settings = settings_for(Path("unused"), url)
        async with open_services(settings, wrong) as services:
            said = {f.name: (f.state, f.text) async for f in findings(settings, services)}
    assert said["redis"][0] == "fail"
    assert hint in said["redis"][1]
    assert "Error" not in said["redis"][1], "no class names"


async def test_a_redis_that_is_not_durable(redis: Any, redis_url: str) -> None:
    await redis.config_set("appendfsync", "everysec")
    try:
        state, text = (await found(redis_url))["durability"]
    finally:
        await redis.config_set("appendfsync", "always")
    assert state in ("warn", "fail")
    assert "appendfsync always" in text


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"api_key": SecretStr("wrong-key-12345")}, "api_key"),
        ({"firm_id": 2}, "firm_id"),
        ({"base_url": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
async def test_a_facturation_that_cannot_work(
    redis: Any, redis_url: str, changed: dict[str, Any], hint: str
) -> None:
    state, text = (await found(redis_url, facturation=changed))["facturation"]
    assert state == "fail"
    assert hint in text
    assert "wrong-key" not in text


async def test_mended_credentials_are_tried_at_once_and_a_check_stops_no_worker(
    redis: Any, redis_url: str
) -> None:
    async with served() as (url, _):
        for key, state in (("wrong-key-12345", "fail"), ("sandbox-key", "ok")):
            settings = settings_for(Path("unused"), url, facturation={"api_key": SecretStr(key)})
            async with open_services(settings, redis_url) as services:
                said = {f.name: f async for f in findings(settings, services)}
                assert said["facturation"].state == state, said["facturation"].text
                quota = await services.quota.state()
                assert (quota["paused_until"], quota["last_failure"]) == (None, None)


async def test_a_short_token_is_noticed(redis: Any, redis_url: str) -> None:
    state, text = (await found(redis_url, top={"ops_token": SecretStr("hush")}))["console"]
    assert (state, "openssl" in text, "hush" in text) == ("warn", True, False)
    assert (await found(redis_url))["console"][0] == "ok"


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_a_facturation_in_trouble(redis: Any, redis_url: str, status: int) -> None:
    kind = FaultKind.TOO_MANY_REQUESTS if status == 429 else FaultKind.STATUS
    said = await found(redis_url, Fault(kind=kind, status=status, path="account"))
    assert said["facturation"][0] == "fail"


async def test_weak_secrets_are_noticed(redis: Any, redis_url: str) -> None:
    said = await found(
        redis_url,
        boutique={"secrets": (SecretStr("short"),)},
        abonnements={"secrets": (SecretStr("sk_live_not_a_signing_secret"),)},
    )
    assert (said["shop boutique"][0], said["shop abonnements"][0]) == ("warn", "warn")
    assert "whsec_" in said["shop abonnements"][1]
    assert not any(secret in text for _, text in said.values() for secret in ('short"', "sk_live_not"))


async def test_a_ledger_younger_than_the_documents_is_told_here_and_by_health(
    redis: Any, redis_url: str
) -> None:
    """Redis was lost, and the shop's orders come again: the first look-up finds what was made before."""
    async with bridge_here(redis_url, settle=0.2) as here:

        async def told() -> tuple[Finding, dict[str, Any]]:
            said = [f async for f in findings(here.services.settings, here.services) if f.name == "ledger"]
            health = (await here.shops.get("/health")).json()["checks"]["ledger"]
            return said[0], health

        await here.sync(await here.accept(shopify_order(1)))
        finding, health = await told()
        assert (finding.state, health["status"]) == ("ok", "pass")
        await redis.flushall()
        await here.services.store.open()
        state = await here.sync(await here.accept(shopify_order(1)))
        assert (state["state"], len(here.invoices())) == ("done", 1)
        finding, health = await told()
        assert (finding.state, health["status"]) == ("warn", "warn")
        assert "shopify:boutique" in finding.text
        assert health["reason"] == finding.text


async def test_from_which_day_on_orders_are_invoiced(redis: Any, redis_url: str) -> None:
    midnight = datetime(2026, 11, 22, tzinfo=PARIS)
    await redis.hset("bridge:shop:atelier", "first_event", int(midnight.timestamp() * 1000))
    said = await found(redis_url, boutique={"invoice_from": "2026-01-01"})
    assert "on 2026-01-01 or later" in said["orders of boutique"][1]
    assert "on 2026-11-22 or later" in said["orders of atelier"][1]
    assert "first heard from" in said["orders of abonnements"][1]


@pytest.mark.parametrize(
    ("answer", "state", "hint"),
    [
        (None, "ok", "its sales can be listed; 2 changed"),
        (JSONResponse({}, 401), "fail", "platform_api_key"),
        (JSONResponse({"errors": "no"}), "fail", "no list"),
        (RedirectResponse("https://elsewhere.example/"), "fail", "elsewhere.example"),
    ],
)
async def test_a_shops_key_is_tried_with_the_reads_that_will_be_needed(
    redis: Any, redis_url: str, answer: Response | None, state: str, hint: str
) -> None:
    platforms = Platforms(shopify=[shopify_order(1)], next=[answer])
    async with platforms.served() as url:
        key = {"platform_api_key": SecretStr(KEYS["shopify"]), "platform_api_url": url}
        async with served() as (sandbox, _):
            settings = settings_for(Path("unused"), sandbox, boutique=key)
            async with open_services(settings, redis_url) as services:
                said = [f async for f in findings(settings, services) if f.name == "shop boutique"]
    assert [each.state for each in said] == ["ok", state]
    assert hint in said[1].text


def test_legal_texts_that_end_are_told_of_in_time(tmp_path: Path) -> None:
    shop = settings_for(tmp_path, "http://127.0.0.1").shops["boutique"]
    assert ending_mentions(shop, date(2027, 9, 30)) == ""
    assert "mentions.export" in ending_mentions(shop, date(2027, 10, 1))
    written = shop.model_copy(update={"mentions": dict.fromkeys(WORDINGS, "art. L. 213-12 du CIBS")})
    assert ending_mentions(written, date(2027, 10, 1)) == ""
