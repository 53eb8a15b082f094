"""Commands out of the desk's table of operations: one line each says how it is called and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from inspect import Parameter, Signature
from typing import Any, Final

import typer
from pydantic import ValidationError

from bridge.cli.options import ASKED, DEFAULTS, EventName, Json, OrderName, OrderNames
from bridge.cli.terminal import FAILED, command, err, failed, me, open_desk, print_json, settings_here, tell
from bridge.cli.times import window
from bridge.cli.words import LANG, say, why
from bridge.desk.actions import Desk
from bridge.desk.operations import Operation
from bridge.desk.plain import plain
from bridge.desk.values import NotDone, Page, UnknownOrder
from bridge.errors import ConfigurationError
from bridge.reasons import because

OPTIONS: Final = {"query": "find"}
"""Fields whose option has another name."""


def query(app: typer.Typer, name: str, operation: Operation, show: Callable[[Any], None]) -> None:
    """A command that shows what an operation gives."""
    finder, argument = FINDERS.get(operation.about, (None, None))

    async def run(*, as_json: bool, name: str = "", **given: Any) -> int:
        async with open_desk() as desk:
            key = await finder(desk, name) if finder else ""
            found = await operation.run(desk, key, asked(operation, given))
        if as_json:
            print_json(_named(operation, plain(operation.gives, found, LANG.get())))
            return 0
        show(found)
        if isinstance(found, Page) and found.cursor:
            tell(f'{say("more")}: --cursor "{found.cursor}"', err)
        return 0

    _register(app, name, operation, run, {"name": argument} if argument else {})


def _named(operation: Operation, shown: Any) -> Any:
    """A page's rows by their own name (orders, events), an event as one object."""
    if "rows" in shown:
        return {operation.path: shown.pop("rows")} | shown
    return shown.pop("event") | shown if "event" in shown else shown


def action(app: typer.Typer, name: str, operation: Operation) -> None:
    """A command that does something to each order named; after a failure it goes on, and ends with 1."""
    several = "refund" not in operation.asked.model_fields

    async def run(*, orders: list[str] | str, as_json: bool, **given: Any) -> int:
        return await act(operation, [orders] if isinstance(orders, str) else orders, as_json, **given)

    _register(app, name, operation, run, {"orders": OrderNames if several else OrderName})


async def act(operation: Operation, orders: Sequence[str], as_json: bool, **given: Any) -> int:
    """Does it to each of these orders, and says so; the exit status."""
    wanted = asked(operation, given)
    results: list[dict[str, Any]] = []
    async with open_desk() as desk:
        for order in orders:
            try:
                key = await key_of(desk, order)
                done = (await operation.run(desk, key, wanted))["done"]
            except NotDone as exc:
                results.append({"order": order, "done": False, "error": why(exc.reason)})
                failed(why(exc.reason))
            else:
                results.append({"order": key, "done": done})
                if not as_json:
                    tell(f"{key}: {say(('done.' if done else 'already.') + operation.name)}")
    if as_json:
        print_json(results)
    return FAILED if any("error" in result for result in results) else 0


def _register(
    app: typer.Typer, name: str, operation: Operation, run: Any, arguments: Mapping[str, Any]
) -> None:
    """Gives `run` the signature and the words that Typer reads."""
    fields = operation.asked.model_fields
    kinds = {**arguments, **{field: ASKED[field] for field in fields}, "as_json": Json}
    optional = {field: DEFAULTS.get(field, "") for field in fields if not fields[field].is_required()}
    defaults = optional | {"as_json": False}
    run.__doc__ = operation.summary
    run.__signature__ = Signature(
        [
            Parameter(
                each, Parameter.KEYWORD_ONLY, annotation=kind, default=defaults.get(each, Parameter.empty)
            )
            for each, kind in kinds.items()
        ]
    )
    command(app, name)(run)


def asked(operation: Operation, given: Mapping[str, Any]) -> Any:
    """What the operation is asked, of what stands on the command line. Raises ConfigurationError."""
    values = {name: value for name, value in given.items() if value not in ("", None)}
    times = window(given.get("since", ""), given.get("until", ""), datetime.now().astimezone())
    values |= {name: at for name, at in zip(("since", "until"), times, strict=True) if at}
    if operation.acts:
        values["who"] = me(given["who"])
    try:
        return operation.asked(**values)
    except ValidationError as exc:
        wrong = {str(each["loc"][0]): each["msg"].removeprefix("Value error, ") for each in exc.errors()}
        problems = (f"--{OPTIONS.get(name, name)}: {said}" for name, said in wrong.items())
        raise ConfigurationError(*problems) from exc


async def key_of(desk: Desk, name: str) -> str:
    """The one order of this key or number. Raises UnknownOrder, NotDone when there are several."""
    rows = (await desk.orders(query=name)).rows
    if not rows:
        raise UnknownOrder(because("no_order", order=name))
    exact = [row for row in rows if row.key == name] or list(rows)
    if len(exact) > 1:
        raise NotDone(because("several_orders", name=name, keys=", ".join(row.key for row in exact)))
    return exact[0].key


async def event_of(desk: Desk, name: str) -> str:
    """The id of an event, also where its shop is left out, as in what the shop was answered."""
    for event_id in (name, *(f"{shop}:{name}" for shop in settings_here().shops)):
        if await desk.event(event_id) is not None:
            return event_id
    return name


FINDERS: Final = {"key": (key_of, OrderName), "id": (event_of, EventName)}
"""What an operation is about → how it is found, and named on the command line."""
