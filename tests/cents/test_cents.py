"""A small `python -m tests.cents`: whatever the rule, no final document of a wrong total."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cents.living import ORDINARY, OUTLANDISH, live

CARTS = 4
"""Of each platform, for each rule."""


@pytest.mark.parametrize("calibrated", [False, True], ids=["unknown", "calibrated"])
@pytest.mark.parametrize("rule", ORDINARY.values())
async def test_an_ordinary_rule_costs_nobody_a_cent_or_a_question(
    redis: Any, redis_url: str, rule: str, calibrated: bool
) -> None:
    tally = await live(redis_url, rule, calibrated=calibrated, carts=CARTS)
    assert (tally.wrong, tally.held) == (0, 0)
    assert tally.right >= tally.orders
    assert (tally.known == rule) == calibrated


@pytest.mark.parametrize("calibrated", [False, True], ids=["unknown", "calibrated"])
@pytest.mark.parametrize("rule", OUTLANDISH.values())
async def test_an_outlandish_rule_makes_no_final_document_wrong(
    redis: Any, redis_url: str, rule: str, calibrated: bool
) -> None:
    tally = await live(redis_url, rule, calibrated=calibrated, carts=CARTS)
    assert tally.wrong == 0
    assert tally.known.endswith(" left")
