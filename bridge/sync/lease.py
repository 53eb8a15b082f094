"""The hold on one order, renewed beside the run for as long as the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from bridge.errors import StoreUnavailable
from bridge.store.store import LEASE
from bridge.store.values import Lease


class Renewing(Protocol):
    """What keeping a lease needs of the store."""

    async def extend(self, lease: Lease) -> bool: ...


class Background(Protocol):
    """Runs something beside the loop, as long as the loop has the order."""

    def __call__(self, renewal: Callable[[], Awaitable[bool]], every: float) -> Callable[[], None]:
        """Calls `renewal` every so many seconds until it says False; returns what stops it."""
        ...


@asynccontextmanager
async def held(lease: Lease, store: Renewing, background: Background) -> AsyncIterator[None]:
    """Keeps the lease until the block ends."""

    async def renew() -> bool:
        try:
            return await store.extend(lease)
        except StoreUnavailable:
            return True

    stop = background(renew, LEASE.total_seconds() / 3)
    try:
        yield
    finally:
        stop()


def in_background(renewal: Callable[[], Awaitable[bool]], every: float) -> Callable[[], None]:
    """`Background` on asyncio."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(every)
            if not await renewal():
                return

    task = asyncio.create_task(beat())

    def stop() -> None:
        task.cancel()

    return stop
