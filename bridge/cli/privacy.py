"""`bridge privacy`: what the law asks about people, and what platforms pass on of it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options import Json, Who
from bridge.cli.terminal import FAILED, command, err, me, open_desk, out, print_json

if TYPE_CHECKING:
    from bridge.desk import Erased, KeptAbout, RawEvent, RequestRow

privacy_app = typer.Typer(name="privacy", help="What the law asks about people.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@command(privacy_app, "list")
async def list_requests(as_json: Json = False) -> int:
    """Open requests that platforms passed on, the most urgent first, each with the command that does it."""
    async with open_desk() as desk:
        rows = await desk.requests()
    if as_json:
        print_json({"requests": [_shown(row) for row in rows]})
        return 0
    if not rows:
        out.print("No open requests.")
    now = datetime.now(UTC)
    for row in rows:
        left = (row.due_at - now).days
        when = f"{left} days left" if left >= 0 else f"{-left} days late"
        out.print(f"{row.due_at:%Y-%m-%d}  {when}  {row.shop}  {row.topic}", style="bold", markup=False)
        out.print(f"  {_concerns(row)}", markup=False, soft_wrap=True)
        out.print(f"  bridge privacy carry-out {shlex.quote(row.key)}", markup=False, soft_wrap=True)
    return 0


@command(privacy_app, "carry-out")
async def carry_out(
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
    from bridge.sources.privacy import Wanted

    async with open_desk() as desk:
        row = await desk.request(request)
        if row.asked and row.asked.wanted is Wanted.REPORT:
            _write(_report(await desk.what_is_kept(row)), to)
            await desk.answered(row, me(who))
            err.print(
                f"{row.key}: ended. Hand it on to the buyer, by way of who asked the shop.",
                markup=False,
                soft_wrap=True,
            )
            return 0
        if row.asked and not yes:
            typer.confirm(f"Delete for ever? {_concerns(row)}", abort=True, err=True)
        return show_erased(await desk.carry_out(row, me(who)), as_json=as_json)


@command(privacy_app, "erase")
async def erase(
    whom: Annotated[
        str, typer.Argument(metavar="EMAIL", help="Or a customer, as in shopify:boutique:customer:7001.")
    ],
    yes: Yes = False,
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Delete a buyer's webhooks for ever. Unfinished orders are refused; Facturation.pro is not touched."""
    if not yes:
        typer.confirm(f"Delete for ever what the shops sent about {whom}?", abort=True, err=True)
    async with open_desk() as desk:
        return show_erased(await desk.erase(whom, me(who)), as_json=as_json)


def show_erased(result: Erased, *, as_json: bool) -> int:
    """What is gone and what was refused; the exit status."""
    if as_json:
        print_json(result)
        return FAILED if result.refused else 0
    payloads = result.payloads + result.unattached
    out.print(
        f"{payloads} payloads of {len(result.orders)} orders are gone; their documents and amounts stay."
    )
    for key in result.orders:
        out.print(f"  {key}", markup=False, soft_wrap=True)
    for key, reason in result.refused.items():
        err.print(f"refused: {key}: {reason}", markup=False, soft_wrap=True)
    return FAILED if result.refused else 0


def _concerns(row: RequestRow) -> str:
    """What it asks, by the platform's numbers: no name, no address."""
    from bridge.sources.privacy import Wanted

    if row.asked is None:
        return row.problem
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
        "problem": row.problem,
    }


def _report(kept: KeptAbout) -> dict[str, Any]:
    """For the buyer: the shop's orders, their documents, and every payload in its own words."""
    from bridge.desk.plain import plain

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
    shown = {
        "request": kept.request.key,
        "shop": kept.request.shop,
        "customer": asked.customer if asked else "",
        "orders": orders,
        "other_webhooks": [_webhook(raw) for raw in kept.others],
    }
    return dict(plain(shown))


def _webhook(raw: RawEvent) -> dict[str, Any]:
    return {"topic": raw.row.topic, "received_at": raw.row.received_at, "content": json.loads(raw.body)}


def _write(report: dict[str, Any], to: Path | None) -> None:
    """Personal data: into a new file that only its owner reads, on disk before the request is ended."""
    text = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
    if to is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    from bridge.desk import NotDone

    try:
        with os.fdopen(
            os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise NotDone(f"--to {to}: {exc.strerror}; name a new file") from exc
