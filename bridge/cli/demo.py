"""`bridge demo`, and what it shows when its orders are through."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bridge.cli.terminal import FAILED, command, err, out
from bridge.demo.demo import Demonstration, demonstrate
from bridge.runtime.server import stop_on_signals
from bridge.telemetry.logs import configure_logging

app = typer.Typer()


@command(app, "demo")
async def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running, and say where.")] = False,
) -> int:
    """The whole system here, on a private Valkey and a sandbox, with an order of each platform."""
    configure_logging("error", sys.stderr)
    seen: list[Demonstration] = []

    async with stop_on_signals() as stop:
        with err.status("starting …") as status:

            def progress(text: str) -> None:
                status.update(f"starting {text} …")

            def done(result: Demonstration) -> None:
                status.stop()
                seen.append(result)
                show_demo(result, keep=keep)

            await demonstrate(keep=keep, stop=stop, progress=progress, done=done)
    return 0 if seen and all(row.right for row in seen[0].rows) else FAILED


def show_demo(result: Demonstration, *, keep: bool) -> None:
    """Its table, what is to be said of it, and where to go from here."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("platform", "order", "customer", "invoice"):
        table.add_column(heading, no_wrap=True)
    for heading in ("paid", "invoiced", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in result.rows:
        table.add_row(
            row.source.PLATFORM,
            row.sale.number,
            escape(row.customer[:14]),
            row.invoice,
            f"{row.sale.paid:.2f}",
            f"{row.total:.2f}" if row.total is not None else "-",
            f"{row.milliseconds:.0f}",
            "[green]ok[/green]" if row.right else "[red]wrong[/red]",
        )
    good = sum(row.right for row in result.rows)
    paid = sum(row.sale.paid for row in result.rows)
    out.print()
    out.print(table)
    out.print()
    repeated = sum(row.answers.count("duplicate") for row in result.rows)
    of = f"{good} of {len(result.rows)} orders"
    cost = f"{result.calls} API calls, {result.seconds:.1f} s"
    out.print(f"{of} have exactly one invoice of exactly what was paid ({paid:.2f} EUR).")
    out.print(f"Each was sent twice: {repeated} duplicates recognised. {cost}.")
    if keep:
        where = f"{result.url}/console (token {result.console_token})"
        out.print(f"\nIt goes on until Ctrl-C: {where}", soft_wrap=True)
    else:
        me = called(sys.argv[0], shutil.which("bridge"), Path.cwd())
        steps = f"{me} demo --keep to look around; or your own bridge.toml, {me} check, {me} up"
        out.print(f"\nNext: {steps}.", soft_wrap=True)


def called(program: str, found: str | None, here: Path) -> str:
    """What to type for this very program in the folder `here`. `found`: where the shell finds `bridge`."""
    path = (here / program).absolute()
    if found and Path(found).absolute() == path:
        return "bridge"
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
