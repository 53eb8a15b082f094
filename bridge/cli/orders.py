"""`bridge orders`: the commands of people who look after the orders."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.looking import ShopName, platform_of
from bridge.cli.operations import act, action, asked, key_of, query
from bridge.cli.options import EarlierOf, Json, OrderName, Who
from bridge.cli.tables import show_balance, show_orders, show_replayed, show_story
from bridge.cli.terminal import command, open_bridge, open_desk, print_json, tell
from bridge.cli.words import say
from bridge.desk.operations import OPERATIONS
from bridge.desk.values import Balance
from bridge.errors import ConfigurationError
from bridge.looking.importing import fetch_sale

app = typer.Typer()
orders = typer.Typer(name="orders", help="Look at orders, and decide about them.", no_args_is_help=True)
app.add_typer(orders)

query(orders, "list", OPERATIONS["list_orders"], show_orders)
query(orders, "show", OPERATIONS["read_order"], show_story)
action(orders, "retry", OPERATIONS["retry_order"])
action(orders, "ignore", OPERATIONS["ignore_order"])
action(orders, "hold", OPERATIONS["send_to_person"])
action(orders, "credit", OPERATIONS["issue_credit_note"])


@command(orders, "accept")
async def accept(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ORDER", help="Keys, or numbers if they are unique.")
    ] = None,
    earlier: EarlierOf = "",
    who: Who = "",
    as_json: Json = False,
) -> int:
    """Take documents' totals as they are; or take in orders placed before `invoice_from`."""
    if bool(names) == bool(earlier):
        raise ConfigurationError("--earlier: name orders, or the shop whose earlier orders are all taken in")
    if names:
        return await act(OPERATIONS["accept_difference"], names, as_json, who=who)
    async with open_desk() as desk:
        wanted = asked(OPERATIONS["accept_earlier"], {"shop": earlier, "who": who})
        return show_replayed(await desk.accept_earlier(**dict(wanted)), as_json=as_json)


@command(orders, "fetch")
async def fetch(
    shop: ShopName,
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="The order's number, or the platform's id.")
    ],
    as_json: Json = False,
) -> int:
    """Ask the platform for one sale, whatever invoice_from says. Nothing is made twice."""
    async with open_bridge() as services:
        order, arrivals = await fetch_sale(services.store, platform_of(services, shop), number)
    if as_json:
        print_json({"order": order, "recorded": arrivals.fates["accepted"]})
    else:
        tell(f"{order}: {say('done.fetch' if arrivals.fates['accepted'] else 'already.fetch')}")
    return 0


Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="The document's, as Facturation.pro prints it.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only the balance is shown.")]


@command(orders, "attach")
async def attach(
    order: OrderName, number: Number, yes: Yes = False, who: Who = "", as_json: Json = False
) -> int:
    """Count a document that you made among the order's, or show what its balance would be."""
    return await _count("attach_document", order, number, as_json, who=who, dry_run=not yes)


@command(orders, "detach")
async def detach(
    order: OrderName, number: Number, yes: Yes = False, who: Who = "", as_json: Json = False
) -> int:
    """Count a document that was attached no more, or show what the order's balance would be."""
    return await _count("detach_document", order, number, as_json, who=who, dry_run=not yes)


async def _count(name: str, order: str, number: str, as_json: bool, **given: str | bool) -> int:
    operation = OPERATIONS[name]
    async with open_desk() as desk:
        wanted = asked(operation, {"number": number, **given})
        found: Balance = await operation.run(desk, await key_of(desk, order), wanted)
    if as_json:
        print_json(found, Balance)
    else:
        show_balance(found)
    return 0
