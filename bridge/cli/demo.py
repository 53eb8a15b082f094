"""`bridge demo`, and what it shows when its orders are through."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bridge.cli.tables import print_whole, table_of
from bridge.cli.terminal import FAILED, command, err, out, tell
from bridge.cli.words import say, why
from bridge.demo.cases import Outcome
from bridge.demo.demo import Demonstration, Shown, demonstrate
from bridge.runtime.server import stop_on_signals
from bridge.telemetry.logs import configure_logging

app = typer.Typer()


@command(app, "demo")
async def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running, and say where.")] = False,
) -> int:
    """The whole system here, on a private Valkey and a sandbox, with orders of each platform."""
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
    amounts = [say(f"demo.{name}") for name in ("paid", "invoiced")]
    headings = [say(f"demo.{name}") for name in ("platform", "order", "customer", "invoice")]
    table = table_of(*headings, *amounts, "ms", "", right=(*amounts, "ms"))
    for row in result.rows:
        first = row.invoices[0] if row.invoices else None
        table.add_row(
            row.case.source.PLATFORM,
            row.case.number,
            escape(first.customer_identity[:14] if first else "-"),
            (first.full_invoice_ref or say("draft", id=first.id)) if first else "-",
            f"{row.case.paid:.2f}",
            f"{row.total:.2f}" if row.total is not None else "-",
            f"{row.milliseconds:.0f}",
            _verdict(row),
        )
    out.print()
    print_whole(table)
    out.print()
    samples = [row for row in result.rows if row.case.outcome is Outcome.INVOICED]
    good, paid = sum(row.right for row in samples), sum(row.case.paid for row in samples)
    repeated = sum(row.answers.count("duplicate") for row in samples)
    tell(say("demo.good", good=good, orders=len(samples), paid=f"{paid:.2f}"))
    tell(say("demo.repeated", count=repeated, calls=result.calls, seconds=f"{result.seconds:.1f}"))
    out.print()
    if keep:
        tell(say("demo.goes_on", url=f"{result.url}/console", token=result.console_token))
    else:
        tell(say("demo.next", bridge=called(sys.argv[0], shutil.which("bridge"), Path.cwd())))


def _verdict(row: Shown) -> str:
    """Whether the row is right, and what became of an order that has more to it than its invoice."""
    if not row.right:
        return f"[red]{say('demo.wrong', wanted=say(f'demo.{row.case.outcome}'))}[/red]"
    match row.case.outcome:
        case Outcome.INVOICED:
            return "[green]ok[/green]"
        case Outcome.REFUNDED:
            notes = ", ".join(note.full_invoice_ref or "" for note in row.credit_notes)
            return f"[green]{say('kind.credit_note')} {notes}[/green]"
        case Outcome.DRAFT:
            return f"[green]{say('demo.draft')}[/green]"
        case Outcome.HELD:
            return f"[yellow]{say('state.attention')}[/yellow]: {escape(why(row.reason))}"


def called(program: str, found: str | None, here: Path) -> str:
    """What to type for this very program in the folder `here`. `found`: where the shell finds `bridge`."""
    path = (here / program).absolute()
    if found and Path(found).absolute() == path:
        return "bridge"
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
