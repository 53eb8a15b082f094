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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
from pydantic import SecretStr

from bridge.runtime.roles import serve_web, serve_worker
from bridge.runtime.server import listen
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import Sandbox, SandboxConfig, create_sandbox, serve_sandbox
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.sources.base import Sample, Source
from bridge.sources.registry import REGISTRY
from bridge.valkey.embedded import EmbeddedValkey

PATIENCE = 20.0
"""Seconds the demo waits for its invoices before it says that something is wrong."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the demo's table. `key`: of the order that the sale became."""

    source: Source
    sale: Sample
    key: str
    answers: tuple[str, ...]
    milliseconds: float = 0.0
    invoices: int = 0
    invoice: str = "none"
    total: Decimal | None = None
    customer: str = ""

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
        source.sample(datetime.now(UTC)).shop: ShopSettings(
            platform=platform, secrets=(SecretStr(keys[platform]),)
        )
        for platform, source in REGISTRY.items()
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
    keys = {platform: secrets.token_hex(16) for platform in REGISTRY}
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
        await services.calibrator.tend()
        web = asyncio.create_task(serve_web(services, sock, stop))
        worker = asyncio.create_task(serve_worker(services, stop))
        progress("a signed order of each platform, each twice")
        done(await _send_all(services, sandbox.state.sandbox, url, keys, token))
        if keep:
            await stop.wait()
        stop.set()
        await asyncio.gather(web, worker)


async def _send_all(
    services: Services, sandbox: Sandbox, url: str, keys: Mapping[str, str], token: str
) -> Demonstration:
    began, known = time.perf_counter(), sandbox.requests_received
    now = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=url, timeout=10) as shop:
        rows = [await _send(shop, sandbox, REGISTRY[name], secret, now) for name, secret in keys.items()]
    # Late duplicates could still do harm: look again when nothing is left to do.
    async with asyncio.timeout(PATIENCE):
        while (await services.store.vitals()).waiting:  # noqa: ASYNC110 - it waits on another process's state
            await asyncio.sleep(0.02)
    shown = tuple(_seen(row, sandbox) for row in rows)
    seconds = time.perf_counter() - began
    return Demonstration(shown, sandbox.requests_received - known, seconds, url, token)


async def _send(
    shop: httpx.AsyncClient, sandbox: Sandbox, source: Source, secret: str, now: datetime
) -> Shown:
    """Sends the platform's sample twice, and waits for what becomes of it."""
    sale = source.sample(now)
    began = time.perf_counter()
    headers = source.sign(sale.body, secret, sale.topic, f"demo-{sale.number}", now)
    told = [
        (await shop.post(f"/webhooks/{sale.shop}", content=sale.body, headers=headers)).json()
        for _ in range(2)
    ]
    answers = tuple(each.get("status", "refused") for each in told)
    sent = Shown(source=source, sale=sale, key=told[0].get("order", ""), answers=answers)
    while not _seen(sent, sandbox).invoices and time.perf_counter() - began < PATIENCE:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return replace(sent, milliseconds=(time.perf_counter() - began) * 1000)


def _seen(row: Shown, sandbox: Sandbox) -> Shown:
    """The row with what the sandbox holds for its sale."""
    mine = [invoice for invoice in sandbox.invoices if invoice.values["api_custom"] == row.key]
    first = mine[0] if mine else None
    return replace(
        row,
        invoices=len(mine),
        invoice=f"F{first.invoice_ref}" if first and first.invoice_ref else "draft" if first else "none",
        total=first.totals.total_with_vat if first and first.invoice_ref else None,
        customer=first.customer_identity if first else "",
    )
