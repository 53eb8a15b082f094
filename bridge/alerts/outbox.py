"""What all processes know of alerts, in Redis: what holds, and who is still to be told.

`bridge:alerts` holds the alerts that stand, `bridge:alerts:errands` the messages not delivered yet. An alert
enters or leaves the one and its messages enter the other in one script, so that each is said once, and said
even when the process that judged dies before it speaks.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, cast

from bridge.alerts.rules import Alert
from bridge.alerts.runbook import runbook
from bridge.alerts.situation import Asking, Pulse, Situation, Stuck
from bridge.facturation.quota import Quota
from bridge.reasons import reason_from
from bridge.store.store import PREFIX, RESTS, Store
from bridge.store.values import moment
from bridge.valkey.durability import look_at_durability
from bridge.valkey.scripts import COMMON, Scripts, redis_errors

PAGE: Final = 500
MISSING: Final = timedelta(seconds=20)
"""Less than between two judgements: what is missing in two of them is over."""
IN_HAND: Final = timedelta(minutes=2)
"""Longer than any delivery takes; then another process may try."""
SCRIPTS: Final = ("pulse", "refused", "asking", "publish", "deliveries", "postpone")

Kind = Literal["raised", "resolved", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An alert that was raised or resolved `at` a time. `id` is the same however often it is delivered."""

    id: str
    kind: Kind
    at: datetime
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one channel. `tried`: how often in vain."""

    id: str
    channel: str
    tried: int
    message: Message


class AlertOutbox:
    """Alerts that stand and their deliveries, shared by all processes. Everything raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._scripts = Scripts(store.redis, "alerts", SCRIPTS, COMMON)

    async def acquire_leadership(self, token: str, term: timedelta) -> bool:
        """True for one process in each `term`: it judges, the others need not."""
        with redis_errors("alerts judge"):
            return bool(await self._store.redis.set(f"{PREFIX}alerts:judge", token, nx=True, px=term))

    async def note_refused(self, shop: str, count: int) -> None:
        """So many deliveries more without a valid signature."""
        await self._scripts.run("refused", shop, count)

    async def look(self, quota: Quota, shops: Sequence[str], *, silence: bool) -> Situation:
        """Everything that is judged."""
        stuck, *pulses = await self._scripts.run("pulse", RESTS, *shops)
        standing = await current(self._store)
        return Situation(
            vitals=await self._store.vitals(),
            durability=await look_at_durability(self._store.redis),
            quota=await quota.state(),
            asking=await self._asking(),
            pulses=tuple(_pulse(shop, answer) for shop, answer in zip(shops, pulses, strict=True)),
            stuck=_stuck(stuck),
            raised=frozenset(alert.key for alert in standing),
            silence=silence,
        )

    async def _asking(self) -> tuple[Asking, ...]:
        found: dict[str, Asking] = {}
        for offset in range(0, 100 * PAGE, PAGE):
            page = await self._scripts.run("asking", offset, PAGE)
            for key, since, created, reason, total, currency in page:
                found[key.decode()] = Asking(
                    key=key.decode(),
                    created=_time(created),
                    since=_time(since),
                    reason=reason_from(reason.decode()),
                    total=Decimal(total.decode() or 0),
                    currency=currency.decode(),
                )
            if len(page) < PAGE:
                break
        return tuple(found.values())

    async def publish(
        self, token: str, alerts: Iterable[Alert], channels: Sequence[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """These alerts hold now, no others. Returns the keys of those raised and resolved by that; None when
        `token` is not the judge's any more."""
        said: list[str | int] = []
        for alert in alerts:
            said += [alert.key, uuid.uuid4().hex, int(alert.since.timestamp() * 1000), _kept(alert)]
        answer = await self._scripts.run("publish", token, MISSING, ",".join(channels), *said)
        if answer is None:
            return None
        raised, resolved = answer
        return tuple(key.decode() for key in raised), tuple(key.decode() for key in resolved)

    async def deliveries(self) -> tuple[Delivery, ...]:
        """What is to be said now; each goes to one process only."""
        answer = await self._scripts.run("deliveries", IN_HAND)
        return tuple(delivery for delivery in map(_errand, answer) if delivery)

    async def finish(self, delivery: Delivery) -> None:
        """It was said, or is given up."""
        await self._scripts.run("postpone", delivery.id, "")

    async def postpone(self, delivery: Delivery, after: timedelta) -> None:
        """It could not be said; it is tried again."""
        await self._scripts.run("postpone", delivery.id, after)


async def current(store: Store) -> tuple[Alert, ...]:
    """The alerts that stand, worst and oldest first. Raises StoreUnavailable."""
    with redis_errors("alerts"):
        held = await cast("Awaitable[dict[bytes, bytes]]", store.redis.hgetall(f"{PREFIX}alerts"))
    found = []
    for value in held.values():
        _, since, _, said = value.decode().split(" ", 3)
        alert = _alert(since, said)
        if alert:
            found.append(alert)
    return tuple(sorted(found, key=lambda alert: (alert.severity, alert.since, alert.key)))


def _time(ms: bytes | str) -> datetime:
    return datetime.fromtimestamp(float(ms) / 1000, UTC)


def _stuck(answer: list[bytes]) -> Stuck | None:
    if not answer:
        return None
    key, since, reason = answer
    return Stuck(key=key.decode(), since=_time(since), reason=reason_from(reason.decode()))


def _pulse(shop: str, answer: list[Any]) -> Pulse:
    last_event, refused, refused_since, flat = answer
    hours = dict(zip(flat[::2], flat[1::2], strict=True))
    hours.pop(b"upto", None)
    return Pulse(
        shop=shop,
        last_event=moment(last_event),
        refused=refused,
        refused_since=moment(refused_since),
        hours={int(hour): int(count) for hour, count in hours.items()},
    )


def _kept(alert: Alert) -> str:
    """`text` is the reason; before reasons were values, it was a sentence."""
    return json.dumps(
        {
            "name": alert.name,  # for processes of an earlier version, while an upgrade is under way
            "key": alert.key,
            "text": alert.reason.as_json(),
            "shop": alert.shop,
            "count": alert.count,
            "orders": alert.orders,
        },
        separators=(",", ":"),
    )


def _alert(since: str | bytes, said: str | bytes) -> Alert | None:
    """None for one that this version of the bridge does not know."""
    kept = json.loads(said)
    alert = Alert(
        key=kept["key"],
        since=_time(since),
        reason=reason_from(kept["text"]),
        shop=kept["shop"],
        count=kept["count"],
        orders=tuple(kept["orders"]),
    )
    return alert if alert.name in runbook() else None


def _errand(answer: list[Any]) -> Delivery | None:
    errand_id, tried, at, since, said = answer
    alert = _alert(since, said)
    if alert is None:
        return None
    message_id, channel = errand_id.decode().split(":")
    kind: Kind = "raised" if message_id.endswith("_raised") else "resolved"
    message = Message(id=message_id, kind=kind, at=_time(at), alert=alert)
    return Delivery(id=errand_id.decode(), channel=channel, tried=tried, message=message)
