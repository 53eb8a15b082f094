"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    what: str = "",
    *,
    within: float = 30,
    every: float = 0.01,
) -> float:
    """Returns as soon as it holds, with the seconds that took; fails when it does not within so many."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return time.monotonic() - began
        await asyncio.sleep(every)
    raise AssertionError(f"not within {within:.0f} s: {what or condition}")
