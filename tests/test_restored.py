"""`bridge restored`: after an old copy of Redis' data was put back, what it may lack is looked up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.sources.base import ForOrder
from bridge.store.store import Store
from bridge.store.values import Lease
from bridge.valkey.embedded import EmbeddedValkey
from tests.worlds.commands import bridge, write_config

SCOPE = "shopify:boutique:"


@pytest.fixture
async def store(redis: Any) -> Store:
    """A ledger that has served its shop for a month."""
    store = Store(redis, retention=timedelta(days=90))
    await store.open()
    month_ago = int((datetime.now(UTC) - timedelta(days=30)).timestamp() * 1000)
    await redis.hset("bridge:meta", mapping={"floor": month_ago, "born": month_ago})
    await store.set_shop_verdict(SCOPE, clean=True)
    return store


async def begin(store: Store, number: int, placed: datetime) -> str:
    """What the ledger says to an invoice for an order that it does not know."""
    key = f"{SCOPE}order:{number}"
    identity = ForOrder(event_id=f"e{number}", topic="orders/paid", order_key=key)
    await store.record("boutique", "shopify", identity, {}, b"{}")
    lease = Lease(order_key=key, token="t")
    assert await store.extend(lease) or await store.take(lease)
    return (await store.begin(lease, key, "a1", placed, SCOPE)).act


async def test_what_an_old_copy_may_lack_is_looked_up(store: Store) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert await begin(store, 1, yesterday) == "post"
    before, now = await store.mark_restored()
    assert datetime.now(UTC) - before > timedelta(days=29)
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=30)
    assert await begin(store, 2, yesterday) == "lookup"
    assert await begin(store, 1, yesterday) == "lookup"  # an intent of before, too
    assert await begin(store, 3, datetime.now(UTC) + timedelta(minutes=6)) == "post"


async def test_it_may_be_said_twice_and_survives_a_restart(store: Store, redis: Any) -> None:
    _, first = await store.mark_restored()
    again, second = await store.mark_restored()
    assert (again, second) == (first, max(first, second))
    await redis.hset("bridge:meta", "run", "of the process before")
    await store.open()
    assert await begin(store, 1, datetime.now(UTC) - timedelta(days=1)) == "lookup"
    assert (await store.vitals()).born == second


async def test_an_empty_redis_may_be_told_as_well(redis: Any) -> None:
    store = Store(redis, retention=timedelta(days=90))
    before, now = await store.mark_restored()
    assert timedelta(0) <= now - before < timedelta(seconds=30)
    assert await begin(store, 1, now - timedelta(days=1)) == "lookup"


async def test_the_command_says_what_it_did(store: Store, redis_url: str, tmp_path: Path) -> None:
    write_config(tmp_path, api_url="http://127.0.0.1:9", redis_url=redis_url)
    ended = await bridge("restored", cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    assert f"before {datetime.now(UTC):%Y-%m-%d}" in ended.out
    assert (
        f"So far that went for what was begun before {datetime.now(UTC) - timedelta(30):%Y-%m-%d}"
        in ended.out
    )
    assert await begin(store, 1, datetime.now(UTC) - timedelta(days=1)) == "lookup"
    await store.sweep("a worker")
    warned = await bridge("restored", cwd=tmp_path)
    assert warned.status == 0
    assert "Workers heard of in the last 15 s: 1" in warned.err


@pytest.mark.parametrize("command", [("restored",), ("orders", "list"), ("alerts",), ("check",)])
async def test_who_looks_where_no_data_are_is_told_so(command: tuple[str, ...], tmp_path: Path) -> None:
    write_config(tmp_path, api_url="http://127.0.0.1:9")
    ended = await bridge(*command, cwd=tmp_path)
    assert ended.status == 1, "also where only the account is missing"
    assert "no data under" in ended.err + ended.out
    assert not (tmp_path / "var").exists()


async def test_each_layout_of_the_runbook_reaches_its_data(tmp_path: Path) -> None:
    """Configuration here, data there, and the command run from somewhere else."""
    etc, lib, home = (tmp_path / name for name in ("etc", "lib", "home"))
    for folder in (etc, lib, home):
        folder.mkdir()
    write_config(etc, api_url="http://127.0.0.1:9")
    beside = {"BRIDGE_CONFIG": str(etc / "bridge.toml")}
    unit = beside | {"BRIDGE_DATA_DIR": str(lib)}
    for env, data in ((beside, etc / "var"), (unit, lib)):
        with EmbeddedValkey(data):
            pass
        ended = await bridge("restored", cwd=home, env=env)
        assert (ended.status, ended.err) == (0, "")
    assert sorted(path.name for path in home.iterdir() if path.is_dir()) == []
