"""The grammar of keys, made and parsed here only: `platform:shop:kind:id`. Pure.

A key names a sale, a buyer or an event for good: in Redis, in addresses, and in Facturation.pro as
`api_custom` or `api_id`. An id may hold colons; the parts before it never do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ORDER: Final = "order"
REFUND: Final = "refund"
CUSTOMER: Final = "customer"
EVENT: Final = "event"
"""The kind of what asks for a person although it belongs to no order."""
PAYMENT: Final = "payment"
"""The kind of the place where payment events wait until somebody knows their order (record.lua)."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `kind`: a platform may have kinds of its own beside those above."""

    platform: str
    shop: str
    kind: str
    id: str

    @property
    def scope(self) -> str:
        """What all keys of its shop begin with."""
        return f"{self.platform}:{self.shop}:"

    def sibling(self, kind: str, id_: str) -> Key:
        """Another key of the same shop."""
        return Key(self.platform, self.shop, kind, id_)

    def __str__(self) -> str:
        return f"{self.scope}{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key that `text` spells; parts that it lacks are ""."""
        parts = text.split(":", 3)
        return cls(*parts, *[""] * (4 - len(parts)))
