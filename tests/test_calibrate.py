"""Calibration finds each rule, keeps it, and leaves nothing behind."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bridge.billing.totals import Rounding
from bridge.calibrate import calibrate
from bridge.facturation.client import open_client
from bridge.facturation.quota import Quota
from bridge.facturation.sandbox import SandboxConfig, SandboxRounding, SandboxTransport, create_sandbox
from bridge.store import Store


@pytest.mark.parametrize("rule", Rounding)
async def test_the_rule_is_found_and_kept(redis: Redis, rule: Rounding) -> None:
    app = create_sandbox(SandboxConfig(rounding=SandboxRounding(rule.value)))
    store = Store(redis, retention=timedelta(days=1))
    async with open_client(
        base_url="http://sandbox",
        firm_id=1,
        api_id="4242",
        api_key=SecretStr("sandbox-key"),
        contact="ops@example.com",
        quota=Quota(redis, firm_id=1),
        transport=SandboxTransport(app),
    ) as client:
        found = await calibrate(client, store, date(2026, 11, 22))
    assert found.rule is rule
    assert await redis.hget("bridge:meta", "rounding") == rule.value.encode()
    sandbox = app.state.sandbox
    assert (sandbox.customers, sandbox.invoices) == ([], [])
