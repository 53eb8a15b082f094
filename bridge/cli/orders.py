"""`bridge orders`: the commands of people who look after the orders."""

from __future__ import annotations

import typer

from bridge.cli.operations import action, query
from bridge.cli.tables import show_orders, show_story
from bridge.desk.operations import OPERATIONS

app = typer.Typer()
orders = typer.Typer(name="orders", help="Look at orders, and decide about them.", no_args_is_help=True)
app.add_typer(orders)

query(orders, "list", OPERATIONS["list_orders"], show_orders)
query(orders, "show", OPERATIONS["read_order"], show_story)
action(orders, "retry", OPERATIONS["retry_order"])
action(orders, "ignore", OPERATIONS["ignore_order"])
action(orders, "hold", OPERATIONS["send_to_person"])
action(orders, "accept", OPERATIONS["accept_difference"])
action(orders, "credit", OPERATIONS["issue_credit_note"])
