"""How many orders one worker invoices in a second, against a plain arq worker that only does the POST.

Both work off a full queue, on one core, against the same sandbox on the other. What the plain one leaves out
is everything that makes it safe: the order's events, the ledger's intent and fact, the quota, the customer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median

import httpx
import psutil

from bench.child import Child, child
from bench.ground import OTHER_CORE, SERVER_CORE, Ground
from bench.orders import SHOP, Orders
from bench.servers import usual_queue
from bench.table import Cell, Goal, Table
from bridge.billing.documents import documents_for
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import Rules
from bridge.facturation.fields import invoice_fields
from bridge.orders import Event, Order, legal_date
from bridge.runtime.wiring import connect
from bridge.sources.registry import REGISTRY
from bridge.store.store import Store

ROUNDS = 5
ORDERS = 300
WARM = 60
"""Orders before the clock starts: imports, connections, the customer."""


def run(ground: Ground) -> list[Table]:
    """Rounds of the two in turn, a fresh queue for each."""
    found: dict[str, list[tuple[float, ...]]] = {"arq + one POST": [], "bridge": []}
    for _ in range(ROUNDS):
        for name, rates in found.items():
            ground.clear()
            rates.append(_bridge(ground) if name == "bridge" else _plain(ground))
    rows: list[Sequence[Cell]] = [
        (name, *(round(median(one[at] for one in rounds)) for at in range(4)))
        for name, rounds in found.items()
    ]
    pairs = zip(found["bridge"], found["arq + one POST"], strict=True)
    goals = [Goal("of arq + one POST", median(ours[0] / theirs[0] for ours, theirs in pairs), 0.6, 0.8)]
    headings = ("worker", "orders/s", "its CPU µs", "Valkey CPU µs", "sandbox CPU µs")
    return [Table("worker: orders off a full queue", headings, rows, goals)]


def _bridge(ground: Ground) -> tuple[float, ...]:
    with ExitStack() as stack:
        sandbox = stack.enter_context(child("servers:sandbox", OTHER_CORE))
        url = sandbox.hear()["url"]
        asyncio.run(_fill(ground))
        environ = ground.environ(api=url)
        worker = stack.enter_context(child("servers:bridge", SERVER_CORE, role="worker", environ=environ))
        return _timed(ground, worker, sandbox)


async def _fill(ground: Ground) -> None:
    """Orders of one buyer, as the web role would have stored them."""
    redis = connect(ground.url)
    store, orders, source = Store(redis, retention=timedelta(days=90)), Orders(), REGISTRY["shopify"]
    await store.open()
    await store.set_shop_verdict(f"shopify:{SHOP}:", clean=True)
    await store.keep_archived_customers({})
    for n in range(WARM + ORDERS):
        body = orders.body(n, 0)
        headers = {"x-shopify-topic": "orders/paid", "x-shopify-webhook-id": f"{n:032x}"}
        await store.record(SHOP, "shopify", source.identify(SHOP, headers, body), {}, body)
    await redis.aclose(close_connection_pool=True)


def _plain(ground: Ground) -> tuple[float, ...]:
    with ExitStack() as stack:
        sandbox = stack.enter_context(child("servers:sandbox", OTHER_CORE))
        url = sandbox.hear()["url"]
        asyncio.run(_enqueue(ground, url))
        worker = stack.enter_context(
            child("servers:usual_worker", SERVER_CORE, redis_url=ground.url, api=url)
        )
        return _timed(ground, worker, sandbox)


async def _enqueue(ground: Ground, url: str) -> None:
    """The same invoices as jobs."""
    login = httpx.BasicAuth("4242", "sandbox-key")
    async with httpx.AsyncClient(base_url=f"{url}/firms/1", auth=login) as http:
        buyer = {"last_name": "Martin", "individual": True, "country": "FR"}
        customer = (await http.post("/customers.json", json=buyer)).raise_for_status().json()["id"]
    queue, orders, source = usual_queue(ground.url), Orders(), REGISTRY["shopify"]
    now = datetime.now(UTC)
    for n in range(WARM + ORDERS):
        event = Event(id=str(n), topic="orders/paid", body=orders.body(n, 0), received_at=now)
        order = source.fold(SHOP, orders.key(n), [event])
        assert isinstance(order, Order)
        invoice = documents_for(order, Rules(), UNKNOWN).invoice
        assert invoice is not None
        await queue.enqueue_job("invoice", invoice_fields(invoice, customer, legal_date(now)))
    await queue.aclose(close_connection_pool=True)


def _timed(ground: Ground, worker: Child, sandbox: Child) -> tuple[float, ...]:
    """Orders a second, and the CPU of worker, Valkey and sandbox for each, in µs."""
    pids = (worker.pid, int(ground.info("server")["process_id"]), sandbox.pid)
    processes = [psutil.Process(pid) for pid in pids]

    def spent() -> list[float]:
        return [sum(process.cpu_times()[:2]) for process in processes]

    for _ in range(WARM):
        began = sandbox.hear()["at"]
    before = spent()
    for _ in range(ORDERS):
        ended = sandbox.hear()["at"]
    costs = [(now - then) / ORDERS * 1e6 for then, now in zip(before, spent(), strict=True)]
    return (ORDERS / (ended - began), *costs)
