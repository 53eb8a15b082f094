"""The operators' commands, each as the process that people start."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from bridge.reasons import reason_of
from bridge.texts import text_of
from bridge.valkey.embedded import EmbeddedValkey
from tests.builders.shopify import as_body
from tests.worlds.desk import World, key_of, open_world, paid_order
from tests.worlds.in_process import served

BRIDGE = (str(Path(sys.executable).with_name("bridge")),)
EMAIL = "camille.martin@example.com"
WRONG: dict[str, Any] = {"total_price": "99.99"}
KEY = key_of()


def configure(folder: Path, api_url: str = "http://127.0.0.1:1", redis_url: str = "") -> None:
    """A bridge.toml as a user would write it."""
    where = f'redis_url = "{redis_url}"\n' if redis_url else ""
    (folder / "bridge.toml").write_text(
        f"""{where}port = 0
[facturation]
firm_id = 1
api_id = "4242"
api_key = "sandbox-key"
contact = "t@example.com"
base_url = "{api_url}"
[shops.boutique]
platform = "shopify"
secrets = ["secret"]
[shops.atelier]
platform = "woocommerce"
secrets = ["secret"]
""",
        encoding="utf-8",
    )


def bridge(folder: Path, *words: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    """Runs `bridge …` to its end, with its output piped."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    return subprocess.run(
        [*BRIDGE, *words],
        cwd=folder,
        env=environ | {"COLUMNS": str(columns), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


class Desk:
    """A world, and the commands in a folder that is configured for it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder

    async def __call__(self, *words: str, status: int = 0, columns: int = 80) -> str:
        """What `bridge …` prints; its errors when a failure is expected."""
        done = await asyncio.to_thread(bridge, self.folder, *words, columns=columns)
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if status else done.stdout

    async def json(self, *words: str) -> Any:
        """What `bridge … --json` prints."""
        return json.loads(await self(*words, "--json"))


@pytest.fixture
async def desk(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_world(redis, redis_url, tmp_path) as world:
        configure(tmp_path, world.services.settings.facturation.base_url, redis_url=redis_url)
        yield Desk(world, tmp_path)


async def test_a_list_fits_80_columns_and_cuts_no_key(desk: Desk) -> None:
    await desk.world.order()
    await desk.world.order(1043, **WRONG)
    shown = await desk("orders", "list", columns=20)
    assert KEY in shown
    assert "64.70 EUR" in shown
    table = shown.split("\n\n")[0].splitlines()
    assert all(len(line.rstrip()) <= 85 for line in table), table
    # What waits for a person says why.
    assert "99.99; compare them in Shopify" in shown
    assert (await desk("orders", "list", "--shop", "atelier")).strip() == "no orders"


async def test_lists_for_scripts_go_on_where_they_ended(desk: Desk) -> None:
    keys = [await desk.world.receive(paid_order(n)) for n in range(5)]
    first = await desk.json("orders", "list", "--limit", "3")
    second = await desk.json("orders", "list", "--limit", "3", "--cursor", first["cursor"])
    assert [row["key"] for row in (*first["orders"], *second["orders"])] == keys[::-1]
    assert second["cursor"] == ""
    found = await desk.json("orders", "list", "--find", keys[4], "--state", "in_hand")
    assert [row["key"] for row in found["orders"]] == [keys[4]]


async def test_a_story_by_number(desk: Desk) -> None:
    await desk.world.order()
    shown = await desk("orders", "show", "1042")
    for told in (
        KEY,
        "invoice F",
        "/firms/1/invoices/",
        "TVA française",
        "POST /invoices.json",
        "orders/paid",
    ):
        assert told in shown
    assert (await desk.json("orders", "show", KEY))["order"]["state"] == "done"


async def test_an_unknown_order_ends_in_one_helpful_line(desk: Desk) -> None:
    for words in (("show", "77"), ("retry", "77"), ("ignore", "77", "--reason", "x"), ("accept", "77")):
        said = await desk("orders", *words, status=1)
        assert said == "failed: there is no order 77: bridge orders list shows those there are\n"


async def test_two_orders_of_one_number_are_told_apart(desk: Desk) -> None:
    for number in (1, 2):
        await desk.world.order(number, name="#7")
    said = await desk("orders", "retry", "#7", status=1)
    assert key_of(1) in said
    assert key_of(2) in said


async def test_deciding(desk: Desk) -> None:
    key = await desk.world.order(**WRONG)
    assert "will be looked at again now" in await desk("orders", "retry", "1042", "--who", "marie")
    assert "is in hand already" in await desk("orders", "retry", key)
    assert "is ignored" in await desk("orders", "ignore", key, "--reason", "by hand")
    assert "was ignored already" in await desk("orders", "ignore", key, "--reason", "by hand")
    assert "asks for attention" in await desk("orders", "hold", key, "--reason", "call first")
    actions = (await desk.json("orders", "show", key))["actions"]
    assert [action["what"] for action in actions] == ["retry", "ignore", "send_to_person"]
    assert actions[0]["who"] == "marie"
    assert actions[1]["who"]
    assert "no document with another total" in await desk("orders", "accept", key, status=1)
    assert "has no refund 1" in await desk("orders", "credit", key, "1", status=1)


async def test_deciding_by_script(desk: Desk) -> None:
    key = await desk.world.order(**WRONG)
    assert await desk.json("orders", "ignore", "1042", "--reason", "by hand") == [
        {"order": key, "done": True}
    ]
    assert await desk.json("orders", "ignore", key, "--reason", "by hand") == [{"order": key, "done": False}]
    assert await desk.json("orders", "retry", key) == [{"order": key, "done": True}]


async def test_a_story_says_what_can_be_done(desk: Desk) -> None:
    await desk.world.order(**WRONG)
    shown = await desk("orders", "show", "1042", columns=40)
    assert "asked for a person: order #1042: its lines come to" in shown
    assert "bridge orders retry '#1042'" in shown
    assert "bridge orders accept" not in shown, "there is no document whose total could be accepted"
    done = await desk.world.order(1043)
    assert "what you can do" not in await desk("orders", "show", done)


async def test_the_terminal_speaks_french(desk: Desk) -> None:
    await desk.world.order(**WRONG)
    listed = await desk("--lang", "fr", "orders", "list")
    assert "à traiter" in listed
    shown = await desk("--lang", "fr", "orders", "show", "1042")
    assert "ce que vous pouvez faire" in shown
    assert "reprendre, une fois la cause corrigée" in shown
    said = await desk("--lang", "fr", "orders", "retry", "77", status=1)
    assert said.startswith("échec : il n’y a pas de commande 77")
    assert "orders show" in await desk("--lang", "de", "orders", "show", "--help"), "else it is English"


async def test_scripts_get_a_reason_in_words_and_as_a_value(desk: Desk) -> None:
    await desk.world.order(**WRONG)
    (row,) = (await desk.json("orders", "list"))["orders"]
    story = await desk.json("orders", "show", "1042")
    for each in (row, story["order"], story["runs"][0]):
        reason = reason_of(each)
        assert (reason.code, text_of(reason)) == (row["code"], row["reason"])
    assert "99.99" in row["reason"]


async def test_orders_of_a_time(desk: Desk) -> None:
    key = await desk.world.order()
    assert key in await desk("orders", "list", "--since", "5m")
    assert (await desk("orders", "list", "--until", "5m")).strip() == "no orders"
    assert "--until" in await desk("orders", "list", "--since", "1h", "--until", "2h", status=2)


async def test_tail_between_two_times_ends(desk: Desk) -> None:
    await desk.world.order()
    told = await desk("tail", "--since", "5m", "--until", "0s")
    assert [line.split()[1] for line in told.splitlines()] == ["event", "done"]
    assert await desk("tail", "--since", "2h", "--until", "1h") == ""


async def test_one_failure_does_not_keep_the_others(desk: Desk) -> None:
    key = await desk.world.order(**WRONG)
    await desk("orders", "retry", "77", key, status=1)
    assert (await desk.json("orders", "show", key))["order"]["state"] == "in_hand"


async def test_events(desk: Desk) -> None:
    await desk.world.order()
    row = (await desk.json("events", "list"))["events"][0]
    assert (row["topic"], row["order_key"]) == ("orders/paid", KEY)
    shown = await desk("events", "list", columns=20)
    assert row["id"] in shown
    assert KEY in shown
    raw = await desk("events", "show", row["id"])
    named_to_the_shop = row["id"].partition(":")[2]
    assert await desk("events", "show", named_to_the_shop) == raw, "the id that the answer to it had"
    assert json.loads(raw)["name"] == "#1042"
    assert "1 order will be looked at again" in await desk("events", "replay", named_to_the_shop)
    assert "unknown or expired" in await desk("events", "replay", "boutique:x", status=1)
    assert "unknown or expired" in await desk("events", "show", "boutique:x", status=1)


async def test_replaying_what_failed(desk: Desk) -> None:
    keys = [await desk.world.order(n, **WRONG) for n in (1, 2)]
    result = await desk.json("replay", "--failed", "--since", "2h", "--shop", "boutique")
    assert sorted(result["resumed"]) == sorted(keys)
    assert (await desk("replay", "--failed", "--since", "2h")).startswith("0 orders")
    assert "--since" in await desk("replay", status=2)
    assert "is no time" in await desk("replay", "--since", "yesterday", status=2)


async def test_figures(desk: Desk) -> None:
    await desk.world.order()
    shown = await desk("stats")
    assert "1 done" in shown
    assert "1 event, 1 invoice, " in shown
    assert "alerts   none" in shown
    await desk.world.services.notifier.book.note_refused("atelier", 12)
    await desk.world.redis.delete("bridge:alerts:judge")
    await desk.world.services.notifier.step()
    shown = await desk("stats")
    assert "alerts   signatures atelier: bridge alerts says what to do" in shown
    assert "atelier: deliveries in a row without a valid signature: 12, the last" in shown
    assert (await desk.json("stats"))["shops"]["boutique"]["invoices_week"] == 1


async def test_tail_follows(desk: Desk) -> None:
    await desk.world.order()
    tail = await asyncio.create_subprocess_exec(
        *(*BRIDGE, "tail", "--json"),
        cwd=desk.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert tail.stdout is not None
    try:
        async with asyncio.timeout(30):
            past = [json.loads(await tail.stdout.readline())["what"] for _ in range(2)]
            await desk.world.desk.retry(KEY, "marie")
            fresh = json.loads(await tail.stdout.readline())
    finally:
        tail.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            status = await tail.wait()
    assert (past, fresh["what"], fresh["order_key"], status) == (["event", "done"], "retry", KEY, 0)


async def test_forgetting_a_buyer(desk: Desk) -> None:
    await desk.world.order(1)
    await desk.world.order(2, **WRONG)
    assert "Aborted" in await desk("privacy", "erase", EMAIL, status=1)  # nobody said yes
    said = await desk("privacy", "erase", EMAIL, "--yes", status=1)
    assert f"refused: {key_of(2)}: it is not finished (attention)" in said
    await desk("orders", "ignore", key_of(2), "--reason", "by hand")
    assert "1 payloads of 1 orders are gone" in await desk("privacy", "erase", EMAIL, "--yes")


async def test_a_request_of_shopify_is_carried_out(desk: Desk) -> None:
    await desk.world.order(1)
    shop = {"shop_id": 954889, "shop_domain": "b.myshopify.com"}
    buyer = {"customer": {"id": 7001, "email": EMAIL}}
    asked = json.dumps(shop | buyer | {"orders_requested": []}).encode()
    erased = json.dumps(shop | buyer | {"orders_to_redact": [5_000_001]}).encode()
    await desk.world.receive(asked, "customers/data_request")
    key = await desk.world.receive(erased, "customers/redact")
    (story,) = (await desk.world.desk.orders(query=key)).rows
    shown, listed = await desk("privacy", "list"), await desk.json("privacy", "list")
    assert "29 days left" in shown
    assert EMAIL not in shown + json.dumps(listed)
    assert listed["requests"][1]["orders"] == [key_of(1)]
    for request in listed["requests"]:
        assert f"bridge privacy carry-out {request['key']}\n" in shown
    # The reason of the second holds the very command that does it, and the first must be answered before.
    words = re.findall(r"`bridge (.*)`", text_of(story.reason))[0].split()
    assert words == ["privacy", "carry-out", key]
    assert "Aborted" in await desk(*words, status=1)  # nobody said yes
    assert f"request {listed['requests'][0]['key']} asks for" in await desk(*words, "--yes", status=1)
    report = desk.folder / "report.json"
    await desk("privacy", "carry-out", listed["requests"][0]["key"], "--to", str(report))
    assert report.stat().st_mode & 0o777 == 0o600
    (order,) = json.loads(report.read_text())["orders"]
    assert (order["order"], order["webhooks"][0]["content"]["email"]) == (key_of(1), EMAIL)
    again = ("privacy", "carry-out", listed["requests"][0]["key"])
    assert "name a new file" in await desk(*again, "--to", str(report), status=1)
    assert json.loads(await desk(*again)) == json.loads(report.read_text())
    assert "1 payloads of 1 orders are gone" in await desk(*words, "--yes")
    assert "No open requests" in await desk("privacy", "list")


@pytest.mark.parametrize(
    "words", [("orders", "list"), ("stats",), ("replay", "--failed"), ("tail",), ("events", "list")]
)
def test_without_redis_one_line_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    configure(tmp_path, redis_url="redis://127.0.0.1:1/0")
    done = bridge(tmp_path, *words)
    assert done.returncode == 1
    assert re.fullmatch("failed: Redis cannot be used, nothing listens at its address: .*\n", done.stderr), (
        done.stderr
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("orders", "list", "--state", "lost"), "lost is none of in_hand, waiting, attention"),
        (("orders", "list", "--shop", "nope"), "nope is none of atelier, boutique"),
        (("events", "list", "--shop", "nope"), "nope is none of atelier, boutique"),
        (("replay", "--failed", "--shop", "nope"), "nope is none of atelier, boutique"),
        (("orders", "list", "--cursor", "zzz"), "zzz is none that a page ended with"),
        (("events", "list", "--cursor", "zzz"), "zzz is none that a page ended with"),
        (("orders", "ignore", "1", "--reason", ""), "--reason"),
        (("privacy", "erase", "camille", "--yes"), "camille is neither an e-mail address nor a customer"),
        (("sandbox", "--port", "99999"), "less than or equal to 65535"),
    ],
)
def test_what_cannot_be_meant_is_bad_usage(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    configure(tmp_path, redis_url="redis://127.0.0.1:1/0")
    done = bridge(tmp_path, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert told in " ".join(done.stderr.split())


def test_what_is_wrong_with_the_configuration_comes_before_a_shop_that_is_unknown(tmp_path: Path) -> None:
    done = bridge(tmp_path, "orders", "list", "--shop", "nope")
    assert (done.returncode, "add a [facturation] table" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("module", "unwanted"), [("bridge.cli.main", "pydantic"), ("bridge.runtime.roles", "fastapi")]
)
def test_what_is_not_used_is_not_imported(module: str, unwanted: str) -> None:
    """Help and the shops' door start quickly: neither waits for what only others need."""
    told = f"import sys, {module}; sys.exit({unwanted!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


# ------------------------------------------------------------------------------------- the private Valkey


@contextmanager
def running_bridge(folder: Path) -> Iterator[str]:
    """`bridge up`, until the end of the block; its URL."""
    process = subprocess.Popen(
        [*BRIDGE, "up"], cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        url = next(line.split()[-1] for line in lines if "bridge listens" in line)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


async def test_commands_look_at_the_valkey_of_a_running_bridge(tmp_path: Path) -> None:
    async with served() as (api_url, _):
        configure(tmp_path, api_url)
        with running_bridge(tmp_path):
            for _ in range(2):
                done = await asyncio.to_thread(bridge, tmp_path, "stats")
                assert (done.returncode, done.stderr) == (0, "")
            # But nobody serves from it twice.
            second = await asyncio.to_thread(bridge, tmp_path, "up")
            assert (second.returncode, "another bridge uses" in second.stderr) == (2, True)
            done = await asyncio.to_thread(bridge, tmp_path, "orders", "list")
            assert (done.returncode, done.stdout) == (0, "no orders\n")


def test_commands_look_at_the_data_of_a_bridge_that_is_down(tmp_path: Path) -> None:
    configure(tmp_path)
    with EmbeddedValkey(tmp_path / "var"):
        pass
    began = time.monotonic()
    done = bridge(tmp_path, "orders", "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no orders\n", "")
    assert time.monotonic() - began < 30


async def test_a_document_is_attached_after_a_look_at_the_balance(desk: Desk) -> None:
    body = json.loads(paid_order())
    body["line_items"][0]["price"] = "18.00"
    await desk.world.settle(await desk.world.receive(as_body(body)))
    other = await desk.world.order(2)
    number = (await desk.world.desk.known_story(other)).order.invoice
    assert "belongs to another order" in await desk("orders", "attach", "1042", number, status=1)
    assert "no invoice or credit note" in await desk("orders", "attach", "1042", "F1", "--yes", status=1)
    assert "was not attached" in await desk("orders", "detach", "1042", number, "--yes", status=1)


async def test_orders_from_before_are_accepted_together(desk: Desk) -> None:
    ago = datetime.now(UTC) - timedelta(days=400)
    for number in (1, 2):
        old = paid_order(number, created_at=ago.isoformat(), processed_at=ago.isoformat())
        await desk.world.settle(await desk.world.receive(old))
    assert "--earlier" in await desk("orders", "accept", status=2)
    assert "2 orders will be looked at again" in await desk("orders", "accept", "--earlier", "boutique")
