"""The commands about webhooks as they came, and about looking at their orders again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.options import Cursor, Json, Limit, Shop, Since, Who
from bridge.cli.tables import many, show_events
from bridge.cli.terminal import FAILED, command, err, out, settings_here
from bridge.cli.terminal import me as _me
from bridge.cli.terminal import open_desk as _desk
from bridge.cli.terminal import print_json as _print_json
from bridge.cli.times import window
from bridge.errors import ConfigurationError

if TYPE_CHECKING:
    from bridge.desk import Desk

events_app = typer.Typer(name="events", help="Look at webhooks as they came.", no_args_is_help=True)
replay_app = typer.Typer()


async def _event_of(desk: Desk, name: str) -> str:
    """The id of an event, also where its shop is left out, as in what the shop was answered."""
    for event_id in (name, *(f"{shop}:{name}" for shop in settings_here().shops)):
        if await desk.event(event_id) is not None:
            return event_id
    return name


@command(events_app, "list")
async def list_events(
    shop: Shop = "",
    topic: Annotated[str, typer.Option(help="Of this topic only.")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    as_json: Json = False,
) -> int:
    """Webhooks, newest first, the ignored ones too."""
    async with _desk() as desk:
        page = await desk.events(shop=shop, topic=topic, cursor=cursor, limit=limit)
    if as_json:
        _print_json({"events": page.rows, "cursor": page.cursor})
        return 0
    show_events(page.rows)
    if page.cursor:
        err.print(f'more: --cursor "{page.cursor}"', markup=False, soft_wrap=True)
    return 0


@command(events_app, "show")
async def show_event(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id, as events list says.")],
    as_json: Json = False,
) -> int:
    """A webhook's body, byte for byte. It holds personal data."""
    async with _desk() as desk:
        found = await desk.event(await _event_of(desk, event))
    if found is None:
        err.print(
            f"there is no event {event}, or it has expired: see bridge events list",
            markup=False,
            soft_wrap=True,
        )
        return FAILED
    if as_json:
        _print_json(found)
        return 0
    for name, value in found.headers.items():
        err.print(f"{name}: {value}", markup=False, soft_wrap=True)
    sys.stdout.buffer.write(found.body + b"\n" * (not found.body.endswith(b"\n")))
    return 0


@command(events_app, "replay")
async def replay_events(
    events: Annotated[list[str], typer.Argument(metavar="EVENT", help="Their ids, as events list says.")],
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Look again at the orders of these webhooks. Nothing is made twice."""
    return await _replay(who, as_json, events=events)


@command(replay_app, "replay")
async def replay(
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what asks for attention, or waits after a failure.")
    ] = False,
    since: Since = "",
    shop: Shop = "",
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Look again at many orders. Nothing is made twice; what people set aside stays aside."""
    if not since and not failed:
        raise ConfigurationError("--since: say how far back (90m, 2h, 3d), or --failed for all that failed")
    start, _ = window(since, "", datetime.now().astimezone())
    return await _replay(who, as_json, since=start, failed_only=failed, shop=shop)


async def _replay(who: str, as_json: bool, *, events: Sequence[str] = (), **which: Any) -> int:
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with _desk() as desk:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task("replay", total=None)

            def progress(done: int, of: int) -> None:
                bar.update(task, completed=done, total=of)

            if events:
                which["events"] = [await _event_of(desk, name) for name in events]
            result = await desk.replay(_me(who), progress=progress, **which)
    if as_json:
        _print_json(result)
    else:
        more = f", {len(result.already)} were in hand already" if result.already else ""
        out.print(f"{many(len(result.resumed), 'order')} will be looked at again{more}")
        for reason in result.refused.values():
            err.print(f"failed: {reason}", markup=False, soft_wrap=True)
    return FAILED if result.refused else 0
