"""Everything that alerts are judged by, as it was seen at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bridge.facturation.quota import QuotaState
from bridge.reasons import Reason
from bridge.store.values import Vitals
from bridge.valkey.durability import Durability


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """An order that asks for a person. `created`: its first event; `since`: it asks; `total`: 0 where nobody
    could read it."""

    key: str
    created: datetime
    since: datetime
    reason: Reason
    total: Decimal = Decimal(0)
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """Signs of life of one shop. `refused`: wrong signatures since the last good event, `refused_since` the
    first of them; `hours`: events by hour since 1970."""

    shop: str
    last_event: datetime | None = None
    refused: int = 0
    refused_since: datetime | None = None
    hours: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The longest waiting of the orders that are due, not waiting for the shop's next word."""

    key: str
    since: datetime
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that is judged. `raised`: keys of the alerts that stand already."""

    vitals: Vitals
    durability: Durability
    quota: QuotaState
    asking: tuple[Asking, ...] = ()
    pulses: tuple[Pulse, ...] = ()
    stuck: Stuck | None = None
    raised: frozenset[str] = frozenset()
    silence: bool = True

    @property
    def now(self) -> datetime:
        """Redis' clock."""
        return self.vitals.now
