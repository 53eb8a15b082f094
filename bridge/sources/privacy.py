"""What a platform passes on about personal data: somebody wants to see theirs, or wants them gone.

A platform that does so has a module with the members of `PrivacySource`, which its `PRIVACY` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol


class Wanted(StrEnum):
    """What is asked for."""

    REPORT = "report"  # what is kept about a buyer
    ERASE_BUYER = "erase_buyer"
    ERASE_SHOP = "erase_shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRequest:
    """One such request. `customer`: the buyer's key, "" for a whole shop or an unknown one; `email` in lower
    case, or ""; `orders`: the keys of those that it names; `shop`: what the platform calls the shop."""

    wanted: Wanted
    shop: str = ""
    customer: str = ""
    email: str = field(default="", repr=False)
    orders: tuple[str, ...] = ()


class PrivacySource(Protocol):
    """The members of such a module. Pure, as the sources are."""

    TERMS: Mapping[str, timedelta]
    """Topic → how long there is to act, counted from its receipt. Such an event's id begins with `topic:`."""

    def request_of(self, shop: str, topic: str, body: bytes) -> PrivacyRequest:
        """What this event of one of the topics asks. Raises NeedsPerson when it has another shape."""
        ...

    def is_about(self, request: PrivacyRequest, topic: str, body: bytes) -> bool:
        """Is this event, which belongs to no order, the buyer's own? Not only one that mentions them."""
        ...
