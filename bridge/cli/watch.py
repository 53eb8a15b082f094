"""The commands that watch the whole: its figures, and what happens."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.options import Json, Since, Until
from bridge.cli.tables import show_stats, told
from bridge.cli.terminal import command, err, out
from bridge.cli.terminal import open_desk as _desk
from bridge.cli.terminal import print_json as _print_json
from bridge.cli.times import window

if TYPE_CHECKING:
    from bridge.desk import Desk, Happening

watch_app = typer.Typer()


@command(watch_app, "stats")
async def stats(as_json: Json = False) -> int:
    """The system in figures."""
    async with _desk() as desk:
        found, alerts = await desk.stats(), await desk.alerts()
        signs = {name: await desk.signs(name) for name in found.shops}
    if as_json:
        _print_json(found)
    else:
        show_stats(found, alerts, signs)
    return 0


@command(watch_app, "tail")
async def tail(
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=1000, help="So many past ones first.")
    ] = 10,
    since: Since = "",
    until: Until = "",
    as_json: Json = False,
) -> int:
    """What happens, as it happens, until Ctrl-C; what happened since a time; or between two times."""
    from bridge.runtime.server import stop_on_signals

    start, end = window(since, until, datetime.now().astimezone())
    async with stop_on_signals() as stop, _desk() as desk:
        if start or end:
            after = await _show_past(desk, start, end, as_json=as_json)
        else:
            seen = await desk.feed(limit=max(1, lines))
            after = seen[-1].id if seen else "0-0"
            for entry in seen if lines else ():
                _show_happening(entry, as_json=as_json)
        while end is None and not stop.is_set():
            for entry in await desk.feed(after, wait_ms=500):
                after = entry.id
                _show_happening(entry, as_json=as_json)
    return 0


async def _show_past(desk: Desk, start: datetime | None, end: datetime | None, *, as_json: bool) -> str:
    """What happened between two times; returns the entry it ended with."""
    pages = []
    cursor = ""
    while True:
        page = await desk.activity(since=start, until=end, cursor=cursor, limit=1000)
        pages.append(page.rows[::-1])
        cursor = page.cursor
        if not cursor:
            break
    entries = [entry for rows in reversed(pages) for entry in rows]
    for entry in entries:
        _show_happening(entry, as_json=as_json)
    if not entries:
        err.print("nothing happened then, or it is too long ago: the last ten thousand entries are kept")
    return entries[-1].id if entries else "0-0"


def _show_happening(entry: Happening, *, as_json: bool) -> None:
    from bridge.desk.plain import plain

    if as_json:
        sys.stdout.write(json.dumps(plain(entry), ensure_ascii=False) + "\n")
    else:
        out.print(told(entry), soft_wrap=True)
    sys.stdout.flush()
