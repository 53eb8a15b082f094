"""How many requests to Facturation.pro an order costs once the system knows its shop."""

from __future__ import annotations

import time

from bench.ground import Ground
from bench.system import System, system
from bench.table import Goal, Table

ORDERS = 20


def run(ground: Ground) -> list[Table]:
    """Counted by the sandbox."""
    with system(ground) as running:
        known = _calls(running, [0] * ORDERS)
        new = _calls(running, list(range(1, ORDERS + 1)))
        before = running.requests
        running.repeat(buyer=ORDERS)
        time.sleep(1)  # more than any run takes; what was sent in it shows with the next invoice
        running.send(buyer=0)
        running.invoiced()
        repeated = running.requests - before - known
    rows = [("new order, known customer", known), ("new order, new customer", new), ("repeated", repeated)]
    goals = [
        Goal("known customer", known, 1, 1, at_least=False),
        Goal("new customer", new, 3, 3, at_least=False),
    ]
    return [Table("calls: requests to Facturation.pro", ("delivery", "requests each"), rows, goals)]


def _calls(running: System, buyers: list[int]) -> float:
    before = running.requests
    for buyer in buyers:
        running.send(buyer)
        running.invoiced()
    return (running.requests - before) / len(buyers)
