"""The commands of people who look after the orders. What they show and do is the desk's (bridge/desk)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge.cli.options import Cursor, Json, Limit, Shop, Since, Until, Who
from bridge.cli.tables import show_orders, show_story
from bridge.cli.terminal import FAILED, command, err, out
from bridge.cli.terminal import me as _me
from bridge.cli.terminal import open_desk as _desk
from bridge.cli.terminal import print_json as _print_json
from bridge.cli.times import window
from bridge.errors import ConfigurationError

if TYPE_CHECKING:
    from bridge.desk import Desk

orders_app = typer.Typer(name="orders", help="Look at orders, and decide about them.", no_args_is_help=True)


def _states() -> list[str]:
    from bridge.desk import State

    return list(State)


Reason = Annotated[str, typer.Option(help="Why; written down with the order.")]
OrderNames = Annotated[
    list[str], typer.Argument(metavar="ORDER", help="Keys, or numbers if they are unique.")
]
OrderName = Annotated[str, typer.Argument(metavar="ORDER", help="Its key, or its number if that is unique.")]


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
