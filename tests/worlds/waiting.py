"""Waiting for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str = "", seconds: float = 15) -> None:
    """Returns as soon as it holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what or condition}")
