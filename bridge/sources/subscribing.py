"""How a platform is told where to send its webhooks, and which it sends.

A platform that can be told so has a module with the members of `Subscribing`, which its `SUBSCRIBING` names.
It is pure: requests out, answers in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What the platform sends, and where to. `active`: it does send now."""

    id: str
    topics: frozenset[str]
    address: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that changes something. `content`: as JSON, or with `form` as a form."""

    method: str
    path: str
    content: Mapping[str, Any] = field(repr=False)
    form: bool = False


class Subscribing(Protocol):
    """The members of such a module."""

    TOPICS: tuple[str, ...]
    """What the bridge wants to hear."""
    PATH: str
    """Where the list of subscriptions is; it fits one page."""

    def subscriptions(self, body: bytes) -> tuple[Subscription, ...]:
        """All that the key may see. Raises UnreadableBody."""
        ...

    def create(self, topics: Sequence[str], address: str, secret: str) -> tuple[Call, ...]:
        """How these topics are sent to `address` from now on, signed with `secret` where the platform lets us
        choose it. Raises NeedsPerson where only a person can."""
        ...

    def mend(self, subscription: Subscription, topics: Sequence[str], address: str, secret: str) -> Call:
        """How one that sends nothing, too little or elsewhere is set right; `topics`: all of them."""
        ...
