"""From the acknowledgement to the invoice, the system being idle and Facturation.pro instant."""

from __future__ import annotations

import random
import time

from bench.ground import Ground
from bench.system import system
from bench.table import Cell, Goal, Table

ORDERS = {"known": 100, "new": 50}
"""By whether the customer is known."""


def run(ground: Ground) -> list[Table]:
    """Orders one by one, at moments that have nothing to do with the worker's rhythm."""
    rows: list[list[Cell]] = []
    with system(ground) as running:
        for who, orders in ORDERS.items():
            waits = []
            for n in range(orders):
                time.sleep(random.uniform(0.02, 0.12))
                acknowledged = running.send(buyer=0 if who == "known" else n + 1)
                waits.append((running.invoiced() - acknowledged) * 1000)
            waits.sort()
            rows.append([who, orders, *(round(waits[int(orders * share)], 1) for share in (0.5, 0.9, 0.99))])
    p50 = rows[0][2]
    assert isinstance(p50, float)
    goals = [Goal("p50 of known customers, ms", p50, 150, 50, at_least=False)]
    headings = ("customer", "orders", "p50 ms", "p90 ms", "p99 ms")
    return [Table("latency: 200 → invoice, idle", headings, rows, goals)]
