"""A burst of 400 orders against a quota that is too small for it, in real time: two workers, and the API's
windows of five minutes.

The ideal is what one would reach who knew the limit, used all of it, and lost no time when a window opens
again: the burst's own pace, measured without a limit, and the five minutes that nobody can get around.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import uvloop
from starlette.types import Message, Receive, Scope, Send

from bench.child import child, die_with_parent, say
from bench.ground import OTHER_CORE, SERVER_CORE, Ground, ground
from bench.orders import SHOP, Orders
from bench.table import Cell, Goal, Table
from bridge.runtime.server import listen, serve
from bridge.runtime.wiring import connect
from bridge.sandbox import SandboxConfig, create_sandbox
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store

ORDERS = 400
WINDOW = 300.0
PLENTY = 10**6


@dataclass(frozen=True, slots=True)
class Case:
    """`real`: the firm's limit of five minutes; `told`: what the bridge is configured with. `new`: so many of
    the buyers are new, which costs three requests in place of one."""

    name: str
    real: int
    told: int
    new: int

    def unlimited(self) -> Case:
        return Case(self.name, PLENTY, PLENTY, self.new)


CASES = (
    Case("600, as configured; half of the buyers new", 600, 600, ORDERS // 2),
    Case("250, though 600 are configured; all known", 250, 600, 0),
)


@dataclass(frozen=True, slots=True)
class Lived:
    """How long the burst took, and the requests it cost."""

    seconds: float
    requests: int
    refused: int


def run(_: Ground) -> list[Table]:
    """All cases at the same time: they mostly wait."""
    paces = [_live(case.unlimited()) for case in CASES]
    with ThreadPoolExecutor() as threads:
        lives = list(threads.map(_live, CASES))
    rows: list[Sequence[Cell]] = []
    goals = []
    for case, pace, lived in zip(CASES, paces, lives, strict=True):
        ideal = ideal_seconds(case, pace, lived)
        times = (round(seconds, 1) for seconds in (lived.seconds, ideal, pace.seconds))
        rows.append((case.name, lived.requests, lived.refused, *times))
        goals.append(
            Goal(f"{case.real}: of the ideal time", lived.seconds / ideal, 1.1, 1.02, at_least=False)
        )
        share = 100 * lived.refused / lived.requests
        goals.append(Goal(f"{case.real}: % refused", share, 2, 0, at_least=False))
    headings = ("limit in 5 minutes", "requests", "refused", "seconds", "ideal", "without a limit")
    return [Table(f"burst: {ORDERS} orders, two workers", headings, rows, goals)]


def ideal_seconds(case: Case, pace: Lived, lived: Lived) -> float:
    """Seconds that nobody could do without."""
    needed = lived.requests - lived.refused
    windows = (needed - 1) // case.real
    return windows * WINDOW + pace.seconds * (needed - windows * case.real) / needed


def _live(case: Case) -> Lived:
    with ground() as here, ExitStack() as stack:
        firm = stack.enter_context(child("burst:firm", OTHER_CORE, per_5_minutes=case.real))
        environ = here.environ(api=firm.hear()["url"], per_5_minutes=case.told)
        for core in (SERVER_CORE, OTHER_CORE):
            stack.enter_context(child("servers:bridge", core, role="worker", environ=environ))
        asyncio.run(_record(here, [0], first=0))
        firm.hear()  # the first order is invoiced: who everybody knows is known, and all is loaded
        asyncio.run(_both_alive(here))
        began = time.perf_counter()
        buyers = [max(0, n + 1 - (ORDERS - case.new)) for n in range(ORDERS)]
        asyncio.run(_record(here, buyers, first=1))
        for _ in range(ORDERS):
            last = firm.hear()
        return Lived(last["at"] - began, last["requests"], last["refused"])


async def _both_alive(here: Ground) -> None:
    redis = connect(here.url)
    store = Store(redis, retention=timedelta(days=90))
    while (await store.vitals()).workers < 2:  # noqa: ASYNC110 - other processes set no event of ours
        await asyncio.sleep(0.05)
    await redis.aclose(close_connection_pool=True)


async def _record(here: Ground, buyers: Sequence[int], *, first: int) -> None:
    """An order of each of these buyers, as the web role would have stored it."""
    redis = connect(here.url)
    store, orders, source = Store(redis, retention=timedelta(days=90)), Orders(), REGISTRY["shopify"]
    await store.open()
    await store.set_shop_verdict(f"shopify:{SHOP}:", clean=True)
    await store.keep_archived_customers({})

    async def one(n: int, buyer: int) -> None:
        body = orders.body(n, buyer)
        headers = {"x-shopify-topic": "orders/paid", "x-shopify-webhook-id": f"{n:032x}"}
        await store.record(SHOP, "shopify", source.identify(SHOP, headers, body), {}, body)

    await asyncio.gather(*(one(n, buyer) for n, buyer in enumerate(buyers, first)))
    await redis.aclose(close_connection_pool=True)


def firm(per_5_minutes: int) -> None:
    """Facturation.pro's sandbox with this limit; says its address, then with each invoice: when, the requests
    it has had by then, and how many of them it refused."""

    async def serve_it() -> None:
        api = create_sandbox(SandboxConfig(requests_per_5_minutes=per_5_minutes, requests_per_day=10**7))
        refused = 0

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            status = 0

            async def sent(message: Message) -> None:
                nonlocal status
                status = message.get("status", status)
                await send(message)

            await api(scope, receive, sent)
            nonlocal refused
            refused += status == 429
            if scope["method"] == "POST" and scope["path"].endswith("/invoices.json") and status == 201:
                requests = api.state.sandbox.requests_received
                say({"at": time.perf_counter(), "requests": requests, "refused": refused})

        sock = listen("127.0.0.1", 0)
        say({"url": f"http://127.0.0.1:{sock.getsockname()[1]}"})
        await serve(app, sock, asyncio.Event())

    die_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_it())
