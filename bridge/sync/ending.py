"""How a run ends: in which state the order rests, why, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bridge.errors import AccessRefused, RetryLater
from bridge.facturation.wire import REFUSED_PAUSE
from bridge.orders import Ignored, Incomplete, Unfinished
from bridge.reasons import Reason, because
from bridge.store.store import RESTS
from bridge.store.values import HeldOrder, Outcome
from bridge.sync.exactly_once import Clock

GIVE_UP = timedelta(hours=72)
"""After so long of failing, or of waiting for the rest of an order, a person is asked."""
POISON = 5
"""An order taken so often without ever being let go has been killing its worker."""


@dataclass(frozen=True, slots=True)
class Ending:
    """`after`: seconds until the next try, for WAITING; `counted`: as a failed attempt."""

    outcome: Outcome
    reason: Reason
    after: float = 0.0
    counted: bool = False


def without_order(folded: Ignored | Unfinished | Incomplete, view: HeldOrder, clock: Clock) -> Ending:
    """The events do not make an order, or not yet."""
    if isinstance(folded, Ignored):
        return Ending(Outcome.IGNORED, folded.reason)
    now = clock.now()
    first = min((event.received_at for event in view.events), default=now)
    if now - first > GIVE_UP:
        return Ending(Outcome.ATTENTION, because("never_came", reason=folded.reason))
    return Ending(Outcome.WAITING, folded.reason, after=RESTS.total_seconds())


def again(exc: RetryLater, view: HeldOrder, clock: Clock) -> Ending:
    """It is tried again, but not for ever."""
    counted = exc.counts_as_attempt
    after = exc.after
    if after is None:
        waits_for_access = isinstance(exc, AccessRefused) and not counted
        after = REFUSED_PAUSE if waits_for_access else _backoff(view.attempts, clock)
    if counted and view.failing_since and clock.now() - view.failing_since > GIVE_UP:
        failing = because("failing_for_days", days=GIVE_UP.days, reason=exc.reason)
        return Ending(Outcome.ATTENTION, failing, after, counted)
    return Ending(Outcome.WAITING, exc.reason, after, counted)


def bridge_failed(exc: Exception, view: HeldOrder, clock: Clock) -> Ending:
    """A bug of ours: another version may know better, and a person is asked in the end."""
    outcome = Outcome.ATTENTION if view.attempts >= POISON else Outcome.WAITING
    reason = because("bridge_failed", error=type(exc).__name__)
    return Ending(outcome, reason, _backoff(view.attempts, clock), counted=True)


def _backoff(attempts: int, clock: Clock) -> float:
    """2, 4, 8 … seconds up to a quarter of an hour, each a little off, so that nobody walks in step."""
    return float(min(900, 2 ** (attempts + 1))) * clock.jitter()
