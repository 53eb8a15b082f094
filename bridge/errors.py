"""Everything that can go wrong, sorted by what happens next.

    BridgeError
    ├── Rejected               the sender is told 4xx, nothing is stored
    │   ├── BadSignature       401
    │   ├── UnreadableBody     400
    │   └── BodyTooLarge       413
    ├── StoreUnavailable       the sender is told 503 and comes back
    ├── RetryLater             the order waits until a time that we store
    │   ├── NotSent            … and no byte left: the attempt never happened
    │   ├── OutcomeUnknown     … and it may have been carried out: look up before anything else
    │   ├── Settling           … for the fate of an earlier attempt; no attempt is counted
    │   ├── CustomerGone       … for its buyer, whose customer was deleted: nothing was created
    │   ├── QuotaReached       … for everyone; no attempt is counted
    │   └── AccessRefused      … until someone mends the credentials; no attempt is counted
    │       └── RequestForbidden  … but for this request alone: the order's own failure
    ├── PaidElsewhere          its payment pays another order: one of the two is no sale of its own
    ├── NeedsPerson            the order asks for attention, with a reason
    │   └── ApiRefused         … because Facturation.pro said no to this very request
    └── LeaseLost              another worker has the order: let go, do nothing

`ConfigurationError` stands outside the tree: nothing may swallow it, the process does not start.
"""

from __future__ import annotations

from bridge.reasons import Reason


class BridgeError(Exception):
    """Root of everything the bridge raises on purpose while it serves."""


class Rejected(BridgeError):
    """The request is the sender's mistake. `status` is the HTTP answer."""

    status = 400


class BadSignature(Rejected):
    """The signature is missing, malformed, stale or made with another secret."""

    status = 401


class UnreadableBody(Rejected):
    """Well signed, but not JSON."""

    status = 400


class BodyTooLarge(Rejected):
    """The body went over `max_body_bytes`."""

    status = 413


class StoreUnavailable(BridgeError):
    """Redis is away, full or too slow: nothing may be acknowledged."""


class RetryLater(BridgeError):
    """Try again. `after` is in seconds; None leaves the pace to the retry schedule."""

    counts_as_attempt = True

    def __init__(self, reason: Reason, *, after: float | None = None) -> None:
        self.reason = reason
        super().__init__(reason.code)
        self.after = after


class NotSent(RetryLater):
    """Proven: no byte of the request left this machine."""


class OutcomeUnknown(RetryLater):
    """The request left and no usable answer came: it may have been, or may yet be, carried out."""


class Settling(RetryLater):
    """An earlier attempt, or a neighbour's, is still under way: its outcome is awaited."""

    counts_as_attempt = False


class CustomerGone(RetryLater):
    """The customer was deleted in Facturation.pro. Nothing was created, and the ledger has forgotten it."""


class QuotaReached(RetryLater):
    """Facturation.pro's quota is used up; `after` says for how long."""

    counts_as_attempt = False

    def __init__(self, reason: Reason, *, after: float) -> None:
        super().__init__(reason, after=after)


class AccessRefused(RetryLater):
    """Facturation.pro refuses our credentials or rights: every order waits, none is spoilt."""

    counts_as_attempt = False


class RequestForbidden(AccessRefused):
    """Facturation.pro lets us in, but not this request: a firewall, or a right that the key lacks for it."""

    counts_as_attempt = True


class NeedsPerson(BridgeError):
    """Only a person can settle this. `reason` says what happened and what to do."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.code)


class ApiRefused(NeedsPerson):
    """Facturation.pro will give the same answer to the same request for ever."""

    def __init__(self, reason: Reason, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


class PaidElsewhere(BridgeError):
    """The payment of this order has paid `other` (an order's key), which has its documents."""

    def __init__(self, other: str) -> None:
        super().__init__(other)
        self.other = other


class LeaseLost(BridgeError):
    """The order's lease ran out or was taken: its new owner goes on."""


class ConfigurationError(Exception):
    """The configuration cannot work. `problems` holds one line each: key and cure."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
