"""A range of a shop's past, and one sale of it, because a person wants them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from bridge.errors import NeedsPerson, RetryLater
from bridge.looking.importing import Import, fetch_sale, survey
from tests.builders import stripe
from tests.builders.shopify import shopify_order
from tests.builders.woocommerce import woocommerce_order
from tests.worlds.commands import Ended, bridge
from tests.worlds.in_process import SECRETS, SHOPS, served
from tests.worlds.looking import known, looking, settle
from tests.worlds.platforms import KEYS, Platforms

pytestmark = pytest.mark.usefixtures("redis")
NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(days=60)


def of_days(*ago: int) -> Platforms:
    """One sale of each platform on each of these days."""
    days = [NOW - timedelta(days=days) for days in ago]
    return Platforms(
        shopify=[
            shopify_order(6_000_000_000_000 + n, name=f"#{1000 + n}", placed=day)
            for n, day in enumerate(days)
        ],
        woocommerce=[woocommerce_order(100 + n, placed=day) for n, day in enumerate(days)],
        things=[stripe.invoice(n, placed=day) for n, day in enumerate(days)],
        most=2,
    )


@pytest.mark.parametrize("shop", SHOPS)
async def test_a_range_is_invoiced_once_beside_the_webhooks(redis_url: str, shop: str) -> None:
    platforms = of_days(80, 50, 40, 30, 20, 10)
    async with looking(platforms, redis_url) as here:
        await here.accept(platforms.shopify[2])
        await here.accept(platforms.woocommerce[2], "order.updated", shop="atelier")
        await here.accept(
            stripe.event("invoice.paid", platforms.things[2], 2), "invoice.paid", shop="abonnements"
        )
        task = Import(here.services.store, here.services.platforms[shop], SINCE, NOW - timedelta(days=15))
        for _ in range(2):
            await task.run(await task.until(NOW), lambda _: None)
            await settle(here)
        assert len([key for key in known(here) if f":{shop}:" in key]) == 4
        assert len(here.sandbox.invoices) == len(set(known(here)))


async def test_what_was_broken_off_goes_on_where_it_was(redis_url: str) -> None:
    platforms = of_days(50, 40, 30, 20, 10)
    async with looking(platforms, redis_url) as here:
        platform = here.services.platforms["boutique"]
        platforms.next = [None, JSONResponse({}, 503, headers={"retry-after": "3600"})]
        first = Import(here.services.store, platform, SINCE, None)
        with pytest.raises(RetryLater):
            await first.run(await first.until(NOW), lambda _: None)
        broken_off_at = platforms.asked[-1]
        platforms.asked.clear()
        again = Import(here.services.store, platform, SINCE, None)
        until = await again.until(NOW + timedelta(minutes=5))
        assert until == NOW
        arrivals = await again.run(until, lambda _: None)
        assert platforms.asked[0] == broken_off_at
        assert arrivals.fates == {"accepted": 3}
        assert await again.until(NOW + timedelta(minutes=9)) != NOW, "a finished import leaves nothing behind"


async def test_an_order_known_and_left_out_is_taken_in_once(redis_url: str) -> None:
    platforms = of_days(30)
    async with looking(platforms, redis_url) as here:
        store, platform = here.services.store, here.services.platforms["boutique"]
        key, arrivals = await fetch_sale(store, platform, "1000")
        assert (key, arrivals.fates) == ("shopify:boutique:order:6000000000000", {"accepted": 1})
        await here.redis.hdel(f"bridge:order:{key}", "taken_in")
        await settle(here)
        for due in (True, False):
            _, arrivals = await fetch_sale(store, platform, "#1000")
            assert arrivals.fates == {"duplicate": 1}
            assert bool(await here.redis.zscore("bridge:due", key)) is due
            await settle(here)
        assert (await here.state(key))["taken_in"] == "1"
        assert known(here) == [key]


@pytest.mark.parametrize(
    ("shop", "name", "key"),
    [
        ("boutique", "1001", "shopify:boutique:order:6000000000001"),
        ("boutique", "6000000000001", "shopify:boutique:order:6000000000001"),
        ("atelier", "101", "woocommerce:atelier:order:101"),
        ("abonnements", "FR-1", "stripe:abonnements:invoice:in_1"),
        ("abonnements", "in_1", "stripe:abonnements:invoice:in_1"),
    ],
)
async def test_one_sale_is_fetched_by_number_or_id(redis_url: str, shop: str, name: str, key: str) -> None:
    async with looking(of_days(3, 2, 1), redis_url) as here:
        store, platform = here.services.store, here.services.platforms[shop]
        assert (await fetch_sale(store, platform, name))[0] == key
        await settle(here)
        assert known(here) == [key]
        for other in ("10", "in_77", "1"):
            with pytest.raises(NeedsPerson, match="sale_not_listed"):
                await fetch_sale(store, platform, other)


async def test_a_survey_counts_and_sums_each_sale_once(redis_url: str) -> None:
    platforms = of_days(30, 20, 10)
    async with looking(platforms, redis_url) as here:
        await here.accept(platforms.shopify[0])
        found = await survey(
            here.services.store, here.services.platforms["boutique"], SINCE, NOW, lambda _: None
        )
        assert (len(found.sales), {k: str(v) for k, v in found.sums.items()}) == (3, {"EUR": "36.00"})
        assert found.known == {"shopify:boutique:order:6000000000000"}


# --- as people start it


def configure(folder: Path, sandbox: str, platforms: str, redis_url: str) -> None:
    lines = [f'redis_url = "{redis_url}"', "[facturation]", "firm_id = 1", 'api_id = "4242"']
    lines += ['api_key = "sandbox-key"', 'contact = "ops@example.com"', f'base_url = "{sandbox}"']
    for name, platform in SHOPS.items():
        lines += [f"[shops.{name}]", f'platform = "{platform}"', f'secrets = ["{SECRETS[name][0]}"]']
        if name != "abonnements":
            lines += [f'platform_api_key = "{KEYS[platform]}"', f'platform_api_url = "{platforms}"']
    (folder / "bridge.toml").write_text("\n".join(lines) + "\n")


async def run(folder: Path, *words: str) -> Ended:
    where = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return await bridge(*words, cwd=folder, env=where)


async def test_the_commands_ask_rehearse_and_bring(redis_url: str, tmp_path: Path) -> None:
    platforms, since = of_days(30, 20, 10), (NOW - timedelta(days=35)).date().isoformat()
    async with served() as (sandbox, _), platforms.served() as url:
        configure(tmp_path, sandbox, url, redis_url)
        dry = await run(tmp_path, "import", "boutique", "--since", since, "--dry-run")
        assert (dry.status, dry.err) == (0, "")
        assert "#1001" in dry.out
        assert "36.00 EUR" in dry.out
        assert "Nothing was imported" in dry.out
        unasked = await run(tmp_path, "import", "boutique", "--since", since)
        assert unasked.status == 1
        assert "Import 3 sales of boutique over 36.00 EUR" in unasked.err
        shown = await run(
            tmp_path, "import", "boutique", "--since", since, "--until", since, "--yes", "--json"
        )
        assert json.loads(shown.out) == {"orders": 0, "sums": {}, "recorded": 0, "duplicates": 0}
        done = await run(tmp_path, "import", "boutique", "--since", since, "--yes", "--json")
        assert json.loads(done.out) == {"orders": 3, "sums": {"EUR": "36.00"}, "recorded": 3, "duplicates": 0}
        fetched = await run(tmp_path, "orders", "fetch", "atelier", "101")
        assert (fetched.status, fetched.out.split(":")[0]) == (0, "woocommerce")
        missing = await run(tmp_path, "orders", "fetch", "atelier", "999")
        assert (missing.status, "lists no sale 999" in missing.err) == (1, True)
        for words in (
            ["import", "abonnements", "--since", since],
            ["import", "nobody", "--since", since],
            ["import", "boutique", "--since", "yesterday"],
            ["import", "boutique", "--since", since, "--until", "2001-01-01"],
        ):
            assert (await run(tmp_path, *words)).status == 2, words
