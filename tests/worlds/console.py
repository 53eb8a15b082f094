"""A bridge with its console on a real port: web, a worker, a sandbox, a real Valkey, all in this process."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from bridge.desk.actions import Desk
from bridge.runtime.roles import serve_web, serve_worker
from bridge.runtime.server import listen
from bridge.runtime.wiring import open_services
from tests.builders.shopify import item, shopify_order
from tests.worlds.in_process import Here, acquaint, served, settings_for
from tests.worlds.waiting import until

TOKEN = "ops-token-0123456789abcdef"


@dataclass(frozen=True, slots=True)
class ConsoleServer:
    """`here`: sends orders; `url`: where the console is; `browser`: an HTTP client that follows nothing."""

    here: Here
    url: str
    desk: Desk
    http: httpx.AsyncClient

    async def settled(self, key: str, state: str = "done") -> None:
        """Waits until the worker has brought the order there."""

        async def reached() -> bool:
            return (await self.here.state(key)).get("state") == state

        await until(reached, f"{key} is {state}: {await self.here.state(key)}")

    async def done_order(self, number: int, gross: str = "12.00") -> str:
        """An invoiced order of one poster."""
        key = await self.here.accept(shopify_order(number, [item(gross)]))
        await self.settled(key)
        return key

    async def order_with_a_difference(self, number: int, gross: str = "12.34") -> str:
        """An order of 15.84 whose invoice came to another total, as the ledger has it."""
        key = await self.done_order(number, "15.84")
        ledger = f"bridge:ledger:{key}"
        record = json.loads(await self.here.redis.hget(ledger, "record"))
        await self.here.redis.hset(ledger, "record", json.dumps(record | {"total": gross, "written": ""}))
        changed = shopify_order(number, [item("15.84")], updated_at="2099-01-01T00:00:00Z")
        await self.here.accept(changed, "orders/updated")
        await self.settled(key, "attention")
        return key

    async def refuse(self, shop: str, times: int) -> None:
        """So many deliveries of a stranger, written down by the notifier."""
        for _ in range(times):
            answer = await self.here.send({"id": 1}, shop=shop, secret="a-stranger-s-secret")
            assert answer.status_code == 401
        await self.here.services.notifier.step()

    async def judge(self) -> tuple[str, ...]:
        """The notifier judges now, not in half a minute; returns the keys of the alerts that stand."""
        await self.here.redis.delete("bridge:alerts:judge")
        await self.here.services.notifier.step()
        return tuple(alert.key for alert in await self.desk.alerts())

    async def log_in(self, who: str = "Ada") -> None:
        """The HTTP client has a session afterwards."""
        page = await self.http.get("/console/login")
        answer = await self.http.post(
            "/console/login", data={"csrf": csrf_in(page.text), "token": TOKEN, "who": who}
        )
        assert answer.status_code == 303, answer.text


def csrf_in(page: str) -> str:
    """The token of the page's first form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


@asynccontextmanager
async def console_server(
    redis_url: str, *, token: str = TOKEN, work: bool = True, language: str = "en"
) -> AsyncIterator[ConsoleServer]:
    """Serves until the block ends. `work`: with a worker."""
    async with served() as (api_url, sandbox):
        top = {"language": language} | ({"ops_token": SecretStr(token)} if token else {})
        settings = settings_for(Path("unused"), api_url, top=top)
        async with open_services(settings, redis_url) as services:
            await acquaint(services.store)
            sock, stop = listen("127.0.0.1", 0), asyncio.Event()
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            running = [asyncio.create_task(serve_web(services, sock, stop))]
            if work:
                running.append(asyncio.create_task(serve_worker(services, stop)))
            try:
                async with httpx.AsyncClient(base_url=url) as http:
                    desk = Desk(services.store, settings, services.quota, services.client)
                    yield ConsoleServer(Here(services, sandbox, http), url, desk, http)
            finally:
                stop.set()
                await asyncio.gather(*running)
