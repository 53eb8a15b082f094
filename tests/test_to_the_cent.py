"""Promise 3, checked from outside: what each platform charged is what Facturation.pro's document says.

The carts are priced by the platforms' arithmetic, the documents totalled by the sandbox's, under each
rounding rule that Facturation.pro may follow. Our own code for cents stands between the two and is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from bridge.billing.rounding import CANDIDATES
from bridge.sandbox import ROUNDINGS, SandboxConfig
from bridge.sandbox.records import Invoice
from tests.builders.carts import CARTS, Charged
from tests.worlds.in_process import Here, bridge_here

D = Decimal
EACH = 8
"""Carts of a platform under a rule."""


def vat_in(document: Invoice) -> dict[Decimal, Decimal]:
    """VAT by rate, as the sandbox's lines have it, not rounded."""
    found: dict[Decimal, Decimal] = {}
    for line in document.items:
        found[line.priced.vat] = found.get(line.priced.vat, D(0)) + line.total * line.priced.vat
    return {rate: amount for rate, amount in found.items() if rate}


def differs(one: Mapping[Decimal, Decimal], other: Mapping[Decimal, Decimal], slack: Decimal) -> bool:
    return any(abs(one.get(rate, D(0)) - other.get(rate, D(0))) > slack for rate in {*one, *other})


async def invoiced(here: Here, cart: Charged) -> bool:
    """It has exactly one invoice of what was charged; or a person was asked, with a reason."""
    state = await here.sync(await here.accept(cart.payload, cart.topic, shop=cart.shop))
    if state["state"] == "attention":
        assert len(state["reason"]) > 30
        assert all(document.draft for document in here.invoices(cart.key))
        return False
    assert state["state"] == "done", state
    (document,) = here.invoices(cart.key)
    assert (document.totals.total_with_vat, document.draft) == (cart.total, False)
    assert not differs(vat_in(document), cart.vat, D("0.01") * (cart.lines + 1)), (cart.vat, document.items)
    return True


async def credited(here: Here, cart: Charged) -> None:
    """All the money went back: nothing is left of the sale, nor of its VAT."""
    for refund in cart.refunds:
        await here.accept(refund, "refunds/create")
        assert (await here.sync(cart.key))["state"] == "done"
    keys = [cart.key, *(f"shopify:boutique:refund:{refund['id']}" for refund in cart.refunds)]
    documents = [document for key in keys for document in here.invoices(key)]
    assert len(documents) == 1 + len(cart.refunds)
    assert sum(document.totals.total_with_vat for document in documents) == 0
    left: dict[Decimal, Decimal] = {}
    for document in documents:
        for rate, amount in vat_in(document).items():
            left[rate] = left.get(rate, D(0)) + amount
    assert not differs(left, {}, D("0.01") * (cart.lines + 2)), (cart.vat, left)


@pytest.mark.parametrize("rule", list(CANDIDATES)[::3])
@pytest.mark.parametrize("platform", CARTS)
async def test_what_was_charged_is_what_is_invoiced(
    redis: Any, redis_url: str, platform: str, rule: str
) -> None:
    chance = Random(f"{platform} {rule}")
    config = SandboxConfig(rounding=ROUNDINGS[rule])
    async with bridge_here(redis_url, config, settle=0.3, boutique={"partial_refunds": "final"}) as here:
        held = 0
        for id_ in range(1, EACH + 1):
            cart = CARTS[platform](chance, id_)
            if not await invoiced(here, cart):
                held += 1
            elif cart.refunds:
                await credited(here, cart)
        assert held <= EACH // 4
