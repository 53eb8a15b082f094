"""Webhooks as they came, and looking at their orders again."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.operations import asked, event_of, query
from bridge.cli.options import Json, Shop, Since, Who
from bridge.cli.tables import show_events, show_replayed
from bridge.cli.terminal import command, err, open_desk, tell
from bridge.desk.operations import OPERATIONS
from bridge.desk.values import RawEvent
from bridge.errors import ConfigurationError

app = typer.Typer()
events = typer.Typer(name="events", help="Look at webhooks as they came.", no_args_is_help=True)
app.add_typer(events)


def show_event(event: RawEvent) -> None:
    """Its body, byte for byte; its headers go to stderr."""
    for name, value in event.headers.items():
        tell(f"{name}: {value}", err)
    sys.stdout.buffer.write(event.body + b"\n" * (not event.body.endswith(b"\n")))


query(events, "list", OPERATIONS["list_events"], show_events)
query(events, "show", OPERATIONS["read_event"], show_event)


@command(events, "replay")
async def replay_events(
    names: Annotated[list[str], typer.Argument(metavar="EVENT", help="Their ids, as events list says.")],
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Look again at the orders of these webhooks. Nothing is made twice."""
    return await _replay(as_json, names, who=who)


@command(app, "replay")
async def replay(
    failed_only: Annotated[
        bool, typer.Option("--failed", help="Only what asks for attention, or waits after a failure.")
    ] = False,
    since: Since = "",
    shop: Shop = "",
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Look again at many orders. Nothing is made twice; what people set aside stays aside."""
    if not since and not failed_only:
        raise ConfigurationError("--since: say how far back (90m, 2h, 3d), or --failed for all that failed")
    return await _replay(as_json, (), who=who, since=since, shop=shop, failed_only=failed_only)


async def _replay(as_json: bool, names: Any, **given: Any) -> int:
    wanted = asked(OPERATIONS["replay"], given)
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with open_desk() as desk:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task("replay", total=None)
            ids = [await event_of(desk, name) for name in names]
            result = await desk.replay(
                **dict(wanted) | {"events": ids},
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )
    return show_replayed(result, as_json=as_json)
