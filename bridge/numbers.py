"""Foreign JSON with its numbers exact, and of a size that anything has: arithmetic with 1E-999999999 does not
end, and a text of 1E999999 is a million digits long."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

LONGEST = 30
"""Digits of a number, and places by which its point may be moved."""
NOT_A_NUMBER = float("nan")


def fits(number: Decimal) -> bool:
    """Is it finite, and of a size that amounts, quantities, rates or ids have?"""
    return (
        number.is_finite() and abs(number.adjusted()) <= LONGEST and len(number.as_tuple().digits) <= LONGEST
    )


def whole_number(digits: str) -> int | float:
    """For `json.loads(parse_int=…)`."""
    return int(digits) if len(digits) <= LONGEST else NOT_A_NUMBER


def exact_json(body: bytes | str) -> Any:
    """What the JSON says, decimals as Decimal. A number that does not fit becomes NaN, which no field takes:
    so only who needs that number fails. Raises ValueError, RecursionError."""
    return json.loads(body, parse_float=_decimal, parse_int=whole_number)


def _decimal(text: str) -> Decimal | float:
    number = Decimal(text) if len(text) <= 2 * LONGEST else Decimal("Infinity")
    return number if fits(number) else NOT_A_NUMBER
