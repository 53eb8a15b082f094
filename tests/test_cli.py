"""The commands as processes: exit statuses, what they print, what they keep to themselves."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.builders.shopify import as_body, item, shopify_order
from tests.sources.test_fixtures import FIXTURES
from tests.worlds.commands import bridge, running, write_config
from tests.worlds.in_process import SECRETS, served
from tests.worlds.waiting import until

NOWHERE = "http://127.0.0.1:9"
HIDDEN = ("sandbox-key", *(secret for secrets in SECRETS.values() for secret in secrets))


async def test_help_and_version(tmp_path: Path) -> None:
    helped = await bridge("--help", cwd=tmp_path)
    assert helped.status == 0
    for name in ("demo", "up", "web", "worker", "sandbox", "check", "preview"):
        assert name in helped.out
    assert "..." not in helped.out.split("Commands:")[1], "no summary is cut"
    assert (await bridge("--version", cwd=tmp_path)).out.strip()[0].isdigit()


@pytest.mark.parametrize("args", [["unheard-of"], ["preview", "missing.json", "--shop", "boutique"]])
async def test_bad_usage_is_2(tmp_path: Path, args: list[str]) -> None:
    assert (await bridge(*args, cwd=tmp_path)).status == 2


# --- configuration


async def test_no_configuration_at_all_is_2_and_says_what_to_write(tmp_path: Path) -> None:
    ended = await bridge("check", cwd=tmp_path)
    assert ended.status == 2
    assert "bridge.toml" in ended.err
    assert "add a [facturation] table with firm_id" in ended.err
    assert "add a [shops.<name>] table with platform" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('platform = "shopify"', 'platform = "shopfy"', "shops.boutique.platform"),
        ("[facturation]", "port = 99999\n[facturation]", "port"),
    ],
)
async def test_a_wrong_configuration_is_2_and_names_the_key(
    tmp_path: Path, before: str, after: str, key: str
) -> None:
    write_config(tmp_path, api_url=NOWHERE)
    config = tmp_path / "bridge.toml"
    config.write_text(config.read_text().replace(before, after, 1))
    ended = await bridge("up", cwd=tmp_path)
    assert ended.status == 2
    assert key in ended.err
    assert "Traceback" not in ended.err
    assert not any(secret in ended.err for secret in HIDDEN)


@pytest.mark.parametrize("role", ["web", "worker"])
async def test_a_role_alone_wants_a_shared_redis(tmp_path: Path, role: str) -> None:
    write_config(tmp_path, api_url=NOWHERE)
    ended = await bridge(role, cwd=tmp_path)
    assert (ended.status, "redis_url" in ended.err) == (2, True)


async def test_a_port_that_is_taken_is_2(tmp_path: Path, redis_url: str) -> None:
    async with served() as (url, _):
        write_config(tmp_path, api_url=url, redis_url=redis_url, port=int(url.rpartition(":")[2]))
        ended = await bridge("web", cwd=tmp_path)
    assert (ended.status, "port" in ended.err) == (2, True)


# --- check


async def test_check_of_a_good_installation(tmp_path: Path, redis: Any, redis_url: str) -> None:
    async with served() as (url, _):
        write_config(tmp_path, api_url=url, redis_url=redis_url)
        ended = await bridge("check", cwd=tmp_path)
        as_json = await bridge("check", "--json", cwd=tmp_path)
    assert ended.status == 0, ended.out + ended.err
    lines = [line.split()[:2] for line in ended.out.splitlines() if line.strip()]
    for name in ("configuration", "redis", "durability", "facturation", "shop"):
        assert ["ok", name] in lines
    assert {finding["state"] for finding in json.loads(as_json.out)} == {"ok"}
    assert not any(secret in ended.out + ended.err for secret in HIDDEN)


async def test_check_of_a_broken_one_is_1_with_a_line_for_each(
    tmp_path: Path, redis: Any, redis_url: str
) -> None:
    write_config(tmp_path, api_url=NOWHERE, redis_url=redis_url)
    ended = await bridge("check", cwd=tmp_path)
    assert ended.status == 1
    failed = [line.split()[1] for line in ended.out.splitlines() if line.startswith("fail")]
    assert failed == ["facturation"]
    assert "Traceback" not in ended.err


async def test_a_command_without_its_redis_says_so_in_words(tmp_path: Path) -> None:
    write_config(tmp_path, api_url=NOWHERE, redis_url="redis://127.0.0.1:9")
    ended = await bridge("orders", "list", cwd=tmp_path)
    said = "failed: Redis cannot be used, nothing listens at its address: start it, or correct redis_url\n"
    assert (ended.status, ended.err) == (1, said)


async def test_a_command_that_cannot_reach_facturation_pro_says_so_in_words(
    tmp_path: Path, redis: Any, redis_url: str
) -> None:
    write_config(tmp_path, api_url=NOWHERE, redis_url=redis_url)
    ended = await bridge("calibrate", cwd=tmp_path)
    assert ended.status == 1
    assert ended.err.startswith("failed: Facturation.pro could not be reached for POST /customers.json")


# --- preview


async def test_preview_shows_customer_document_and_reasons(tmp_path: Path) -> None:
    write_config(tmp_path, api_url=NOWHERE)
    shutil.copy(FIXTURES / "shopify" / "orders-paid__simple.json", tmp_path / "order.json")
    ended = await bridge("preview", "order.json", "--shop", "boutique", cwd=tmp_path)
    assert ended.status == 0, ended.err
    for text in ("53.90 EUR", "Berthier", "shopify:boutique:order:6100000000001", "Bougie figuier"):
        assert text in ended.out
    assert "20 %" in ended.out
    assert "taken for orders/updated" in ended.err
    as_json = await bridge("preview", "order.json", "--shop", "boutique", "--json", cwd=tmp_path)
    assert json.loads(as_json.out)["invoice"]["total"] == "53.90"
    left = await asyncio.to_thread(lambda: {path.name for path in tmp_path.iterdir()})
    assert left == {"bridge.toml", "order.json", "stdout", "stderr"}


async def test_brackets_in_a_shops_texts_are_no_markup(tmp_path: Path) -> None:
    write_config(tmp_path, api_url=NOWHERE)
    order = shopify_order(1, [item("12.00") | {"title": "Savon [promo] [/b]"}])
    (tmp_path / "order.json").write_bytes(as_body(order))
    ended = await bridge("preview", "order.json", "--shop", "boutique", cwd=tmp_path)
    assert (ended.status, "Savon [promo] [/b]" in ended.out) == (0, True), ended.err


async def test_preview_of_nonsense_is_no_crash(tmp_path: Path) -> None:
    write_config(tmp_path, api_url=NOWHERE)
    (tmp_path / "order.json").write_bytes(b"\xff nonsense [bold]")
    ended = await bridge("preview", "order.json", "--shop", "boutique", cwd=tmp_path)
    assert (ended.status, "refused with 400" in ended.out) == (1, True)


async def test_preview_of_another_platforms_file_says_whose_it_is(tmp_path: Path) -> None:
    write_config(tmp_path, api_url=NOWHERE)
    shutil.copy(FIXTURES / "shopify" / "orders-paid__simple.json", tmp_path / "order.json")
    ended = await bridge("preview", "order.json", "--shop", "abonnements", cwd=tmp_path)
    said = "this looks like a Shopify order; shop abonnements is Stripe\n"
    assert (ended.status, ended.out) == (1, said), ended.err


# --- sandbox, demo


async def test_the_sandbox_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async with running("sandbox", "--port", "0", cwd=tmp_path) as command:
        await until(lambda: "http://" in command.said, "the sandbox says where it is", within=30)
        assert await command.stop() == 0
    assert (await bridge("sandbox", "--rounding", "odd", cwd=tmp_path)).status == 2


async def test_the_demo_shows_one_invoice_for_each_order(tmp_path: Path) -> None:
    ended = await bridge("demo", cwd=tmp_path, within=60)
    assert ended.status == 0, ended.out + ended.err
    rows = [line.split() for line in ended.out.splitlines() if line.rstrip().endswith(" ok")]
    assert sorted(row[0] for row in rows) == ["shopify", "stripe", "woocommerce"]
    for row, paid in zip(rows, ("64.70", "153.60", "34.80"), strict=True):
        assert row.count(paid) == 2  # paid and invoiced
    assert "3 of 3 orders have exactly one invoice" in ended.out
    assert "3 duplicates" in ended.out
