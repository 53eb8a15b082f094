"""The console speaks one language at a time: the reader's."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from redis.asyncio import Redis

from bridge.texts import cure_of, text_of
from tests.builders.shopify import item, shopify_order, shopify_refund
from tests.console.test_console import PAGES
from tests.worlds.console import ConsoleServer, console_server, csrf_in

OPEN = {"meta", "link", "input", "br", "path"}
SAME_IN_BOTH = {"code", "pre", "script", "time"}
"""What is no sentence, or none of ours."""
KEY = re.compile(r"(?:check|what|did|do|alert|state|status|order|overview)\.[a-z_-]+")
"""Of a text that is missing."""


class Sentences(HTMLParser):
    """What a person reads of a page, bit by bit, and the attributes that are read aloud or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipped: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [given[name] or "" for name in ("aria-label", "placeholder", "title") if name in given]
        if tag not in OPEN:
            language = "lang" in given and tag != "html"
            self._skipped.append(language or tag in SAME_IN_BOTH or any(self._skipped))

    def handle_endtag(self, tag: str) -> None:
        if tag not in OPEN:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._skipped):
            self.found.append(" ".join(data.split()))


def read(page: str) -> list[str]:
    reader = Sentences()
    reader.feed(page)
    return reader.found


def sentences(page: str) -> set[str]:
    """Parts of them, of three words or more."""
    parts = [part.strip() for said in read(page) for part in re.split(r"[:;.,()«»]", said)]
    return {part for part in parts if len(re.findall(r"[^\W\d_]{2,}", part)) >= 3}


async def page_in(console: ConsoleServer, path: str, lang: str = "fr") -> str:
    return (await console.http.get(path, headers={"Accept-Language": lang})).text


@pytest.fixture
async def console(redis: Redis, redis_url: str) -> AsyncIterator[ConsoleServer]:
    async with console_server(redis_url) as opened:
        yield opened


async def test_a_held_order_says_why_and_what_to_do(console: ConsoleServer) -> None:
    key = await console.order_with_a_difference(1042)
    (row,) = (await console.desk.orders(state="attention")).rows
    await console.log_in()
    for lang, amounts in (("en", ("12.34 EUR", "15.84", "+3.50")), ("fr", ("12,34 EUR", "15,84", "+3,50"))):
        said, cure = text_of(row.reason, lang), cure_of(row.reason, lang)
        assert all(amount in said for amount in amounts)
        for path in ("/console", "/console/orders", f"/console/orders/{key}"):
            shown = html.unescape(await page_in(console, path, lang))
            assert said in shown
            assert (cure in shown) is (path != "/console/orders")


async def test_what_was_not_done_is_said_in_the_readers_language(console: ConsoleServer) -> None:
    key = await console.done_order(9)
    await console.log_in()
    form = {"csrf": csrf_in(await page_in(console, f"/console/orders/{key}")), "action": "accept"}
    answer = await console.http.post(f"/console/orders/{key}", data=form, headers={"Accept-Language": "fr"})
    assert answer.status_code == 409
    assert f"aucun document de la commande {key} n’a un autre total que celui attendu" in answer.text


async def furnish(opened: ConsoleServer) -> list[str]:
    """Orders in every state, what people did, alerts, an ignored event; the pages that show them."""
    key = await opened.order_with_a_difference(1042)
    await opened.desk.accept(key, "Ada")
    await opened.settled(key)
    refunded = shopify_order(1060, [item("24.90", quantity=3)])
    await opened.settled(await opened.here.accept(refunded))
    await opened.here.accept(shopify_refund(refunded, 501, "24.90", {1: 1}), "refunds/create")
    odd = await opened.here.accept(shopify_order(1061, currency="XXX", presentment_currency="XXX"))
    unpaid = await opened.here.accept(shopify_order(1062, financial_status="pending"), "orders/create")
    test = await opened.here.accept(shopify_order(1063, test=True))
    for reached, state in ((odd, "attention"), (unpaid, "open"), (test, "ignored")):
        await opened.settled(reached, state)
    assert (await opened.here.send({"id": 9}, topic="carts/update")).status_code == 200
    await opened.refuse("abonnements", 12)
    await opened.judge()
    events = [f"/console/events/{event.id}" for event in (await opened.desk.events()).rows]
    orders = [f"/console/orders/{order.key}" for order in (await opened.desk.orders()).rows]
    return [*PAGES, *orders, *events]


async def test_no_sentence_is_the_same_in_both_languages(console: ConsoleServer) -> None:
    paths = await furnish(console)
    await console.log_in()
    for path in paths:
        french, english = [await page_in(console, path, lang) for lang in ("fr", "en")]
        assert sentences(french) & sentences(english) == set(), path
        assert not any(KEY.fullmatch(said) for said in read(french)), path
        assert "Reason(" not in french, path


async def test_redis_away_is_said_in_the_readers_language(redis_url: str, redis: Redis) -> None:
    async with console_server(redis_url, work=False) as opened:
        await opened.log_in()
        pool = opened.here.redis.connection_pool
        pool.connection_kwargs["path"] = "/nowhere.sock"
        for connection in (*pool._available_connections, *pool._in_use_connections):
            connection.path = "/nowhere.sock"
        await pool.disconnect()
        french = await page_in(opened, "/console")
        assert "rien n’écoute à son adresse : démarrez-le, ou corrigez redis_url" in french
        assert sentences(french) & sentences(await page_in(opened, "/console", "en")) == set()


@pytest.mark.parametrize(
    ("query", "accepted", "heading"),
    [
        ("", "de", "Connexion"),
        ("", "en-GB", "Sign in"),
        ("?lang=xx", "fr", "Sign in"),
        ("?lang=fr", "en", "Connexion"),
    ],
)
async def test_who_wishes_for_no_language_of_ours_is_spoken_to_in_the_operators(
    redis: Redis, redis_url: str, query: str, accepted: str, heading: str
) -> None:
    async with (
        console_server(redis_url, work=False, language="fr") as opened,
        httpx.AsyncClient() as stranger,
    ):
        page = await stranger.get(f"{opened.url}/console/login{query}", headers={"Accept-Language": accepted})
        assert f'<h1 class="sr">{heading}</h1>' in page.text
