"""`bridge privacy`: what the law asks about people, and what platforms pass on of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.cli.options import Json, Who
from bridge.cli.terminal import FAILED, command, err, me, open_desk, out, print_json, tell
from bridge.cli.words import LANG, why
from bridge.desk.erasure import Erased, erase
from bridge.desk.plain import plain
from bridge.desk.requests import (
    KeptAbout,
    RequestRow,
    answered,
    carry_out,
    find_request,
    open_requests,
    what_is_kept,
)
from bridge.desk.values import NotDone, RawEvent
from bridge.reasons import because
from bridge.sources.privacy import Wanted

app = typer.Typer()
privacy = typer.Typer(name="privacy", help="What the law asks about people.", no_args_is_help=True)
app.add_typer(privacy)


def _buyer(given: str) -> str:
    if not re.fullmatch(r"\S+@\S+\.\S+|[a-z]+:[^:\s]+:customer:\S+", given.strip()):
        raise typer.BadParameter(
            f"{given} is neither an e-mail address nor a customer, as in shopify:boutique:customer:7001"
        )
    return given


Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Buyer = Annotated[
    str,
    typer.Argument(
        metavar="EMAIL", help="Or a customer, as in shopify:boutique:customer:7001.", callback=_buyer
    ),
]


@command(privacy, "list")
async def list_requests(as_json: Json = False) -> int:
    """Open requests that platforms passed on, the most urgent first, each with the command that does it."""
    async with open_desk() as desk:
        rows = await open_requests(desk)
    if as_json:
        print_json({"requests": [_shown(row) for row in rows]})
        return 0
    if not rows:
        out.print("No open requests.")
    now = datetime.now(UTC)
    for row in rows:
        left = (row.due_at - now).days
        when = f"{left} days left" if left >= 0 else f"{-left} days late"
        tell(f"{row.due_at:%Y-%m-%d}  {when}  {row.shop}  {row.topic}", style="bold")
        tell(f"  {_concerns(row)}")
        tell(f"  bridge privacy carry-out {shlex.quote(row.key)}")
    return 0


@command(privacy, "carry-out")
async def carry_out_request(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="Its key, as privacy list says.")],
    to: Annotated[
        Path | None, typer.Option(help="Where to write what is kept of a buyer who asks; else it is printed.")
    ] = None,
    yes: Yes = False,
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Do what a request asks, and end it. May be run again; unfinished orders are refused by name.

    Erasing deletes webhooks for ever, and nothing in Facturation.pro.
    """
    async with open_desk() as desk:
        row = await find_request(desk, request)
        if row.asked and row.asked.wanted is Wanted.REPORT:
            _write(_report(await what_is_kept(desk, row)), to)
            await answered(desk, row, me(who))
            tell(f"{row.key}: ended. Hand it on to the buyer, by way of who asked the shop.", err)
            return 0
        if row.asked and not yes:
            typer.confirm(f"Delete for ever? {_concerns(row)}", abort=True, err=True)
        return _show_erased(await carry_out(desk, row, me(who)), as_json=as_json)


@command(privacy, "erase")
async def erase_buyer(whom: Buyer, yes: Yes = False, who: Who = "", as_json: Json = False) -> int:
    """Delete a buyer's webhooks for ever. Unfinished orders are refused; Facturation.pro is not touched."""
    if not yes:
        typer.confirm(f"Delete for ever what the shops sent about {whom}?", abort=True, err=True)
    async with open_desk() as desk:
        return _show_erased(await erase(desk, whom, me(who)), as_json=as_json)


def _show_erased(result: Erased, *, as_json: bool) -> int:
    """What is gone and what was refused; the exit status."""
    if as_json:
        print_json(result, Erased)
    else:
        payloads = result.payloads + result.unattached
        tell(f"{payloads} payloads of {len(result.orders)} orders are gone; documents and amounts stay.")
        for key in result.orders:
            tell(f"  {key}")
        for key, reason in result.refused.items():
            tell(f"refused: {key}: {why(reason)}", err)
    return FAILED if result.refused else 0


def _concerns(row: RequestRow) -> str:
    """What it asks, by the platform's numbers: no name, no address."""
    if row.asked is None:
        return why(row.problem)
    asked = row.asked
    if asked.wanted is Wanted.ERASE_SHOP:
        return f"everything of shop {row.shop} that is finished, as asked for {asked.shop}"
    orders = f"; {len(asked.orders)} orders named: {', '.join(asked.orders)}" if asked.orders else ""
    wanted = "what is kept about" if asked.wanted is Wanted.REPORT else "the webhooks of"
    return f"{wanted} {asked.customer or 'a buyer without a number'}, as asked for {asked.shop}{orders}"


def _shown(row: RequestRow) -> dict[str, Any]:
    asked = row.asked
    return {
        "key": row.key,
        "shop": row.shop,
        "topic": row.topic,
        "received_at": row.received_at,
        "due_at": row.due_at,
        "wanted": asked.wanted.value if asked else "",
        "customer": asked.customer if asked else "",
        "orders": asked.orders if asked else (),
        "problem": why(row.problem),
    }


def _report(kept: KeptAbout) -> dict[str, Any]:
    """For the buyer: the shop's orders, their documents, and every payload in its own words."""
    asked = kept.request.asked
    orders = [
        {
            "order": each.order.key,
            "number": each.order.number,
            "placed_at": each.order.placed_at,
            "total": each.order.total,
            "currency": each.order.currency,
            "documents": [
                {"kind": doc.kind, "number": doc.number, "total": doc.total, "url": doc.url}
                for doc in each.documents
            ],
            "webhooks": [_webhook(raw) for raw in each.payloads],
        }
        for each in kept.orders
    ]
    return {
        "request": kept.request.key,
        "shop": kept.request.shop,
        "customer": asked.customer if asked else "",
        "orders": orders,
        "other_webhooks": [_webhook(raw) for raw in kept.others],
    }


def _webhook(raw: RawEvent) -> dict[str, Any]:
    return {"topic": raw.row.topic, "received_at": raw.row.received_at, "content": json.loads(raw.body)}


def _write(report: dict[str, Any], to: Path | None) -> None:
    """Personal data: into a new file that only its owner reads, on disk before the request is ended."""
    if to is None:
        print_json(report)
        sys.stdout.flush()
        return
    text = json.dumps(plain(Any, report, LANG.get()), ensure_ascii=False, indent=1) + "\n"
    try:
        with os.fdopen(
            os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise NotDone(because("new_file", file=str(to), why=exc.strerror or str(exc))) from exc
