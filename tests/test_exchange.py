"""The reference rates of the European Central Bank: asked for once, kept, and never too old."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.runtime.server import listen, serve
from bridge.sync.exchange import rates_in
from tests.builders.stripe import event, invoice
from tests.worlds.in_process import bridge_here

FILE = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
  xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time='{on}'><Cube currency='USD' rate='1.16'/><Cube currency='JPY' rate='181.23'/></Cube></Cube>
</gesmes:Envelope>"""


@dataclass(slots=True)
class Bank:
    """Serves the rates of one day."""

    on: date
    status: int = 200
    asked: int = field(default=0)

    async def file(self, _: Request) -> Response:
        self.asked += 1
        return Response(FILE.format(on=self.on.isoformat()), self.status)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        app = Starlette(routes=[Route("/daily.xml", self.file)])
        sock, stop = listen("127.0.0.1", 0), asyncio.Event()
        serving = asyncio.create_task(serve(app, sock, stop))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}/daily.xml"
        finally:
            stop.set()
            await serving


async def notes_of(bank: Bank, redis_url: str, *numbers: int) -> tuple[dict[str, str], list[str]]:
    """How the last of these orders in dollars rests, and what their invoices say."""
    async with bank.served() as url:
        changed = {"foreign_currency": "rate"}
        async with bridge_here(redis_url, abonnements=changed, top={"ecb_url": url}) as here:
            state: dict[str, str] = {}
            for number in numbers:
                body = json.dumps(event("invoice.paid", invoice(number, currency="usd"), number)).encode()
                state = await here.sync(await here.accept(body, "invoice.paid", shop="abonnements"))
            return state, [made.as_json()["information"] for made in here.sandbox.invoices]


def today() -> date:
    return datetime.now(UTC).date()


@pytest.mark.usefixtures("redis")
async def test_the_bank_is_asked_once_for_many_orders(redis_url: str) -> None:
    bank = Bank(today() - timedelta(days=1))
    state, notes = await notes_of(bank, redis_url, 1, 2)
    assert state["state"] == "done"
    assert len(notes) == 2
    assert all("TVA en euros : 5,00 € à 20 % (1 EUR = 1,16 USD" in note for note in notes)
    assert f"du {bank.on:%d/%m/%Y}" in notes[0]
    assert bank.asked == 1


@pytest.mark.usefixtures("redis")
async def test_rates_that_are_too_old_are_none(redis_url: str) -> None:
    state, notes = await notes_of(Bank(today() - timedelta(days=7)), redis_url, 1)
    assert (state["state"], notes) == ("attention", [])
    assert "no rate for USD within five days" in state["reason"]


@pytest.mark.usefixtures("redis")
async def test_a_bank_that_is_away_is_asked_again_later(redis_url: str) -> None:
    state, notes = await notes_of(Bank(today(), status=503), redis_url, 1)
    assert (state["state"], notes) == ("waiting", [])
    assert "European Central Bank" in state["reason"]


def test_files_of_one_day_and_of_many_are_read() -> None:
    two = FILE.format(on="2026-11-27") + FILE.format(on="2026-11-26").replace("'", '"')
    both = {"USD": "1.16", "JPY": "181.23"}
    assert rates_in(two) == {date(2026, 11, 27): both, date(2026, 11, 26): both}
    assert rates_in("<html>not found</html>") == {}
