"""Every alert there is: what it means, how to check it, how to mend it.

docs/runbook.md has a section that is made of this table (`python -m docs.generate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

REFUSED: Final = 10
"""So many wrong signatures in a row are no accident."""
PAGE: Final = "docs/runbook.md"


class Severity(StrEnum):
    """`critical`: invoices, or events, are missing now. `warning`: they will, or might."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Meaning:
    """An entry of the runbook."""

    severity: Severity
    meaning: str
    check: str
    cure: str


ALERTS: Final[Mapping[str, Meaning]] = {
    "attention": Meaning(
        Severity.WARNING,
        "Orders ask for a person, all for the same reason. They are not invoiced, or not to the end.",
        "`bridge orders list --state attention`, or the console's list; `bridge orders show KEY` says why.",
        "Do what the reason says, then retry the orders; or ignore those that you settled by hand.",
    ),
    "privacy": Meaning(
        Severity.WARNING,
        "Shopify passes on a request about personal data. The law gives the shop 30 days from its receipt.",
        "`bridge privacy list` shows each request, its last day, and which buyer or shop it is about.",
        "`bridge privacy carry-out REQUEST`. For customers/data_request it writes what is kept of the buyer "
        "(`--to FILE`): hand it on. For customers/redact and shop/redact it erases the webhooks; orders that "
        "are not finished are refused by name: settle or ignore them, then run it again. Issued invoices "
        "stay, the law wants them kept for 10 years. Once nothing is left to do the alert ends.",
    ),
    "privacy_due": Meaning(
        Severity.CRITICAL,
        "A request about personal data is still open a week before its 30 days end, or after.",
        "`bridge privacy list`.",
        "As for `privacy`, now.",
    ),
    "silence": Meaning(
        Severity.CRITICAL,
        "A shop has sent nothing for longer than its own weekly rhythm explains. Orders are probably "
        "missing.",
        "Look at the shop's list of webhooks: a platform deletes or disables one that fails for long. Is "
        "there a new order that the bridge does not have?",
        "Register or enable the webhooks again, and send again from the shop what was missed. If the shop is "
        "closed, nothing is to be done: the next event ends the alert. `alerts.silence = false` turns it "
        "off.",
    ),
    "signatures": Meaning(
        Severity.CRITICAL,
        f"{REFUSED} or more deliveries to a shop in a row had no valid signature, and none that had came "
        "since. They were answered 401 and not kept; the shop sends them again for some hours only.",
        "Compare the secret in the shop's webhook settings with `shops.<name>.secrets`. A proxy that changes "
        "the body breaks signatures too. Strangers who try the address raise this as well; harmless then.",
        "Add the new secret beside the old one and restart the web processes. The next good event ends it.",
    ),
    "quota": Meaning(
        Severity.WARNING,
        "Facturation.pro takes no more requests for a while: the day's quota is used up, or it asked for a "
        "long pause. Orders are kept and wait; they go on by themselves.",
        "`bridge stats`, or /health: quota left and paused_until. `foreign` is use by other programs.",
        "Wait. When it comes back often, ask Facturation.pro for more and set requests_per_day; stop other "
        "programs that use the same firm's quota.",
    ),
    "credentials": Meaning(
        Severity.CRITICAL,
        "Facturation.pro refuses the API key, or its rights on the firm. Every order waits; none is spoilt.",
        "`bridge check` asks for the account.",
        "Correct facturation.api_id, facturation.api_key or facturation.firm_id and restart; or give the key "
        "its rights back. The orders go on within a minute.",
    ),
    "no_worker": Meaning(
        Severity.CRITICAL,
        "No worker has given a sign of life for a minute. Events are kept, nothing is invoiced.",
        "Is the worker's process there? What does its log say last?",
        "Start `bridge worker`. Nothing is lost: it begins with the oldest order.",
    ),
    "backlog": Meaning(
        Severity.CRITICAL,
        "An order has been due for over an hour without getting through.",
        "`bridge orders list --state waiting` says what for; /health says when the queue will be through.",
        "After a rush: wait, or start more workers while quota is left. Otherwise mend what the reason says.",
    ),
    "durability": Meaning(
        Severity.CRITICAL,
        "Redis does not flush each write to disk, or may throw keys away. An event that was acknowledged can "
        "be lost when it crashes.",
        "`bridge check`.",
        "Set what the alert names in redis.conf (deploy/redis.conf has all of it) and restart Redis.",
    ),
    "ledger": Meaning(
        Severity.WARNING,
        "The list of what exists in Facturation.pro is younger than the documents of this shop there: Redis "
        "is new, or lost its data.",
        "Is this a new installation for a shop that was bridged before? If not, what happened to Redis' "
        "volume?",
        "Nothing is to be done for the invoices: older orders are looked up first. Events that only the old "
        "Redis had must be sent again by the shops. The alert ends after a week.",
    ),
    "redis": Meaning(
        Severity.CRITICAL,
        "A process has not reached Redis for a minute. Shops are answered 503 and send again; nothing is "
        "invoiced. Without Redis the processes cannot agree: each tells on its own.",
        "`bridge check`; is Redis running, is its disk full?",
        "Start Redis, or correct redis_url. Everything goes on by itself.",
    ),
    "test": Meaning(
        Severity.WARNING,
        "Somebody ran `bridge alerts test`.",
        "That it came is the check.",
        "Nothing is to be done.",
    ),
}
