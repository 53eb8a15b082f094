"""The accountant's question, as docs/accountants-question.md answers it: by terminal, and by console.

“Where is the invoice of order #1042, why is it a draft, what happened at 3 a.m.?” The night: Facturation.pro
keeps two drafts and answers 503; before the bridge finds them again a colleague has changed both by hand.
With TRANSCRIPT=file the commands and what they printed are kept.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from bridge.facturation.sandbox import Fault, FaultKind, Moment, Sandbox
from tests.console.house import TOKEN, csrf_in
from tests.journeys.here import served
from tests.journeys.orders import item, shopify_order
from tests.journeys.processes import answering, bridge, running, write_config
from tests.journeys.test_up import free_port, send
from tests.journeys.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "accountants-question.md"
AWKWARD = [item("25.41", "0.055", 28, id_=1), item("25.99", "0.1", 60, id_=2)]
"""A cart whose total depends on how Facturation.pro rounds: it is seen as a draft first. 2270.88 EUR."""
DISCOUNT = {"title": "Remise", "quantity": "-1", "unit_price": "10", "vat": "0.2"}


@dataclass(slots=True)
class Terminal:
    """What a person types, and what came of it."""

    folder: Path
    typed: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, words: str) -> str:
        """Runs `bridge <words>`; what it printed."""
        arguments = [word.strip("'") for word in words.split(" ")]
        ended = await bridge(*arguments, cwd=self.folder, env={"COLUMNS": "100", "TZ": "Europe/Paris"})
        assert ended.status == 0, ended.out + ended.err
        self.typed.append((f"bridge {words}", ended.out))
        return ended.out


async def a_bad_night(url: str, sandbox: Sandbox) -> None:
    """Two orders whose drafts were kept but not acknowledged, and changed by hand before they were found."""
    trouble = {"kind": FaultKind.STATUS, "status": 503, "count": None}
    sandbox.faults.add(Fault(method="POST", path="/invoices", moment=Moment.AFTER, **trouble))  # type: ignore[arg-type]
    sandbox.faults.add(Fault(method="GET", path="/invoices.*api_id", **trouble))  # type: ignore[arg-type]
    for number in (1042, 1043):
        await send(url, shopify_order(number, AWKWARD))
    await until(lambda: len(sandbox.invoices) == 2, "two drafts")
    for invoice in sandbox.invoices:
        assert invoice.draft
        changed = {"items": [DISCOUNT]}
        sandbox.invoice_book.update(invoice.id, changed, type_doc=None)
    sandbox.faults.clear()


def draft_of(sandbox: Sandbox, number: int) -> Any:
    return next(each for each in sandbox.invoices if each.values["api_custom"].endswith(f":{number}"))


def text_of(page: str) -> str:
    """What a person reads of it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def by_terminal(sandbox: Sandbox, terminal: Terminal, night: datetime) -> None:
    """#1042: found, understood, mended in Facturation.pro, retried."""
    draft = draft_of(sandbox, 1042)
    print(await terminal("orders show '#1042'"))
    since, to = night - timedelta(minutes=1), night + timedelta(minutes=2)
    print(await terminal(f"tail --since {since:%H:%M} --until {to:%H:%M}"))
    print(await terminal("orders list --state attention"))
    print(await terminal("alerts"))
    sandbox.invoice_book.update(draft.id, {"items": [{"id": draft.items[-1].id, "_destroy": "1"}]}, type_doc=None)
    print(await terminal("orders retry '#1042' --who marie"))
    await until(lambda: not draft_of(sandbox, 1042).draft, "final")
    print(await terminal("orders show '#1042'"))


async def test_it_is_answered_and_repaired(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with served() as (api_url, sandbox):
        write_config(tmp_path, api_url=api_url, port=port, ops_token=TOKEN)
        async with running("up", cwd=tmp_path) as command:
            await answering(url, command)
            night = datetime.now()
            await a_bad_night(url, sandbox)
            terminal = Terminal(tmp_path / "terminal")
            terminal.folder.mkdir()
            (terminal.folder / "bridge.toml").write_text((tmp_path / "bridge.toml").read_text().replace('port', f'data_dir = "{tmp_path / "var"}"\nport', 1))
            async def asking() -> bool:
                async with httpx.AsyncClient() as client:
                    answer = await client.get(f"{url}/api/orders", params={"state": "attention"}, headers={"Authorization": f"Bearer {TOKEN}"})
                return len(answer.json()["rows"]) == 2
            await until(asking, "both ask", seconds=30)
            await by_terminal(sandbox, terminal, night)
            assert False
