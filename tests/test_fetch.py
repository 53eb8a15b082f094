"""What a webhook leaves out is read from the platform's own API, when the shop has a key."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bridge.runtime.server import listen, serve
from tests.builders.stripe import event, invoice, line, tax
from tests.sources.test_fixtures import FIXTURES
from tests.worlds.in_process import bridge_here

FOLDER = FIXTURES / "woocommerce"
ORDER = (FOLDER / "order.updated__partial_refund.json").read_bytes()
ANSWER = json.loads((FOLDER / "answer__partial_refund.json").read_text())
LONG_AGO = {"invoice_from": date(2020, 1, 1)}
KEY = "ck_reader:cs_secret"


class Shop:
    """A WooCommerce that answers reads of refunds with what `answers` says, the last of them for ever."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    async def refunds(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        app = Starlette(routes=[Route("/wp-json/wc/v3/orders/{order}/refunds", self.refunds)])
        sock, stop = listen("127.0.0.1", 0), asyncio.Event()
        serving = asyncio.create_task(serve(app, sock, stop))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            stop.set()
            await serving


async def outcome_with(shop: Shop, redis_url: str, *, runs: int = 1) -> tuple[dict[str, str], int]:
    """How the refunded order is released after so many runs, and how many documents there are."""
    async with shop.served() as url:
        changed = {"platform_api_key": SecretStr(KEY), "platform_api_url": url, **LONG_AGO}
        async with bridge_here(redis_url, atelier=changed) as here:
            key = await here.accept(ORDER, "order.updated", shop="atelier")
            state: dict[str, str] = {}
            for _ in range(runs):
                state = await here.sync(key)
            return state, len(here.sandbox.invoices)


@pytest.mark.usefixtures("redis")
async def test_the_lines_of_a_refund_are_fetched_and_credited(redis_url: str) -> None:
    shop = Shop(JSONResponse(ANSWER["answer"]))
    state, documents = await outcome_with(shop, redis_url)
    assert (state["state"], documents) == ("done", 2)
    (asked,) = shop.asked
    assert f"{asked.url.path}?{asked.url.query}" == ANSWER["path"]
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(KEY.encode()).decode()


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_platform_that_is_busy_is_asked_again_later(redis_url: str, status: int) -> None:
    shop = Shop(Response(status_code=status), JSONResponse(ANSWER["answer"]))
    state, documents = await outcome_with(shop, redis_url)
    assert (state["state"], documents) == ("waiting", 0)
    assert f"answers {status}" in state["reason"]


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("status", [301, 401, 403, 404])
async def test_a_key_that_is_refused_is_a_persons_to_mend(redis_url: str, status: int) -> None:
    state, documents = await outcome_with(Shop(Response(status_code=status)), redis_url)
    assert (state["state"], documents) == ("attention", 0)
    assert "platform_api_key and platform_api_url of shop atelier" in state["reason"]
    assert KEY not in state["reason"]


POISON = b"<br />\n<b>Fatal error</b>: Uncaught Error in x.php"


@pytest.mark.parametrize("noise", [b"", b"\xef\xbb\xbf<br />\n<b>Notice</b>: array [0] {x}<br />\n"])
@pytest.mark.parametrize("bad", [POISON, b'{"code": "woocommerce_rest_cannot_view", "message": "no"}'])
async def test_an_answer_that_cannot_be_read_poisons_nothing(
    redis: Redis, redis_url: str, noise: bytes, bad: bytes
) -> None:
    good = noise + json.dumps(ANSWER["answer"]).encode()
    shop = Shop(Response(bad), Response(good))
    state, documents = await outcome_with(shop, redis_url)
    assert (state["state"] in ("waiting", "attention"), documents) == (True, 0)
    (key,) = await redis.zrange("bridge:orders", 0, -1)
    assert not await redis.exists(b"bridge:fetched:" + key)
    shown = [name async for name in redis.scan_iter("bridge:event:atelier:fetched:*")]
    assert len(shown) == (bad == POISON), "people find it among the events"
    async with shop.served() as url:
        changed = {"platform_api_key": SecretStr(KEY), "platform_api_url": url, **LONG_AGO}
        async with bridge_here(redis_url, atelier=changed) as here:
            await here.redis.zadd("bridge:due", {key: 0})
            assert (await here.sync(key.decode()))["state"] == "done"


@pytest.mark.usefixtures("redis")
async def test_a_key_is_not_led_to_another_host(redis_url: str) -> None:
    shop = Shop(RedirectResponse("https://elsewhere.example/wp-json"))
    state, _ = await outcome_with(shop, redis_url)
    assert (state["state"], "elsewhere.example" in state["reason"]) == ("attention", True)


@pytest.mark.usefixtures("redis")
async def test_an_answer_that_still_lacks_the_refund_is_not_asked_for_in_a_loop(redis_url: str) -> None:
    shop = Shop(JSONResponse([]))
    state, _ = await outcome_with(shop, redis_url)
    assert state["state"] == "attention"
    assert len(shop.asked) == 1


async def test_without_a_key_what_is_not_needed_is_done_without(redis: Redis, redis_url: str) -> None:
    small = {**line(4), "taxes": [tax(1)]}
    body = json.dumps(event("invoice.paid", invoice("1", [small]), "1")).encode()
    async with bridge_here(redis_url) as here:
        key = await here.accept(body, "invoice.paid", shop="abonnements")
        state = await here.sync(key)
    assert (state["state"], len(here.sandbox.invoices)) == ("done", 1)


async def test_without_a_key_the_missing_one_is_named(redis: Redis, redis_url: str) -> None:
    async with bridge_here(redis_url, atelier=LONG_AGO) as here:
        key = await here.accept(ORDER, "order.updated", shop="atelier")
        state = await here.sync(key)
    assert state["state"] == "attention"
    assert "platform_api_key" in state["reason"]
