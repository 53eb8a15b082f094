"""`bridge demo`: the whole system on this machine, with one order of each platform, each sent twice.

Everything is real but Facturation.pro, whose sandbox stands in: a private Valkey, web and worker, signed
deliveries over HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
from pydantic import SecretStr

from bridge.demo.sales import Sale, sales
from bridge.runtime.roles import serve_web, serve_worker
from bridge.runtime.server import listen
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import Sandbox, SandboxConfig, create_sandbox, serve_sandbox
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.valkey.embedded import EmbeddedValkey

PATIENCE = 20.0
"""Seconds the demo waits for its invoices before it says that something is wrong."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the demo's table."""

    sale: Sale
    invoices: int
    invoice: str
    total: Decimal | None
    customer: str
    milliseconds: float
    answers: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Exactly one invoice, of exactly what was paid."""
        return self.invoices == 1 and self.total == self.sale.paid


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demo saw. `calls`: requests that Facturation.pro's sandbox received."""

    rows: tuple[Shown, ...]
    calls: int
    seconds: float
    url: str
    console_token: str


def _settings(data_dir: Path, api_url: str, port: int, keys: Mapping[str, str], token: str) -> Settings:
    shops = {
        sale.shop: ShopSettings(platform=sale.platform, secrets=(SecretStr(keys[sale.shop]),))
        for sale in sales(datetime.now(UTC))
    }
    return Settings(
        facturation=FacturationSettings(
            firm_id=1,
            api_id="4242",
            api_key=SecretStr("sandbox-key"),
            contact="demo@example.com",
            base_url=api_url,
        ),
        shops=shops,
        data_dir=data_dir,
        port=port,
        ops_token=SecretStr(token),
    )


async def demonstrate(
    *, keep: bool, stop: asyncio.Event, progress: Callable[[str], None], done: Callable[[Demonstration], None]
) -> None:
    """Runs the demo; calls `done` with what it saw, and with `keep` goes on serving until `stop`."""
    keys = {name: secrets.token_hex(16) for name in ("boutique", "atelier", "abonnements")}
    token = secrets.token_urlsafe(18)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-demo-")))
        progress("a private Valkey")
        valkey = EmbeddedValkey(folder)
        await asyncio.to_thread(valkey.start)
        stack.callback(valkey.stop)
        progress("the Facturation.pro sandbox")
        sandbox = create_sandbox(SandboxConfig())
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(
            serve_sandbox(SandboxConfig(), "127.0.0.1", 0, started=started.set_result, app=sandbox)
        )
        stack.callback(serving.cancel)
        progress("web and worker")
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        settings = _settings(folder, await started, sock.getsockname()[1], keys, token)
        services = await stack.enter_async_context(open_services(settings, valkey.url))
        await services.store.open()
        web = asyncio.create_task(serve_web(services, sock, stop))
        worker = asyncio.create_task(serve_worker(services, stop))
        progress("three signed orders, each twice")
        done(await _send_all(services, sandbox.state.sandbox, url, keys, token))
        if keep:
            await stop.wait()
        stop.set()
        await asyncio.gather(web, worker)


async def _send_all(
    services: Services, sandbox: Sandbox, url: str, keys: Mapping[str, str], token: str
) -> Demonstration:
    began = time.perf_counter()
    now = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=url, timeout=10) as shop:
        rows = [await _send(shop, sandbox, sale, keys[sale.shop]) for sale in sales(now)]
    # Late duplicates could still do harm: look again when nothing is left to do.
    async with asyncio.timeout(PATIENCE):
        while (await services.store.vitals()).waiting:  # noqa: ASYNC110 - it waits on another process's state
            await asyncio.sleep(0.02)
    shown = tuple(_row(row.sale, sandbox, row.milliseconds, row.answers) for row in rows)
    seconds = time.perf_counter() - began
    return Demonstration(shown, sandbox.requests_received, seconds, url, token)


async def _send(shop: httpx.AsyncClient, sandbox: Sandbox, sale: Sale, secret: str) -> Shown:
    began = time.perf_counter()
    answers = []
    for _ in range(2):
        answer = await shop.post(
            f"/webhooks/{sale.shop}",
            content=sale.body,
            headers={"Content-Type": "application/json", **sale.headers(sale.body, secret)},
        )
        answers.append(answer.json().get("status", str(answer.status_code)))
    while not _row(sale, sandbox, 0, ()).invoices and time.perf_counter() - began < PATIENCE:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return _row(sale, sandbox, (time.perf_counter() - began) * 1000, tuple(answers))


def _row(sale: Sale, sandbox: Sandbox, milliseconds: float, answers: tuple[str, ...]) -> Shown:
    """What the sandbox holds for this sale."""
    mine = [invoice for invoice in sandbox.invoices if invoice.values["api_custom"] == sale.key]
    first = mine[0] if mine else None
    return Shown(
        sale=sale,
        invoices=len(mine),
        invoice=f"F{first.invoice_ref}" if first and first.invoice_ref else "draft" if first else "none",
        total=first.totals.total_with_vat if first and first.invoice_ref else None,
        customer=first.customer_identity if first else "",
        milliseconds=milliseconds,
        answers=answers,
    )
