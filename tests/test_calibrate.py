"""Calibration finds each rule, keeps it, and leaves nothing behind."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bridge.billing.totals import Rounding
from bridge.facturation.client import open_client
from bridge.facturation.quota import Quota
from bridge.facturation.wire import Wire
from bridge.sandbox import SandboxConfig, SandboxRounding, SandboxTransport, create_sandbox
from bridge.sources.base import ForOrder
from bridge.store.store import Store
from bridge.store.values import HeldOrder, Lease
from bridge.sync.calibration import calibrate


async def _view_of_an_order(store: Store) -> HeldOrder:
    """What a worker sees with its next order."""
    key = "shopify:boutique:order:1"
    identity = ForOrder(event_id="e", topic="orders/paid", order_key=key)
    await store.record("boutique", "shopify", identity, {}, b"{}")
    view = await store.take(Lease(order_key=key, token="t"))
    assert view
    return view


@pytest.mark.parametrize("rule", Rounding)
async def test_the_rule_is_found_and_kept(redis: Redis, rule: Rounding) -> None:
    app = create_sandbox(SandboxConfig(rounding=SandboxRounding(rule.value)))
    store = Store(redis, retention=timedelta(days=1))
    async with open_client(
        Wire(
            base_url="http://sandbox",
            firm_id=1,
            api_id="4242",
            api_key=SecretStr("sandbox-key"),
            contact="ops@example.com",
            quota=Quota(redis, firm_id=1),
            transport=SandboxTransport(app),
        )
    ) as client:
        found = await calibrate(client, store, date(2026, 11, 22))
    assert found.rule is rule
    view = await _view_of_an_order(store)
    assert view.rounding == rule.value
    sandbox = app.state.sandbox
    assert (sandbox.customers, sandbox.invoices) == ([], [])
