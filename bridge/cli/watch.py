"""The commands that watch the whole: its figures, and what happens."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated

import typer

from bridge.cli.options import Json, Since, Until
from bridge.cli.tables import show_stats, told
from bridge.cli.terminal import command, err, open_desk, out, print_json
from bridge.cli.times import window
from bridge.cli.words import LANG
from bridge.desk.actions import Desk
from bridge.desk.figures import Stats
from bridge.desk.plain import plain
from bridge.desk.values import Happening
from bridge.runtime.server import stop_on_signals

app = typer.Typer()


@command(app, "stats")
async def stats(as_json: Json = False) -> int:
    """The system in figures."""
    async with open_desk() as desk:
        found, alerts, shops = await desk.stats(), await desk.alerts(), await desk.shops()
    if as_json:
        print_json(found, Stats)
    else:
        show_stats(found, alerts, shops)
    return 0


@command(app, "tail")
async def tail(
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=1000, help="So many past ones first.")
    ] = 10,
    since: Since = "",
    until: Until = "",
    as_json: Json = False,
) -> int:
    """What happens, as it happens, until Ctrl-C; what happened since a time; or between two times."""
    start, end = window(since, until, datetime.now().astimezone())
    async with stop_on_signals() as stop, open_desk() as desk:
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
    entries: list[Happening] = []
    cursor = None
    while cursor != "":
        page = await desk.activity(since=start, until=end, cursor=cursor or "", limit=1000)
        entries += page.rows
        cursor = page.cursor
    for entry in reversed(entries):
        _show_happening(entry, as_json=as_json)
    if not entries:
        err.print("nothing happened then, or it is too long ago: the last ten thousand entries are kept")
    return entries[0].id if entries else "0-0"


def _show_happening(entry: Happening, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(plain(Happening, entry, LANG.get()), ensure_ascii=False) + "\n")
    else:
        out.print(told(entry), soft_wrap=True)
    sys.stdout.flush()
