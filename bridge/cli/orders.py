"""`bridge orders`: the commands of people who look after the orders."""

from __future__ import annotations

import typer

from bridge.cli.operations import action, query
from bridge.cli.tables import show_orders, show_story
from bridge.desk import operations

app = typer.Typer()
orders = typer.Typer(name="orders", help="Look at orders, and decide about them.", no_args_is_help=True)
app.add_typer(orders)

query(orders, "list", operations.list_orders, show_orders)
query(orders, "show", operations.read_order, show_story)
action(orders, "retry", operations.retry_order)
action(orders, "ignore", operations.ignore_order)
action(orders, "hold", operations.send_to_person)
action(orders, "accept", operations.accept_difference)
action(orders, "credit", operations.issue_credit_note)
