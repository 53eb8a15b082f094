"""`bridge demo`: the whole system on this machine, and what becomes of six orders (`cases.py`).

Everything is real but Facturation.pro, whose sandbox stands in: a private Valkey, web and worker, signed
deliveries over HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
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

from bridge.billing.rules import DocumentPolicy
from bridge.demo.cases import Case, Outcome, cases
from bridge.desk.actions import Desk
from bridge.desk.values import State
from bridge.reasons import NO_REASON, Reason
from bridge.runtime.roles import serve_web, serve_worker
from bridge.runtime.server import listen
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import Sandbox, SandboxConfig, create_sandbox, serve_sandbox
from bridge.sandbox.records import Invoice
from bridge.settings.loading import FacturationSettings, Settings, ShopSettings
from bridge.valkey.embedded import EmbeddedValkey

INVOICED_SECONDS = 20.0
"""So long the demo waits for its invoices before it says that something is wrong."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the demo's table: what became of a case.

    `key`: of its order. `documents`: what the sandbox holds for it. `state`, `reason`: what the desk says.
    """

    case: Case
    key: str
    answers: tuple[str, ...]
    milliseconds: float = 0.0
    documents: tuple[Invoice, ...] = ()
    state: str = ""
    reason: Reason = NO_REASON

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        """Its invoices; one is right, unless it is held."""
        return tuple(document for document in self.documents if not document.is_credit_note)

    @property
    def credit_notes(self) -> tuple[Invoice, ...]:
        """What was given back."""
        return tuple(document for document in self.documents if document.is_credit_note)

    @property
    def total(self) -> Decimal | None:
        """Of its one invoice; None when it has none, or several."""
        return self.invoices[0].totals.total_with_vat if len(self.invoices) == 1 else None

    @property
    def right(self) -> bool:
        """It became what it should: exactly one invoice, of exactly what was paid, and …"""
        if (self.state == State.ATTENTION) is not (self.case.outcome is Outcome.HELD):
            return False
        invoiced = self.total == self.case.paid
        final = not any(document.draft for document in self.documents)
        match self.case.outcome:
            case Outcome.INVOICED:
                return invoiced and final and not self.credit_notes
            case Outcome.REFUNDED:
                given_back = sum(note.totals.total_with_vat for note in self.credit_notes)
                return invoiced and final and given_back == -self.case.paid
            case Outcome.DRAFT:
                return invoiced and not final and not self.credit_notes
            case Outcome.HELD:
                return bool(self.reason) and not self.documents


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
        case.shop: ShopSettings(
            platform=case.source.PLATFORM,
            secrets=(SecretStr(keys[case.shop]),),
            document=DocumentPolicy.DRAFT if case.outcome is Outcome.DRAFT else DocumentPolicy.FINAL,
        )
        for case in cases(datetime.now(UTC))
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
    keys = {case.shop: secrets.token_hex(16) for case in cases(datetime.now(UTC))}
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
        progress("signed orders")
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
    desk = Desk(services.store, services.settings, services.quota, services.client)
    async with httpx.AsyncClient(base_url=url, timeout=10) as shop:
        rows = [await _send(shop, desk, sandbox, case, keys[case.shop], now) for case in cases(now)]
    # Late duplicates could still do harm: look again when nothing is left to do.
    async with asyncio.timeout(INVOICED_SECONDS):
        while (await services.store.vitals()).waiting:  # noqa: ASYNC110 - it waits on another process's state
            await asyncio.sleep(0.02)
    shown = [await _seen(row, desk, sandbox) for row in rows]
    seconds = time.perf_counter() - began
    return Demonstration(tuple(shown), sandbox.requests_received - known, seconds, url, token)


async def _send(
    shop: httpx.AsyncClient, desk: Desk, sandbox: Sandbox, case: Case, secret: str, now: datetime
) -> Shown:
    """Sends what the case sends, and waits for what becomes of it."""
    began = time.perf_counter()
    told = []
    for sent in case.deliveries:
        name = hashlib.sha256(sent.body).hexdigest()[:32]
        headers = case.source.sign(sent.body, secret, sent.topic, name, now)
        answer = await shop.post(f"/webhooks/{case.shop}", content=sent.body, headers=headers)
        told.append(answer.json())
    answers = tuple(each.get("status", "refused") for each in told)
    row = Shown(case=case, key=told[0].get("order", ""), answers=answers)
    while not (await _seen(row, desk, sandbox)).right and time.perf_counter() - began < INVOICED_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return replace(row, milliseconds=(time.perf_counter() - began) * 1000)


async def _seen(row: Shown, desk: Desk, sandbox: Sandbox) -> Shown:
    """The row with what the sandbox holds for its order, and what the desk says of it."""
    story = await desk.story(row.key)
    keys = {row.key, *(document.key for document in (story.documents if story else ()))}
    documents = [each for each in sandbox.invoices if each.values["api_custom"] in keys]
    return replace(
        row,
        documents=tuple(documents),
        state=story.order.state if story else "",
        reason=story.order.reason if story else NO_REASON,
    )
