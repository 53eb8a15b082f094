"""How a sandbox behaves: credentials, quotas, and one switch for each thing the vendor does not document."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from bridge.sandbox.totals import DEFAULT_ROUNDING, SandboxRounding

PARIS = ZoneInfo("Europe/Paris")


def utc_now() -> datetime:
    return datetime.now(UTC)


class PaymentAtCreation(StrEnum):
    """What becomes of `paid_on`, `payment_mode`, `payment_ref` sent when an invoice is created."""

    KEPT = "kept"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """One simulated firm. The defaults accept what the public documentation shows."""

    firm_id: int = 1
    api_id: str = "4242"
    api_key: str = "sandbox-key"
    firm_name: str = "Bac à sable"
    rounding: SandboxRounding = DEFAULT_ROUNDING
    requests_per_5_minutes: int = 600
    requests_per_day: int = 10_000
    per_page: int = 30
    latency_seconds: float = 0.0
    """Real time each request waits before it is handled."""
    search_lag_seconds: float = 0.0
    """Age, by `clock`, at which a new record starts to appear in lists. It can be read by id at once."""
    accept_negative_quantity: bool = True
    """False refuses every line whose quantity or unit price is below zero."""
    payment_at_creation: PaymentAtCreation = PaymentAtCreation.KEPT
    refuse_earlier_dates: bool = True
    """True refuses to number an invoice dated before the last numbered one."""
    require_siret: bool = False
    """True refuses a French professional without a 14-digit SIRET."""
    deleted_stay_readable: bool = False
    """True keeps a deleted customer readable, marked `soft_deleted`."""
    clock: Callable[[], datetime] = utc_now
    """The current aware time: dates of records, quota windows, search lag."""

    def today(self) -> date:
        """The legal date, in France."""
        return self.clock().astimezone(PARIS).date()
