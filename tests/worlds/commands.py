"""The console script as processes of their own. Their output goes to files: nobody waits at a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from bridge.sources import shopify
from tests.builders.shopify import as_body
from tests.worlds.in_process import SECRETS, SHOPS
from tests.worlds.waiting import until

ROOT = Path(__file__).resolve().parents[2]
BRIDGE = Path(sys.executable).parent / "bridge"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Running:
    """A command that serves."""

    process: asyncio.subprocess.Process
    err: Path

    @property
    def said(self) -> str:
        """What it wrote to stderr so far."""
        return self.err.read_text()

    async def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 20) -> int:
        """Signals it and waits for its end; returns its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), within)


def environment(**more: str) -> dict[str, str]:
    """Nothing of the tester's own, and the code of this checkout, wherever `bridge` is installed from."""
    said = {"HOME": "/nonexistent", "COLUMNS": "200", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return {"PATH": os.environ["PATH"], **said, **more}


@asynccontextmanager
async def running(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    """Starts `bridge …`; at the end nothing of it is left."""
    out, err = cwd / "stdout", cwd / "stderr"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = await asyncio.create_subprocess_exec(
            *(str(BRIDGE), *args),
            cwd=cwd,
            env=environment(**(env or {})),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            start_new_session=True,
        )
    try:
        yield Running(process, err)
    finally:
        # Its Valkey is a session of its own and would outlive it.
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def bridge(*args: str, cwd: Path, env: Mapping[str, str] | None = None, within: float = 40) -> Ended:
    """Runs `bridge …` to its end."""
    async with running(*args, cwd=cwd, env=env) as command:
        status = await asyncio.wait_for(command.process.wait(), within)
    return Ended(status, (cwd / "stdout").read_text(), (cwd / "stderr").read_text())


def write_config(folder: Path, *, api_url: str, **top: str | int) -> None:
    """bridge.toml with three shops."""
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in top.items()]
    lines += ["[facturation]", "firm_id = 1", 'api_id = "4242"', 'api_key = "sandbox-key"']
    lines += ['contact = "ops@example.com"', f'base_url = "{api_url}"']
    for name, platform in SHOPS.items():
        secrets = ", ".join(f'"{secret}"' for secret in SECRETS[name])
        lines += [f"[shops.{name}]", f'platform = "{platform}"', f"secrets = [{secrets}]"]
    (folder / "bridge.toml").write_text("\n".join(lines) + "\n")


async def answering(url: str, command: Running) -> None:
    """Waits until it is ready to take an order."""

    async def ready() -> bool:
        assert command.process.returncode is None, command.said
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    await until(ready, f"{url} answers: {command.said}", within=30)


async def send(url: str, order: dict[str, Any]) -> dict[str, str]:
    """One signed order, always the same delivery; the answer."""
    body = as_body(order)
    headers = shopify.sign(body, SECRETS["boutique"][0], "orders/paid", f"d{order['id']}", datetime.now(UTC))
    async with httpx.AsyncClient() as shop:
        answer = await shop.post(f"{url}/webhooks/boutique", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    said: dict[str, str] = answer.json()
    return said
