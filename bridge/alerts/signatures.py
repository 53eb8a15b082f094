"""How many deliveries in a row one web process had to refuse for their signature, shop by shop.

Counted in memory: anybody can send wrong signatures, and none of them is worth a write to Redis.
"""

from __future__ import annotations

from collections import Counter


class RejectedSignatures:
    """See the module."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def refused(self, shop: str) -> None:
        """A signature was wrong or missing."""
        self._counts[shop] += 1

    def heard(self, shop: str) -> None:
        """A signature was right: those before it were no fault of the secret."""
        self._counts.pop(shop, None)

    def put_back(self, shop: str, count: int) -> None:
        """These could not be written down."""
        self._counts[shop] += count

    def drain(self) -> dict[str, int]:
        """What came since the last time."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts
