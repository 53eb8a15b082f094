"""A configured shop, as syncing sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.billing.rules import Rules
from bridge.sources.base import Source

Fetch = Callable[[str], Awaitable[bytes]]
"""path → body, from the platform's own API. Raises RetryLater or NeedsPerson."""


@dataclass(frozen=True, slots=True)
class Shop:
    """`fetch`: None without a `platform_api_key`."""

    name: str
    source: Source
    rules: Rules
    fetch: Fetch | None = None
