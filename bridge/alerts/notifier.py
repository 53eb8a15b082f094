"""The notifier: judges the situation every half minute and tells what begins and what ends.

Every web and worker process has one; Redis makes one of them the judge of each half minute and hands each
message to one of them. So an alert is said once, and a dead worker is told by the web processes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from bridge.alerts.channels import Channel, Undelivered
from bridge.alerts.outbox import AlertOutbox, Delivery, Kind, Message
from bridge.alerts.rules import Alert, evaluate
from bridge.errors import StoreUnavailable
from bridge.facturation.quota import Quota
from bridge.reasons import because
from bridge.tasks import end

TICK: Final = 5.0
JUDGE_EVERY: Final = timedelta(seconds=30)
REDIS_AWAY: Final = timedelta(minutes=1)
RETRY_AFTER: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21_600, 43_200)
)
"""So often, and after so long, a message is tried again: for most of a day."""

log = structlog.get_logger("bridge.alerts.notifier")


@dataclass(slots=True)
class Notifier:
    """Judges and tells, in turn with those of the other processes.

    `rejected`: deliveries without a valid signature, by shop, as this process counts them. `shops`: the
    configured ones. `silence`: whether silent shops are told.
    """

    book: AlertOutbox
    quota: Quota
    rejected: Counter[str]
    channels: Sequence[Channel]
    shops: Sequence[str]
    now: Callable[[], datetime]
    silence: bool = True
    every: timedelta = JUDGE_EVERY
    tick: float = TICK
    redis_away: timedelta = REDIS_AWAY
    _away: Absence = field(init=False)
    _working: bool = False

    def __post_init__(self) -> None:
        self._away = Absence(self.channels, self.redis_away)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Runs beside the body; once, where one process has both roles."""
        if self._working:
            yield
            return
        self._working = True
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._working = False
            await end(task)

    async def _run(self) -> None:
        while True:
            try:
                await self.step()
                await self._away.ended(self.now())
            except StoreUnavailable as exc:
                log.warning("store unavailable", step="evaluate", error=str(exc))
                await self._away.noticed(self.now())
            except Exception:
                # Whoever watches must not die of what it sees.
                log.exception("unexpected", step="evaluate")
            await asyncio.sleep(self.tick)

    async def step(self) -> None:
        """Hands in the rejected, judges when it is this process's turn, says what is to be said."""
        for shop in list(self.rejected):
            count = self.rejected.pop(shop)
            try:
                await self.book.note_refused(shop, count)
            except StoreUnavailable:
                self.rejected[shop] += count
                raise
        token = uuid.uuid4().hex
        if await self.book.acquire_leadership(token, self.every):
            await self._judge(token)
        await asyncio.gather(*(self._tell(delivery) for delivery in await self.book.deliveries()))

    async def _judge(self, token: str) -> None:
        situation = await self.book.look(self.quota, self.shops, silence=self.silence)
        alerts = evaluate(situation)
        changes = await self.book.publish(token, alerts, [channel.name for channel in self.channels])
        raised, resolved = changes or ((), ())
        for alert in alerts:
            if alert.key in raised:
                log.warning("alert raised", step="evaluate", alert=alert.key, reason=alert.text())
        for key in resolved:
            log.info("alert resolved", step="evaluate", alert=key)

    async def _tell(self, delivery: Delivery) -> None:
        channel = next((each for each in self.channels if each.name == delivery.channel), None)
        if channel is None:
            await self.book.finish(delivery)
            return
        try:
            await channel.send(delivery.message)
        except Undelivered as exc:
            if exc.final or delivery.tried >= len(RETRY_AFTER):
                # An error of the log goes to Sentry, where there is one.
                log.error("alert undelivered, given up", step="tell", delivery=delivery.id, reason=str(exc))
                await self.book.finish(delivery)
            else:
                after = RETRY_AFTER[delivery.tried]
                log.warning(
                    "alert undelivered", step="tell", delivery=delivery.id, reason=str(exc), after=after
                )
                await self.book.postpone(delivery, after)
        else:
            log.info("alert told", step="tell", delivery=delivery.id)
            await self.book.finish(delivery)


class Absence:
    """Redis is away: what cannot be agreed on with other processes is told by each, once, from memory."""

    TRIES = 10

    def __init__(self, channels: Sequence[Channel], least: timedelta) -> None:
        self._channels = channels
        self._least = least
        self._since: datetime | None = None
        self._told = False
        self._unsaid: list[tuple[Channel, Message, int]] = []

    async def noticed(self, now: datetime) -> None:
        """Redis did not answer."""
        self._since = self._since or now
        if not self._told and now - self._since >= self._least:
            self._told = True
            self._say("raised", now, self._since)
        await self._send()

    async def ended(self, now: datetime) -> None:
        """Redis answered."""
        if self._told and self._since:
            self._say("resolved", now, self._since)
        self._since, self._told = None, False
        await self._send()

    def _say(self, kind: Kind, now: datetime, since: datetime) -> None:
        process = f"{socket.gethostname()}:{os.getpid()}"
        reason = because("alert_redis", process=process)
        alert = Alert(key=f"redis:{process}", since=since, reason=reason)
        message = Message(id=f"{uuid.uuid4().hex}_{kind}", kind=kind, at=now, alert=alert)
        self._unsaid += [(channel, message, self.TRIES) for channel in self._channels]

    async def _send(self) -> None:
        unsaid, self._unsaid = self._unsaid, []
        for channel, message, tries in unsaid:
            try:
                await channel.send(message)
            except Undelivered as exc:
                log.warning("alert undelivered", step="tell", delivery=message.id, reason=str(exc))
                if tries > 1 and not exc.final:
                    self._unsaid.append((channel, message, tries - 1))
