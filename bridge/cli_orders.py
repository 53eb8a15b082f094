"""The commands of people who look after the orders. What they show and do is the desk's (bridge/desk)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli_tables import many, show_events, show_orders, show_stats, show_story, told
from bridge.cli_times import window
from bridge.errors import ConfigurationError
from bridge.terminal import FAILED, command, err, out, settings_here
from bridge.terminal import me as _me
from bridge.terminal import open_desk as _desk
from bridge.terminal import print_json as _print_json

if TYPE_CHECKING:
    from bridge.desk import Desk, Happening

orders_app = typer.Typer(name="orders", help="Look at orders, and decide about them.", no_args_is_help=True)
events_app = typer.Typer(name="events", help="Look at webhooks as they came.", no_args_is_help=True)
rest_app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


def _shops() -> list[str]:
    """For the shell: the configured shops, or none where the configuration cannot be read."""
    try:
        return sorted(settings_here().shops)
    except ConfigurationError:
        return []


def _states() -> list[str]:
    from bridge.desk import State

    return list(State)


Shop = Annotated[str, typer.Option(help="Of this shop only.", autocompletion=_shops)]
Since = Annotated[str, typer.Option(help="Not older than this: 90m, 2h, 3d, 03:00 or 2026-11-22T03:00.")]
Until = Annotated[str, typer.Option(help="Not newer than this, written likewise.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="So many at the most.")]
Cursor = Annotated[str, typer.Option(help="Go on where the last page ended.")]
Who = Annotated[str, typer.Option(help="Who decides; written down with the order.")]
Reason = Annotated[str, typer.Option(help="Why; written down with the order.")]
OrderNames = Annotated[
    list[str], typer.Argument(metavar="ORDER", help="Keys, or numbers if they are unique.")
]
OrderName = Annotated[str, typer.Argument(metavar="ORDER", help="Its key, or its number if that is unique.")]


def register(app: typer.Typer) -> None:
    """Adds these commands to the console script."""
    for group in (orders_app, events_app):
        app.add_typer(group)
    app.registered_commands += rest_app.registered_commands


async def _key_of(desk: Desk, name: str) -> str:
    """The one order of this key or number. Raises UnknownOrder, NotDone when there are several."""
    from bridge.desk import NotDone, UnknownOrder

    rows = (await desk.orders(query=name)).rows
    if not rows:
        raise UnknownOrder(f"there is no order {name}: bridge orders list shows those there are")
    exact = [row for row in rows if row.key == name] or list(rows)
    if len(exact) > 1:
        raise NotDone(
            f"several orders are called {name}, take one by its key: {', '.join(r.key for r in exact)}"
        )
    return exact[0].key


async def _event_of(desk: Desk, name: str) -> str:
    """The id of an event, also where its shop is left out, as in what the shop was answered."""
    for event_id in (name, *(f"{shop}:{name}" for shop in settings_here().shops)):
        if await desk.event(event_id) is not None:
            return event_id
    return name


async def _each(names: Sequence[str], act: Any, said: str, otherwise: str, *, as_json: bool) -> int:
    """Does something to each order; goes on after a failure, and then exits with 1."""
    from bridge.desk import NotDone

    failed = False
    results: list[dict[str, Any]] = []
    async with _desk() as desk:
        for name in names:
            try:
                key = await _key_of(desk, name)
                done = await act(desk, key)
                results.append({"order": key, "done": done})
                if not as_json:
                    out.print(f"{key}: {said if done else otherwise}", markup=False, soft_wrap=True)
            except NotDone as exc:
                failed = True
                results.append({"order": name, "done": False, "error": str(exc)})
                err.print(f"failed: {exc}", markup=False, soft_wrap=True)
    if as_json:
        _print_json(results)
    return FAILED if failed else 0


# ---------------------------------------------------------------------------------------------- orders


@command(orders_app, "list")
async def list_orders(
    state: Annotated[
        str,
        typer.Option(help="in_hand, waiting, attention, open, ignored or done.", autocompletion=_states),
    ] = "",
    shop: Shop = "",
    find: Annotated[
        str, typer.Option(help="An order's or invoice's number, or an e-mail address or its SHA-256.")
    ] = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    as_json: Json = False,
) -> int:
    """Orders, newest activity first."""
    from bridge.desk import State

    if state and state not in list(State):
        raise ConfigurationError(f"--state: {state} is none of {', '.join(State)}")
    start, end = window(since, until, datetime.now().astimezone())
    async with _desk() as desk:
        page = await desk.orders(
            state=state, shop=shop, query=find, since=start, until=end, cursor=cursor, limit=limit
        )
    if as_json:
        _print_json({"orders": page.rows, "cursor": page.cursor})
        return 0
    show_orders(page.rows)
    if page.cursor:
        err.print(f'more: --cursor "{page.cursor}"', markup=False, soft_wrap=True)
    return 0


@command(orders_app, "show")
async def show_order(order: OrderName, as_json: Json = False) -> int:
    """One order's story: what came, what was made of it, and why."""
    async with _desk() as desk:
        story = await desk.story(await _key_of(desk, order))
    if story is None:
        return FAILED
    if as_json:
        _print_json(story)
    else:
        show_story(story)
    return 0


@command(orders_app, "retry")
async def retry(orders: OrderNames, who: Who = "", as_json: Json = False) -> int:
    """Look at them again, now."""
    return await _each(
        orders,
        lambda desk, key: desk.retry(key, _me(who)),
        "will be looked at again now",
        "is in hand already",
        as_json=as_json,
    )


@command(orders_app, "ignore")
async def ignore(orders: OrderNames, reason: Reason, who: Who = "", as_json: Json = False) -> int:
    """Leave them alone, whatever comes, until somebody retries them."""
    return await _each(
        orders,
        lambda desk, key: desk.ignore(key, reason, _me(who)),
        "is ignored",
        "was ignored already",
        as_json=as_json,
    )


@command(orders_app, "hold")
async def hold(orders: OrderNames, reason: Reason, who: Who = "", as_json: Json = False) -> int:
    """Do nothing about them until a person has looked and retries them."""
    return await _each(
        orders,
        lambda desk, key: desk.send_to_person(key, reason, _me(who)),
        "asks for attention",
        "asked for it already",
        as_json=as_json,
    )


@command(orders_app, "accept")
async def accept(order: OrderName, who: Who = "", as_json: Json = False) -> int:
    """Take its document's total as it is, in place of the order's."""
    return await _each(
        [order],
        lambda desk, key: desk.accept(key, _me(who)),
        "its total is accepted",
        "its total was accepted already",
        as_json=as_json,
    )


@command(orders_app, "credit")
async def credit(
    order: OrderName,
    refund: Annotated[str, typer.Argument(metavar="REFUND", help="The refund's id, as orders show says.")],
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Issue the credit note that waits for a person's word."""
    return await _each(
        [order],
        lambda desk, key: desk.issue_credit_note(key, refund, _me(who)),
        "its credit note will be issued now",
        "it is issued already",
        as_json=as_json,
    )


# ---------------------------------------------------------------------------------------------- events


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


@command(rest_app, "replay")
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


# ------------------------------------------------------------------------------------------ the whole


@command(rest_app, "stats")
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


@command(rest_app, "tail")
async def tail(
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=1000, help="So many past ones first.")
    ] = 10,
    since: Since = "",
    until: Until = "",
    as_json: Json = False,
) -> int:
    """What happens, as it happens, until Ctrl-C; what happened since a time; or between two times."""
    from bridge.server import stop_on_signals

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
