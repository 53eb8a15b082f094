"""Fees that are money, channels that are left out, parts of orders, and what is still waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bridge.billing.documents import documents_for
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import Rules, Suborders
from bridge.orders import Line, LineKind, Tax
from tests.builders.orders import order_of

SOLD = Line(id="1", title="Lampe", gross=Decimal(120), taxes=(Tax(amount=Decimal(20), rate=Decimal("0.2")),))
WALLET = Line(id="W", kind=LineKind.FEE, title="Via Wallet", gross=Decimal(-20))


def test_a_wallet_pays_the_sale_and_makes_it_no_smaller() -> None:
    order = order_of(SOLD, WALLET)
    documents = documents_for(order, Rules(stored_value=("via wallet",)), UNKNOWN)
    assert documents.invoice is not None
    assert documents.invoice.total == Decimal(120)
    assert documents.invoice.paid is not None


def test_a_negative_fee_of_another_name_asks_what_it_is() -> None:
    documents = documents_for(order_of(SOLD, WALLET), Rules(), UNKNOWN)
    assert documents.hold.code == "fee_may_be_money"


@pytest.mark.parametrize(
    ("changed", "rules", "code"),
    [
        ({"channel": "Amazon"}, Rules(skip_channels=("amaz*",)), "channel_skipped"),
        ({"part_of": "241"}, Rules(), "part_of_another"),
        ({"has_parts": True}, Rules(suborders=Suborders.CHILDREN), "split_into_parts"),
        ({"channel": "web"}, Rules(skip_channels=("amaz*",)), ""),
        ({"part_of": "241"}, Rules(suborders=Suborders.CHILDREN), ""),
        ({"has_parts": True}, Rules(), ""),
    ],
)
def test_what_is_no_sale_of_this_shop_is_ignored_by_name(
    changed: dict[str, object], rules: Rules, code: str
) -> None:
    order = replace(order_of(SOLD), **changed)  # type: ignore[arg-type]
    assert documents_for(order, rules, UNKNOWN).ignore.code == code


def test_the_first_invoice_waits_for_offers_after_the_payment() -> None:
    order, rules = order_of(SOLD), Rules(wait_minutes=10)
    assert order.paid_at is not None
    until = order.paid_at + timedelta(minutes=10)
    early = documents_for(order, rules, UNKNOWN, now=until - timedelta(seconds=1))
    assert (early.wait.code, early.waits_until, early.invoice) == ("waits_for_offers", until, None)
    assert documents_for(order, rules, UNKNOWN, now=until).invoice is not None
