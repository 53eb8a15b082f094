"""Random carts of each platform through the whole bridge, with a sandbox that rounds by one rule.

The carts are priced by the platforms' arithmetic and the documents totalled by the sandbox's; the bridge
stands between the two and is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from bridge.billing.rounding import FirmRounding
from bridge.sandbox import ROUNDINGS, SandboxConfig
from bridge.sandbox.records import Invoice
from tests.builders.carts import CARTS, Charged
from tests.worlds.in_process import Here, bridge_here

ORDINARY: Mapping[str, str] = {
    "per line": "exact_vat_line",
    "per rate": "exact_vat_rate",
    "VAT-included per line": "exact_gross_line",
    "VAT-included per rate": "exact_gross_rate",
    "two-decimal lines": "line2_vat_once",
    "VAT-included per unit": "exact_gross_unit",
    "half even": "line3_vat_rate_even",
}
OUTLANDISH: Mapping[str, str] = {
    "floor per line": "line2_vat_line_floor",
    "ceiling per line": "line2_vat_line_ceiling",
    "floor of the total": "exact_vat_once_floor",
    "to five cents": "five_cents",
}
PLENTY = 10**6
QUOTA = {"requests_per_5_minutes": PLENTY, "requests_per_day": PLENTY}


@dataclass(slots=True)
class Tally:
    """Of orders; `right` and `wrong`: final documents by their totals; `held`: a person is asked; `known`:
    what the bridge knows of the rule in the end; `calls`: an order's, calibration not counted."""

    orders: int = 0
    right: int = 0
    wrong: int = 0
    held: int = 0
    calls: int = 0
    known: str = ""

    @property
    def held_share(self) -> float:
        return self.held / self.orders

    @property
    def calls_each(self) -> float:
        return self.calls / self.orders


async def live(redis_url: str, rule: str, *, calibrated: bool, carts: int, seed: int = 1) -> Tally:
    """So many carts of each platform, over an empty store and an empty firm."""
    config = SandboxConfig(rounding=ROUNDINGS[rule], **QUOTA)  # type: ignore[arg-type]
    shops: Any = {name: {"partial_refunds": "final"} for name in ("boutique", "atelier", "abonnements")}
    tally, chance = Tally(), Random(f"{rule} {seed}")
    async with bridge_here(redis_url, config, calibrated=False, facturation=QUOTA, **shops) as here:
        if calibrated:
            await here.services.calibrator.with_seed(seed).tend()
            here.forget_calls()
        for id_ in range(1, carts + 1):
            for cart in CARTS.values():
                await _order(here, cart(chance, id_), tally)
        known = FirmRounding.read(await here.services.store.rounding())
        tally.known = known.text if known.held else f"{len(known.candidates)} left"
        tally.calls = len(here.calls())
    return tally


async def _order(here: Here, cart: Charged, tally: Tally) -> None:
    tally.orders += 1
    state = await here.sync(await here.accept(cart.payload, cart.topic, shop=cart.shop))
    _judge(here.invoices(cart.key), cart.total, tally)
    for refund in cart.refunds if state["state"] == "done" else ():
        await here.accept(refund, "refunds/create")
        state = await here.sync(cart.key)
        amount = sum((Decimal(each["amount"]) for each in refund["transactions"]), Decimal(0))
        _judge(here.invoices(f"shopify:boutique:refund:{refund['id']}"), -amount, tally)
    tally.held += state["state"] != "done"


def _judge(documents: list[Invoice], total: Decimal, tally: Tally) -> None:
    """A reversal is the vendor's own, whatever it comes to."""
    for document in documents:
        if not document.draft and document.refund_id is None:
            tally.right += document.totals.total_with_vat == total
            tally.wrong += document.totals.total_with_vat != total
