"""A short life in chaos. `make chaos N=2000 SEED=1` is a longer one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.builders.sales import sale
from tests.chaos.audit import violations
from tests.chaos.chaos import GRACE, chaos, listened
from tests.chaos.nemesis import RETRY_AFTER, Disturbance

T = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.timeout(240)
async def test_what_was_acknowledged_in_chaos_is_invoiced_exactly_once() -> None:
    verdict = await chaos(120, 6, patience=90)
    print(verdict)
    assert not verdict.problems, str(verdict)
    assert sum(n for name, n in verdict.mishaps.items() if name.startswith("kill")) >= 10
    assert verdict.silences >= 1
    assert verdict.answers["accepted"] >= 240


def _customer(email: str) -> dict[str, object]:
    return {"email": email, "api_custom": None}


def _state(**more: object) -> dict[str, object]:
    invoice = {
        "api_custom": "shopify:boutique:order:6100000000001",
        "invoice_ref": 1,
        "total_with_vat": "48.0",
    }
    return {"invoices": [invoice | more], "customers": [_customer("buyer-1@example.fr")]}


def test_the_audit_sees_what_is_wrong() -> None:
    one = sale("shopify", 1, shop="boutique", buyer=1, refund="none", placed=T)
    assert violations(_state(), [one]) == []
    assert "is still a draft" in violations(_state(invoice_ref=None), [one])[0]
    assert "not to 48.00" in violations(_state(total_with_vat="47.99"), [one])[0]
    assert "nobody asked for" in violations(_state(), [])[0]
    missing = {"invoices": [], "customers": [_customer("a@b.fr"), _customer("a@b.fr")]}
    assert violations(missing, [one]) == [f"{one.key}: 0 documents in place of 1", "a@b.fr: 2 customers"]


def test_a_request_during_a_retry_after_is_heard() -> None:
    def request(seconds: float, status: int) -> dict[str, object]:
        at = (T + timedelta(seconds=seconds)).isoformat()
        return {"at": at, "status": status, "method": "GET", "path": "/invoices.json"}

    refused, late, after = request(0, 429), request(GRACE + 0.2, 200), request(RETRY_AFTER, 200)
    assert listened([refused, request(GRACE - 0.2, 200), after], []) == (1, [])
    assert len(listened([refused, late, after], [])[1]) == 1
    begin = T.timestamp()
    assert listened([refused, late], [Disturbance(begin + 1, begin + 2)]) == (0, [])
    assert listened([refused, after], [Disturbance(begin - 9, begin - 2)]) == (1, [])
