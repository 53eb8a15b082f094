"""What a shop is answered in every case, by the real application with a real Valkey."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge import receive as web
from bridge.runtime import server
from bridge.runtime.roles import serve_web
from bridge.runtime.server import listen
from bridge.sources.registry import REGISTRY
from bridge.store.values import Lease
from bridge.valkey.embedded import EmbeddedValkey
from tests.builders.shopify import as_body, item, shopify_order
from tests.sources.test_fixtures import FIXTURES
from tests.worlds.in_process import SECRETS, SHOPS, Here, bridge_here
from tests.worlds.waiting import until

A_SALE = {
    "boutique": ("shopify", "orders-paid__simple", "orders/paid"),
    "atelier": ("woocommerce", "order.updated__paid_20", "order.updated"),
    "abonnements": ("stripe", "invoice.paid__basil_exclusive", "invoice.paid"),
}
UNWANTED = {
    "boutique": "products/update",
    "atelier": "product.updated",
    "abonnements": "payment_intent.succeeded",
}
NOTHING = {"event": 0, "order": 0}

every_shop = pytest.mark.parametrize("shop", SHOPS)


@pytest.fixture
async def here(redis: Any, redis_url: str) -> AsyncIterator[Here]:
    async with bridge_here(redis_url, top={"max_body_bytes": 100_000}) as here:
        yield here


def sale(shop: str) -> tuple[bytes, str]:
    platform, name, topic = A_SALE[shop]
    return (FIXTURES / platform / f"{name}.json").read_bytes(), topic


async def stored(here: Here) -> dict[str, int]:
    """How many events and orders are kept."""
    kept = {}
    for kind in NOTHING:
        kept[kind] = len([name async for name in here.redis.scan_iter(f"bridge:{kind}:*")])
    return kept


def refused(answer: httpx.Response, status: int) -> str:
    """The one sentence of a refusal, after a look at its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"]
    assert "Traceback" not in answer.text
    return str(body["error"])


# --- 200


@every_shop
async def test_a_signed_sale_is_accepted_once(here: Here, shop: str) -> None:
    body, topic = sale(shop)
    first = await here.send(body, topic, shop=shop, delivery="d1")
    again = await here.send(body, topic, shop=shop, delivery="d1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], again.json()["status"]) == ("accepted", "duplicate")
    assert first.json()["order"] == again.json()["order"]
    assert first.json()["order"].startswith(f"{SHOPS[shop]}:{shop}:")
    assert await stored(here) == {"event": 1, "order": 1}
    assert first.headers["content-type"] == "application/json"


@every_shop
async def test_an_event_nobody_needs_is_ignored_with_its_reason(here: Here, shop: str) -> None:
    payload = {"id": "evt_1", "object": "event", "type": UNWANTED[shop], "data": {"object": {"id": "x_1"}}}
    answer = await here.send(payload, UNWANTED[shop], shop=shop)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert answer.json()["reason"]
    assert (await stored(here))["order"] == 0


async def test_woocommerces_ping_is_answered_and_nothing_else_happens(here: Here) -> None:
    answer = await here.shops.post("/webhooks/atelier", data={"webhook_id": "7"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored", "reason": "ping"})
    assert await stored(here) == NOTHING


async def test_an_address_that_was_pasted_with_a_slash_is_the_same(here: Here) -> None:
    answer = await here.shops.post("/webhooks/atelier/", data={"webhook_id": "7"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ignored", "reason": "ping"})
    refused(await here.shops.post("/webhooks/atelier//", data={"webhook_id": "7"}), 404)


@pytest.mark.parametrize("shop", ["boutique", "abonnements"])
async def test_another_platforms_ping_is_no_ping(here: Here, shop: str) -> None:
    refused(await here.shops.post(f"/webhooks/{shop}", data={"webhook_id": "7"}), 401)


async def test_every_secret_of_a_shop_is_good(here: Here) -> None:
    for n, secret in enumerate(SECRETS["boutique"]):
        await here.accept(shopify_order(n + 1), secret=secret)
    refused(await here.send(shopify_order(9), secret="a-secret-of-nobody-1234"), 401)


async def test_the_event_is_kept_byte_for_byte(here: Here) -> None:
    body = '{ "id":1 ,"note":"\u00e9\\u2028",  "total_price":"12.10"}'.encode()
    key = await here.accept(body)
    view = await here.services.store.take(Lease(order_key=key, token="t"))
    assert view is not None
    assert view.events[0].body == body


# --- 401


@every_shop
@pytest.mark.parametrize("signature", ["missing", "empty", "wrong", "other body", "non-latin", "oversized"])
async def test_a_bad_signature_is_401_and_leaves_nothing(here: Here, shop: str, signature: str) -> None:
    body, topic = sale(shop)
    signed = REGISTRY[SHOPS[shop]].sign(body, SECRETS[shop][0], topic, "d1", datetime.now(UTC))
    name = next(each for each in signed if "hmac" in each or "signature" in each)
    bad: dict[str, bytes | None] = {
        "missing": None,
        "empty": b"",
        "wrong": b"AAAA",
        "other body": signed[name].encode(),
        "non-latin": b"\xff\xfe\xe9",
        "oversized": b"A" * 30_000,
    }
    headers = [(k.encode(), v.encode()) for k, v in signed.items() if k != name]
    value = bad[signature]
    if value is not None:
        headers.append((name.encode(), value))
    sent = body + b" " if signature == "other body" else body
    refused(await here.shops.post(f"/webhooks/{shop}", content=sent, headers=headers), 401)
    assert await stored(here) == NOTHING


async def test_an_old_stripe_signature_is_401(here: Here) -> None:
    body, topic = sale("abonnements")
    old = datetime.now(UTC) - timedelta(hours=1)
    said = refused(await here.send(body, topic, shop="abonnements", now=old), 401)
    assert "stale" in said
    assert await stored(here) == NOTHING


# --- 404, 405


async def test_an_unknown_shop_is_404(here: Here) -> None:
    refused(await here.shops.post("/webhooks/nobody", content=b"{}"), 404)
    refused(await here.shops.post("/webhooks/", content=b"{}"), 404)
    refused(await here.shops.get("/elsewhere"), 404)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_anything_but_post_is_405(here: Here, method: str) -> None:
    answer = await here.shops.request(method, "/webhooks/boutique")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# --- 413, 400


async def test_a_body_announced_too_long_is_413_before_it_is_read(here: Here) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    answer = await here.shops.post("/webhooks/boutique", content=body(), headers={"content-length": "100001"})
    refused(answer, 413)
    assert read <= 1
    assert await stored(here) == NOTHING


async def test_the_limit_itself_is_allowed(here: Here) -> None:
    body = json.dumps({"id": 1}).encode()
    padded = body + b" " * (100_000 - len(body))
    assert (await here.send(padded)).status_code == 200
    refused(await here.send(padded + b" "), 413)


@every_shop
@pytest.mark.parametrize("body", [b"", b"not json", b'{"id":', b"\xff\xfe\x00", b'{"id": 1}}'])
async def test_a_signed_body_that_is_no_json_is_400(here: Here, shop: str, body: bytes) -> None:
    said = refused(await here.send(body, A_SALE[shop][2], shop=shop), 400)
    assert "JSON" in said
    assert await stored(here) == NOTHING


@pytest.mark.parametrize("length", [b"", b"abc", b"-1", b"\xb2", b"9" * 30])
async def test_an_odd_content_length_never_breaks_it(here: Here, length: bytes) -> None:
    body = as_body(shopify_order(1))
    signed = REGISTRY["shopify"].sign(body, SECRETS["boutique"][0], "orders/paid", "d1", datetime.now(UTC))
    headers = [(k.encode(), v.encode()) for k, v in signed.items()]
    answer = await here.shops.post(
        "/webhooks/boutique", content=body, headers=[*headers, (b"content-length", length)]
    )
    assert answer.status_code == (413 if len(length) == 30 else 200)


# --- signed, JSON, but no order

DEEP = b"[" * 5_000 + b"]" * 5_000
NO_ORDERS = {
    "null": b"null",
    "list": b"[1, 2]",
    "number": b"12",
    "text": b'"an order"',
    "empty": b"{}",
    "deep": DEEP,
    "deep inside": b'{"id": 1, "line_items": ' + DEEP + b"}",
    "no id": b'{"line_items": []}',
    "odd ids": b'{"id": {"a": 1}, "type": ["x"], "data": 3, "order_id": -1.5}',
    "bare id": b'{"id": 12}',
    "huge number": b'{"id": ' + b"9" * 5_000 + b"}",
    "nan": b'{"id": 1, "total_price": NaN}',
    "lone surrogate": b'{"id": "evt_1", "type": "invoice.paid", "note": "\\ud800"}',
    "lone surrogate as id": b'{"id": "\\ud800", "type": "\\ud800", "date_modified_gmt": "\\ud800"}',
    "stray byte": b'{"id": 12, "type": "invoice.paid", "note": "\xe9"}',
    "nul": b'{"id": "\\u0000", "type": "\\u0000"}',
}


@every_shop
@pytest.mark.parametrize("case", NO_ORDERS)
async def test_signed_json_that_is_no_order_is_kept_for_a_person(here: Here, shop: str, case: str) -> None:
    answer = await here.send(NO_ORDERS[case], A_SALE[shop][2], shop=shop)
    assert answer.status_code == 200, answer.text
    assert (await stored(here))["event"] == 1
    if answer.json()["status"] == "ignored":
        assert answer.json()["reason"]
        return
    key = answer.json()["order"]
    state = await here.state(key)
    if "state" not in state:
        state = await here.sync(key)
    assert state["state"] in ("attention", "ignored", "waiting")
    assert state["reason"]
    assert "bug" not in state["reason"]


@every_shop
@pytest.mark.parametrize("value", [b"", b"\xff\xe9", b"orders/unheard-of", b"a" * 2_000])
async def test_odd_topics_never_break_it(here: Here, shop: str, value: bytes) -> None:
    body, topic = sale(shop)
    signed = REGISTRY[SHOPS[shop]].sign(body, SECRETS[shop][0], topic, "d1", datetime.now(UTC))
    headers = [
        (k.encode(), value if "topic" in k or "webhook-id" in k else v.encode()) for k, v in signed.items()
    ]
    answer = await here.shops.post(f"/webhooks/{shop}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert (await stored(here))["event"] == 1


async def test_half_an_emoji_costs_nobody_an_invoice(here: Here) -> None:
    """An app that cuts titles by UTF-16 units leaves one; a 400 would cost the order, then the webhook."""
    cut = item("12.00") | {"title": "Bougie \ud83d", "sku": "B\ud83d"}
    body = json.dumps(shopify_order(7, [cut], note="\ud83d", tags="\ud83d")).encode()
    assert b"\\ud83d" in body
    key = (await here.send(body)).json()["order"]
    assert (await here.sync(key))["state"] == "done"
    assert here.invoices(key)[0].items[0].values["title"].startswith("Bougie")


# --- 503


async def test_a_full_redis_is_503_and_the_same_delivery_is_accepted_later(here: Here, redis: Any) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        answer = await here.send(shopify_order(1), delivery="d1")
        assert "again" in refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        ready = await here.shops.get("/readyz")
        assert (ready.status_code, "it is full" in ready.json()["reason"]) == (503, True)
    finally:
        await redis.config_set("maxmemory", 0)
    assert await stored(here) == NOTHING
    await here.accept(shopify_order(1), delivery="d1")
    assert (await here.shops.get("/readyz")).status_code == 200


async def test_a_redis_that_is_away_is_503_and_the_same_delivery_is_accepted_later(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path)
    await asyncio.to_thread(first.start)
    try:
        async with bridge_here(first.url) as here:
            await here.accept(shopify_order(1), delivery="d1")
            await asyncio.to_thread(first.stop)
            answer = await here.send(shopify_order(2), delivery="d2")
            refused(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
            assert (await here.shops.get("/readyz")).status_code == 503
            assert (await here.shops.get("/livez")).status_code == 200
            health = await here.shops.get("/health")
            assert (health.status_code, health.json()["checks"]["redis"]["status"]) == (503, "fail")
            assert (await here.shops.get("/metrics")).status_code == 200
            second = EmbeddedValkey(tmp_path)
            await asyncio.to_thread(second.start)
            try:
                await here.accept(shopify_order(2), delivery="d2")
                again = await here.send(shopify_order(1), delivery="d1")
                assert again.json()["status"] == "duplicate"
            finally:
                await asyncio.to_thread(second.stop)
    finally:
        await asyncio.to_thread(first.stop)


# --- nothing leaks


@pytest.mark.parametrize("content", [b'{"id": "marker-12345"', b'{"id": "marker-12345"}'])
async def test_an_answer_never_repeats_the_payload(here: Here, content: bytes) -> None:
    for secret in ("", "another-secret-12345678"):
        answer = await here.send(content, secret=secret)
        assert "marker-12345" not in answer.text
        assert "secret" not in answer.text


async def test_a_bug_of_ours_is_500_without_a_stack_trace(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a detail that nobody outside should read")

    monkeypatch.setattr(type(here.services.store), "record", broken)
    assert refused(await here.send(shopify_order(1)), 500) == "internal error"


# --- on a real port


@asynccontextmanager
async def on_a_port(here: Here) -> AsyncIterator[int]:
    sock, stop = listen("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_web(here.services, sock, stop))
    try:
        yield sock.getsockname()[1]
    finally:
        stop.set()
        await serving


async def raw(port: int, parts: Iterable[bytes], *, keep_open: bool = False) -> bytes:
    """Writes the parts of a request as they are; returns the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if not keep_open:
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.readuntil(b"\r\n\r\n")
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_chunked_body_is_refused_while_it_comes(here: Here) -> None:
    head = b"POST /webhooks/boutique HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    async with on_a_port(here) as port:
        # The body never ends: the answer must come all the same.
        answer = await raw(port, [head, chunk, chunk, chunk, chunk], keep_open=True)
    assert answer.startswith(b"HTTP/1.1 413")
    assert await stored(here) == NOTHING


async def test_a_body_that_drips_is_408(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.2)
    head = b"POST /webhooks/boutique HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    async with on_a_port(here) as port:
        answer = await raw(port, [head], keep_open=True)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()
    assert await stored(here) == NOTHING


async def test_a_shop_that_hangs_up_leaves_nothing(here: Here) -> None:
    head = b"POST /webhooks/boutique HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    async with on_a_port(here) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        await writer.drain()
        writer.close()

        async def serves() -> bool:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/livez")).status_code == 200

        await until(serves)
    assert await stored(here) == NOTHING


async def test_a_signed_sale_over_tcp(here: Here) -> None:
    body, topic = sale("abonnements")
    headers = REGISTRY["stripe"].sign(body, SECRETS["abonnements"][0], topic, "", datetime.now(UTC))
    async with on_a_port(here) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as shop:
        answer = await shop.post("/webhooks/abonnements", content=body, headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "part", [b"GET /livez?a=", b"GET /livez HTTP/1.1\r\nx-a: ", b"POST /webhooks/boutique HTTP/1.1\r\nx-a: "]
)
async def test_a_head_without_end_is_refused_while_it_comes(here: Here, part: bytes) -> None:
    async with on_a_port(here) as port:
        answer = await raw(port, [part, *[b"x" * 0x8000] * 200], keep_open=True)
        assert answer[:12] in (b"", b"HTTP/1.1 431", b"HTTP/1.1 400")  # hung up, told, or told by llhttp
        head = b"GET /livez HTTP/1.1\r\nx-a: " + b"x" * 30_000 + b"\r\n\r\n"
        assert (await raw(port, [head])).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\nx-a: "])
async def test_who_is_slow_to_ask_is_let_go(
    here: Here, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    async with on_a_port(here) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        # A second request on one connection, too; between requests uvicorn's own time holds.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b'{"status":"pass"}')
        writer.write(b"GET /livez HT")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_bodies_that_drip_hold_nobody_up(here: Here) -> None:
    head = b"POST /webhooks/boutique HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    body = as_body(shopify_order(1))
    signed = REGISTRY["shopify"].sign(body, SECRETS["boutique"][0], "orders/paid", "d1", datetime.now(UTC))
    async with on_a_port(here) as port, httpx.AsyncClient() as shop:
        dripping = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        for _, writer in dripping:
            writer.write(head)
            await writer.drain()
        began = time.monotonic()
        answer = await shop.post(
            f"http://127.0.0.1:{port}/webhooks/boutique", content=body, headers=signed, timeout=10
        )
        assert answer.status_code == 200
        assert time.monotonic() - began < web.BODY_SECONDS / 3, "it waited for them"
        for reader, writer in dripping:
            assert not reader.at_eof()
            writer.close()
