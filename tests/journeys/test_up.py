"""`bridge up` with its own Valkey, as a process: orders in, stopped, killed, started again."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox import Fault, FaultKind, Sandbox
from bridge.sandbox.records import Invoice
from tests.builders.shopify import shopify_order
from tests.worlds.commands import Running, answering, running, send, write_config
from tests.worlds.in_process import SECRETS, served
from tests.worlds.ports import free_port
from tests.worlds.waiting import until


def sold(sandbox: Sandbox) -> list[Invoice]:
    """Its documents but for calibration's own drafts."""
    keys = (invoice.values["api_custom"] or "" for invoice in sandbox.invoices)
    pairs = zip(keys, sandbox.invoices, strict=True)
    return [invoice for key, invoice in pairs if not key.startswith("bridge:calibration:")]


async def invoiced(sandbox: Sandbox, count: int, command: Running) -> None:
    await until(lambda: len(sold(sandbox)) == count, f"{count} invoices: {command.said}", within=30)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_what_was_acknowledged_is_found_again(tmp_path: Path, end: signal.Signals) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with served() as (api_url, sandbox):
        write_config(tmp_path, api_url=api_url, port=port)
        sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=500, method="GET", count=None))
        async with running("up", cwd=tmp_path) as command:
            await answering(url, command)
            assert (await send(url, shopify_order(1)))["status"] == "accepted"
            status = await command.stop(end)
            assert status == (0 if end is signal.SIGTERM else -signal.SIGKILL), command.said
        assert not sold(sandbox)
        sandbox.faults.clear()
        async with running("up", cwd=tmp_path) as command:
            await answering(url, command)
            await invoiced(sandbox, 1, command)
            assert (await send(url, shopify_order(1)))["status"] == "duplicate"
            assert (await send(url, shopify_order(2)))["status"] == "accepted"
            await invoiced(sandbox, 2, command)
            assert "acheteur" not in command.said
            assert not any(secret in command.said for secret in SECRETS["boutique"])
            assert await command.stop() == 0
        keys = sorted(invoice.values["api_custom"] for invoice in sold(sandbox))
        assert keys == ["shopify:boutique:order:1", "shopify:boutique:order:2"]


async def test_two_bridges_do_not_share_a_port_or_their_data(tmp_path: Path) -> None:
    port = free_port()
    async with served() as (api_url, _):
        write_config(tmp_path, api_url=api_url, port=port)
        async with running("up", cwd=tmp_path) as first:
            await answering(f"http://127.0.0.1:{port}", first)
            second = tmp_path / "second"
            second.mkdir()
            write_config(second, api_url=api_url, port=port)
            async with running("up", cwd=second) as same_port:
                assert await same_port.process.wait() == 2
                assert "port" in same_port.said
            write_config(second, api_url=api_url, port=0, data_dir=str(tmp_path / "var"))
            async with running("up", cwd=second) as same_data:
                assert await same_data.process.wait() == 2
                assert "data_dir" in same_data.said
            assert await first.stop() == 0


async def test_web_and_worker_as_processes_of_their_own(tmp_path: Path, redis: Any, redis_url: str) -> None:
    port = free_port()
    web_dir, worker_dir = tmp_path / "web", tmp_path / "worker"
    async with served() as (api_url, sandbox):
        for folder in (web_dir, worker_dir):
            folder.mkdir()
            write_config(folder, api_url=api_url, port=port, redis_url=redis_url)
        async with running("web", cwd=web_dir) as web, running("worker", cwd=worker_dir) as worker:
            await answering(f"http://127.0.0.1:{port}", web)
            assert (await send(f"http://127.0.0.1:{port}", shopify_order(1)))["status"] == "accepted"
            await invoiced(sandbox, 1, worker)
            assert await worker.stop(within=10) == 0
            assert await web.stop(within=10) == 0
