"""How many orders become an invoice without a person, for each way in which Facturation.pro may round.

    .venv/bin/python -m bench.held_share [ORDERS] [SEED]

Their rounding not known: final at once; or a draft whose total is read back and which is right ("after
a look"); or whose lines are mended once; or held for a person. `calibrated`: the one rule is known.
"""

from __future__ import annotations

import random
import sys
import time

from bridge.billing.documents import documents_for
from bridge.billing.drafts import InvoiceDraft
from bridge.billing.rules import Rules
from bridge.billing.totals import ALL, Rounding, fitting, total_under
from bridge.orders import Order
from tests.billing.carts import cart

RULES = Rules()


def invoice(order: Order, rounding: frozenset[Rounding]) -> InvoiceDraft | None:
    """The invoice that would be made, None where a person is asked."""
    return documents_for(order, RULES, rounding).invoice


def uncalibrated(order: Order, first: InvoiceDraft | None, truth: Rounding) -> str:
    """What becomes of an order when `truth` is how they round, and nobody knows."""
    if first is None:
        return "held"
    observed = total_under(truth, first.lines)
    if observed == order.total:
        return "at once" if first.agreed else "after a look"
    mended = invoice(order, fitting(first.lines, observed))
    reached = mended is not None and mended.agreed and total_under(truth, mended.lines) == order.total
    return "mended" if reached else "held"


def main(orders: int, seed: int) -> None:
    """Prints the table."""
    pick = random.Random(seed).randint
    carts = [cart(pick) for _ in range(orders)]
    started = time.perf_counter()
    first = [invoice(order, ALL) for order in carts]
    each = (time.perf_counter() - started) / orders * 1000
    print(f"{orders} carts, seed {seed}; {each:.2f} ms an order uncalibrated\n")
    outcomes = ("at once", "after a look", "mended", "held")
    print(f"{'rule':<16}" + "".join(f"{name:>14}" for name in outcomes) + f"{'calibrated':>14}{'held':>8}")
    for truth in Rounding:
        ends = [uncalibrated(order, draft, truth) for order, draft in zip(carts, first, strict=True)]
        known = [invoice(order, frozenset({truth})) for order in carts]
        right = sum(
            draft is not None and draft.agreed and total_under(truth, draft.lines) == order.total
            for order, draft in zip(carts, known, strict=True)
        )
        shares = "".join(f"{ends.count(name) / orders:>14.1%}" for name in outcomes)
        print(f"{truth:<16}{shares}{right / orders:>14.1%}{1 - right / orders:>8.1%}")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    main(*(given + [1000, 1][len(given) :]))
