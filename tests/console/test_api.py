"""The API over HTTP, by hand and by schemathesis, which reads the document and tries everything it says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from bridge.console.pages import ACTIONS
from bridge.desk.operations import OPERATIONS
from bridge.reasons import reason_of
from bridge.texts import text_of
from tests.builders.shopify import shopify_order
from tests.worlds.console import TOKEN, ConsoleServer, console_server

AS_OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def console(redis: Redis, redis_url: str) -> AsyncIterator[ConsoleServer]:
    async with console_server(redis_url) as opened:
        opened.http.headers.update(AS_OPERATOR)
        yield opened


@pytest.mark.parametrize(
    "given", [{}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}]
)
async def test_without_the_token_nothing_is_answered(
    redis: Redis, redis_url: str, given: dict[str, str]
) -> None:
    async with console_server(redis_url, work=False) as opened:
        for path in ("/api/orders", "/api/openapi.json", "/api/nowhere"):
            answer = await opened.http.get(path, headers=given)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert list(answer.json()) == ["error"]


async def test_orders_are_listed_page_by_page_and_read(redis: Redis, redis_url: str) -> None:
    async with console_server(redis_url, work=False) as opened:
        keys = [await opened.here.accept(shopify_order(number)) for number in range(1, 8)]
        seen, cursor = [], ""
        while True:
            query = {"limit": "3", "cursor": cursor, "state": "in_hand"}
            page = (await opened.http.get("/api/orders", params=query, headers=AS_OPERATOR)).json()
            seen += [row["key"] for row in page["rows"]]
            cursor = page["cursor"]
            if not cursor:
                break
        assert seen == keys[::-1]


async def test_the_story_is_the_desks_own(console: ConsoleServer) -> None:
    key = await console.done_order(3)
    told = (await console.http.get(f"/api/orders/{key}")).json()
    assert told["order"]["state"] == "done"
    assert [d["total"] for d in told["documents"] if d["kind"] == "invoice"] == ["12.00"]
    event = (await console.http.get(f"/api/events/{told['events'][0]['id']}")).json()
    assert '"acheteur3@example.com"' in event["body"]


async def test_a_reason_is_said_in_the_readers_language_with_its_code_and_facts(
    console: ConsoleServer,
) -> None:
    key = await console.order_with_a_difference(3)
    answers = [
        await console.http.post(f"/api/orders/{key}/credit-note", json=body, headers=headers)
        for headers in ({"Accept-Language": "fr-FR,fr;q=0.9,en"}, {})
        for body in ({"refund": "5"},)
    ]
    french, english = (answer.json()["error"] for answer in answers)
    assert french.startswith(f"la commande {key} n’a pas de remboursement 5")
    assert english.startswith(f"order {key} has no refund 5")
    (row,) = (await console.http.get("/api/orders", params={"state": "attention"})).json()["rows"]
    assert text_of(reason_of(row)) == row["reason"]
    assert "15.84" in row["reason"]


async def test_actions_are_done_once_and_by_somebody(console: ConsoleServer) -> None:
    key = await console.order_with_a_difference(3)
    path = f"/api/orders/{key}"
    assert (await console.http.post(f"{path}/ignore", json={"who": "Ada"})).status_code == 400
    for expected in (True, False):
        body = {"who": "Ada", "reason": "by phone"}
        assert (await console.http.post(f"{path}/ignore", json=body)).json() == {"done": expected}
    assert (await console.http.post(f"{path}/retry")).json() == {"done": True}
    story = await console.desk.story(key)
    assert story is not None
    assert [(a.what, a.who, text_of(a.reason)) for a in story.actions][:2] == [
        ("ignore", "Ada", "by phone"),
        ("retry", "api", ""),
    ]


async def test_a_replay_says_what_it_did(console: ConsoleServer) -> None:
    key = await console.done_order(3)
    (event,) = (await console.desk.events()).rows
    answer = await console.http.post("/api/replay", json={"events": [event.id], "who": "Ada"})
    assert answer.json() == {"resumed": [key], "already": [], "refused": {}}


async def test_alerts_and_shops_say_what_is_wrong(console: ConsoleServer) -> None:
    await console.done_order(3)
    await console.refuse("boutique", 12)
    assert await console.judge() == ("signatures:boutique",)
    (alert,) = (await console.http.get("/api/alerts")).json()["alerts"]
    assert (alert["name"], alert["severity"], alert["shop"], alert["count"]) == (
        *("signatures", "critical", "boutique"),
        12,
    )
    assert alert["runbook"] == "docs/runbook.md#signatures"
    assert "secret" in alert["cure"]
    shops = {shop["name"]: shop for shop in (await console.http.get("/api/shops")).json()["shops"]}
    assert shops.keys() == {"boutique", "atelier", "abonnements"}
    assert shops["boutique"]["refused"] == 12
    assert shops["boutique"]["last"].keys() == {"orders/paid"}
    assert (shops["atelier"]["refused"], shops["atelier"]["refused_at"]) == (0, None)


async def test_what_happened_is_listed_page_by_page_and_by_the_clock(console: ConsoleServer) -> None:
    keys = [await console.done_order(number) for number in (3, 4)]
    seen: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = (await console.http.get("/api/activity", params={"limit": "3", "cursor": cursor})).json()
        seen += page["rows"]
        cursor = page["cursor"]
        if not cursor:
            break
    assert [(row["order_key"], row["what"]) for row in seen] == [
        *((keys[1], "done"), (keys[1], "event"), (keys[0], "done"), (keys[0], "event"))
    ]
    query = {"since": seen[2]["at"], "until": seen[1]["at"]}
    between = (await console.http.get("/api/activity", params=query)).json()["rows"]
    assert between == seen[1:3]
    listed = (await console.http.get("/api/orders", params={"since": seen[1]["at"]})).json()["rows"]
    assert [row["key"] for row in listed] == [keys[1]]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/api/orders/no:such", {}, 404),
        ("GET", "/api/events/no:such", {}, 404),
        ("GET", "/api/nowhere", {}, 404),
        ("POST", "/api/orders/no:such/retry", {}, 404),
        ("GET", "/api/orders?limit=0", {}, 400),
        ("GET", "/api/orders?limit=1&limit=2", {}, 400),
        ("GET", "/api/orders?colour=blue", {}, 400),
        ("GET", "/api/orders?cursor=x", {}, 400),
        ("GET", "/api/orders?since=5", {}, 400),
        ("GET", "/api/activity?until=2026-11-22T03:00:00", {}, 400),
        ("DELETE", "/api/orders", {}, 405),
        ("POST", "/api/replay", {"content": b"{"}, 400),
        ("POST", "/api/replay", {"content": b"[]", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/api/replay", {"content": b"who=x", "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", "/api/replay", {"content": b" " * 70_000}, 413),
    ],
)
async def test_mistakes_are_named(
    console: ConsoleServer, method: str, path: str, sent: dict[str, object], status: int
) -> None:
    headers = {"Content-Type": "application/json"} | dict(sent.pop("headers", {}))  # type: ignore[call-overload]
    answer = await console.http.request(method, path, headers=headers, **sent)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]


async def test_the_document_names_every_operation(console: ConsoleServer) -> None:
    told = (await console.http.get("/api/openapi.json")).json()
    assert told["openapi"] == "3.1.0"
    assert len({op["operationId"] for path in told["paths"].values() for op in path.values()}) == 18
    async with httpx.AsyncClient(base_url=console.url) as stranger:
        answer = await stranger.get("/api/orders")
    assert answer.status_code == 401


def test_every_face_does_the_same() -> None:
    """The API's addresses and the console's forms name the same actions on an order."""
    acting = {each.path.rpartition("/")[2] for each in OPERATIONS.values() if each.acts and each.about}
    assert acting == set(ACTIONS) - {"take-in"}
    assert ACTIONS["take-in"] == ACTIONS["accept"], "in other words"


@pytest.mark.timeout(120)
async def test_schemathesis_finds_nothing(console: ConsoleServer, tmp_path: object) -> None:
    """Everything that the document says, tried over a real port."""
    await console.order_with_a_difference(3)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{console.url}/api/openapi.json"),
        *("--header", f"Authorization: Bearer {TOKEN}"),
        *(
            "--checks",
            "all",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "10",
            "--max-time",
            "12",
        ),
        "--suppress-health-check=filter_too_much",
        *("--seed", "1", "--workers", "1", "--no-color", "--generation-database", "none"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()[-6000:]
    assert b"18" in told
