"""Which payments an order claims: ids that mean the same payment wherever they stand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.billing.claims import claims_of
from bridge.movements import Movement, PaymentMethod
from tests.builders.orders import order_of


@pytest.mark.parametrize(
    ("reference", "claimed"),
    [
        ("pi_3PqAbC", True),
        ("ch_3PqAbC", True),
        ("8MC585209K746392H", True),
        ("tr_7UhSN1zuXS", True),
        ("402-0000030-0000030", True),
        ("53433", False),  # a terminal's authorisation code: the next day it is somebody else's
        ("", False),
        ("N/A", False),
        ("pi_", False),
        ("re_3PqAbC", False),
    ],
)
def test_only_ids_that_are_unique_in_the_world_are_claimed(reference: str, claimed: bool) -> None:
    payment = Movement(method=PaymentMethod.CARD, reference=reference)
    assert claims_of(replace(order_of(), movements=(payment,))) == ((reference,) if claimed else ())


def test_a_payment_named_twice_is_claimed_once() -> None:
    payment = Movement(method=PaymentMethod.CARD, reference="pi_1")
    order = replace(order_of(), movements=(payment,), payment_ids=("ch_1", "pi_1"))
    assert claims_of(order) == ("pi_1", "ch_1")
