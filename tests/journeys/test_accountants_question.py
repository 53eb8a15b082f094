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

from bridge.orders import PARIS
from bridge.sandbox import ROUNDINGS, Fault, FaultKind, Moment, Sandbox, SandboxConfig
from bridge.sandbox.records import Invoice
from tests.builders.shopify import item, shopify_order
from tests.worlds.commands import answering, bridge, running, send, write_config
from tests.worlds.console import TOKEN, csrf_in
from tests.worlds.in_process import served
from tests.worlds.ports import free_port
from tests.worlds.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "accountants-question.md"
AWKWARD = [item("25.41", "0.055", 28, id_=1), item("25.99", "0.1", 60, id_=2)]
"""A cart whose total depends on how Facturation.pro rounds: it is seen as a draft first. 2270.88 EUR."""
COMMANDS = re.compile(r"^\$ (bridge .*)$", re.MULTILINE)
AS_OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
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

    @property
    def commands(self) -> list[str]:
        return [command for command, _ in self.typed]

    def keep_transcript(self) -> None:
        """As docs show it, where that is asked for."""
        if os.environ.get("TRANSCRIPT"):
            told = "\n".join(f"$ {command}\n{told.rstrip()}\n" for command, told in self.typed)
            Path(os.environ["TRANSCRIPT"]).write_text(told)


async def a_bad_night(url: str, sandbox: Sandbox) -> None:
    """Two orders whose drafts were kept but not acknowledged, and changed by hand before they were found."""
    for how in (
        {"method": "POST", "path": "/invoices", "moment": Moment.AFTER},
        {"method": "GET", "path": "/invoices.*api_id"},
    ):
        fault: dict[str, Any] = {"kind": FaultKind.STATUS, "status": 503, "count": None, **how}
        sandbox.faults.add(Fault(**fault))
    for number in (1042, 1043):
        await send(url, shopify_order(number, AWKWARD))
    await until(lambda: len(sandbox.invoices) == 2, "two drafts")
    for invoice in sandbox.invoices:
        assert invoice.draft
        write(sandbox, invoice, [*lines_of(invoice), DISCOUNT])
    sandbox.faults.clear()


def calibrated(sandbox: Sandbox) -> bool:
    """The last thing that calibration does is to delete its customer."""
    return any(made.method == "DELETE" and "/customers/" in made.target for made in sandbox.requests)


def lines_of(invoice: Invoice) -> list[dict[str, str]]:
    """The lines as a person would type them again."""
    names = ("title", "quantity", "unit_price", "vat")
    return [{name: str(line.values[name]) for name in names} for line in invoice.items]


def write(sandbox: Sandbox, invoice: Invoice, lines: list[dict[str, str]]) -> None:
    """Somebody changes the draft in Facturation.pro."""
    sandbox.invoice_book.update(invoice.id, {"items": lines}, type_doc=None)


def invoice_of(sandbox: Sandbox, number: int) -> Invoice:
    return next(each for each in sandbox.invoices if each.values["api_custom"].endswith(f":{number}"))


def text_of(page: str) -> str:
    """What a person reads of it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def says(text: str, *words: str) -> None:
    for each in words:
        assert each in text, f"{each!r} is not in:\n{text}"


async def by_terminal(sandbox: Sandbox, terminal: Terminal, night: datetime) -> None:
    """#1042: found, understood, mended in Facturation.pro, retried."""
    draft = invoice_of(sandbox, 1042)
    shown = await terminal("orders show '#1042'")
    # Where it is; why it is a draft; what happened in the night; what to do.
    says(shown, f"invoice draft {draft.id}  2258.88 EUR, should be 2270.88", f"/firms/1/invoices/{draft.id}")
    says(shown, "Arrondi de Facturation.pro non établi : le total est vérifié sur un brouillon.")
    says(shown, f"draft {draft.id} comes to 2258.88 EUR but the order to 2270.88 (difference +12.00)")
    says(
        shown,
        "event orders/paid",
        "POST /invoices.json: 503",
        "had to wait: Facturation.pro is in trouble (503",
    )
    says(shown, "bridge orders accept '#1042'", "bridge orders retry '#1042'")
    began, ended = night - timedelta(minutes=1), night + timedelta(minutes=2)
    told = await terminal(f"tail --since {began:%H:%M} --until {ended:%H:%M}")
    says(
        told,
        "shopify:boutique:order:1042  orders/paid",
        "waiting",
        "Facturation.pro is in trouble",
        "attention",
    )
    says(await terminal("orders list --state attention"), "#1042", "#1043", f"draft {draft.id}")

    write(sandbox, draft, lines_of(draft)[:-1])
    says(await terminal("orders retry '#1042' --who marie"), "will be looked at again now")
    await until(lambda: not invoice_of(sandbox, 1042).draft, "#1042 is final")
    shown = await terminal("orders show '#1042'")
    says(shown, "done  order #1042: invoice F", "marie: retry", "PATCH /invoices/{id}.json: 200")
    assert str(draft.totals.total_with_vat) == "2270.88"


async def by_console(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    """#1043: found, understood, its difference accepted: the discount was agreed on the telephone."""
    form = await browser.get("/console/login")
    await browser.post("/console/login", data={"csrf": csrf_in(form.text), "token": TOKEN, "who": "Marie"})
    draft = invoice_of(sandbox, 1043)
    page = await browser.get("/console/orders", params={"query": "#1043"}, follow_redirects=True)
    shown = text_of(page.text)
    says(
        shown, "Order #1043 needs a person", f"draft {draft.id} comes to 2258.88 EUR but the order to 2270.88"
    )
    says(page.text, f"/firms/1/invoices/{draft.id}")
    says(shown, "Event received orders/paid", "POST /invoices.json 503", "had to wait", "is in trouble (503")
    says(shown, "vérifié sur un brouillon", "2,258.88 EUR , in place of 2,270.88 EUR")
    night = await browser.get("/console/activity", params={"since": "2026-01-01T03:00"})
    says(text_of(night.text), "asked for a person shopify:boutique:order:1043", "had to wait")

    path = page.url.path
    data = {"csrf": csrf_in(page.text), "action": "accept"}
    for said in ("Done: Accept the difference.", "was asked for already"):
        answer = await browser.post(path, data=data, follow_redirects=True)
        says(text_of(answer.text), said)
    await until(lambda: not invoice_of(sandbox, 1043).draft, "#1043 is final")
    assert str(draft.totals.total_with_vat) == "2258.88"

    async def finished() -> bool:
        return "Order #1043 done" in text_of((await browser.get(path)).text)

    await until(finished, "the page says so")
    says(
        text_of((await browser.get(path)).text),
        "Marie accepted the difference",
        "2258.88 in place of 2270.88",
    )


async def test_it_is_answered_and_repaired(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    desk = tmp_path / "desk"
    desk.mkdir()
    # No candidate explains how this firm rounds: each of its documents is a draft first.
    config = SandboxConfig(rounding=ROUNDINGS["line2_vat_rate_down"])
    async with served(config) as (api_url, sandbox), httpx.AsyncClient(base_url=url) as browser:
        for folder in (tmp_path, desk):
            var = str(tmp_path / "var")
            write_config(folder, api_url=api_url, port=port, ops_token=TOKEN, data_dir=var)
        async with running("up", cwd=tmp_path) as command:
            await answering(url, command)
            await until(lambda: calibrated(sandbox), "the firm's rule is looked for")
            night = datetime.now(PARIS)
            await a_bad_night(url, sandbox)

            async def both_ask() -> bool:
                answer = await browser.get("/api/orders?state=attention", headers=AS_OPERATOR)
                return len(answer.json()["rows"]) == 2

            await until(both_ask, "both orders ask for a person", within=30)
            terminal = Terminal(desk)
            await by_terminal(sandbox, terminal, night)
            await by_console(sandbox, browser)
            assert [len(sandbox.invoices), await command.stop()] == [2, 0]
    terminal.keep_transcript()
    assert without_times(terminal.commands) == without_times(COMMANDS.findall(PAGE.read_text()))


def without_times(commands: list[str]) -> list[str]:
    return [re.sub(r"\d\d:\d\d", "03:00", command) for command in commands]
