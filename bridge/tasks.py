"""Ending what runs beside the main thing."""

from __future__ import annotations

import asyncio
from typing import Any


async def end(task: asyncio.Task[Any]) -> None:
    """Cancels until it has ended, however it ends.

    One cancellation can get lost where it meets the end of a call to Redis: redis-py sends through
    `asyncio.wait_for`, which swallows it then until Python 3.12. What goes on in a loop goes on for ever, and
    a process that was told to stop never does. https://github.com/python/cpython/issues/86296
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
    if not task.cancelled():
        task.exception()  # whoever wants it asks for it; asyncio shall not complain that nobody did
