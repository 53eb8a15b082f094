"""The unreliable way to the store: Redis as a process that loses connections, requests and replies, crashes,
and may forget; and what the code under test is given in place of `bridge.store.store.Store`.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from bridge.errors import LeaseLost, StoreUnavailable
from bridge.reasons import Reason
from bridge.sources.base import Identity
from bridge.store.values import Asked, CreationPermit, HeldOrder, Lease, Outcome
from tests.sim.data import Data, RecordAnswer
from tests.sim.world import Task, Wait, World

T = TypeVar("T")


class Server:
    """Redis as a process. `loss`: of a request, and as likely of a reply. `durable`: nothing acknowledged is
    lost at a crash. `skew`: seconds by which its clock is wrong. Crashes come from outside: `remember`,
    then `crash`."""

    TIMEOUT = 2.0

    def __init__(
        self,
        world: World,
        epoch: datetime,
        *,
        durable: bool,
        loss: float,
        rung: Callable[[str, str], None],
        empty: Callable[[], Data] = Data,
    ) -> None:
        self.world = world
        self.data = empty()
        self.durable = durable
        self.loss = loss
        self.up = True
        self.skew = 0.0
        self.crashes = 0
        self._remembered = b""
        self._epoch_ms = int(epoch.timestamp() * 1000)
        self._rung = rung
        self._empty = empty

    @property
    def now_ms(self) -> int:
        return self._epoch_ms + int((self.world.now + self.skew) * 1000)

    def call(self, script: Callable[[Data, int], T]) -> Awaitable[T]:
        """One round trip. Raises StoreUnavailable: it may or may not have been carried out."""
        return Wait(partial(self._request, script))

    def run(self, script: Callable[[Data, int], T]) -> T:
        """The script itself, and what it rang for."""
        data = self.data
        try:
            return script(data, self.now_ms)
        finally:
            if data.rings:
                for wake_up, key in data.rings:
                    self._rung(wake_up, key)
                data.rings.clear()

    def _request(self, script: Callable[[Data, int], Any], task: Task, turn: int) -> None:
        chance = self.world.random.random
        if chance() < self.loss:
            self.world.at(self.TIMEOUT, task.wake, turn, None, StoreUnavailable("no answer"))
        else:
            self.world.at(chance() * 0.004, self._arrive, script, task, turn, self.crashes)

    def _arrive(self, script: Callable[[Data, int], Any], task: Task, turn: int, crashes: int) -> None:
        world = self.world
        if not self.up or crashes != self.crashes:
            world.at(0.001, task.wake, turn, None, StoreUnavailable("connection refused"))
            return
        value, error = None, None
        try:
            value = self.run(script)
        except LeaseLost as lost:
            error = lost
        if world.random.random() < self.loss:
            world.at(self.TIMEOUT, task.wake, turn, None, StoreUnavailable("no answer"))
        else:
            delay = world.random.random() * 0.004
            world.at(delay, self._reply, task, turn, value, error, crashes)

    def _reply(self, task: Task, turn: int, value: Any, error: Exception | None, crashes: int) -> None:
        if crashes != self.crashes:
            value, error = None, StoreUnavailable("connection reset")
        task.wake(turn, value, error)

    def remember(self) -> None:
        """What will be left after the next crash."""
        self._remembered = pickle.dumps(self.data)

    def crash(self, back_after: float, *, forget_all: bool = False) -> None:
        """kill -9 of Redis; what it had not kept is gone."""
        run = f"{self.crashes + 2}"
        if forget_all:
            self.data = self._empty()
        elif not self.durable:
            self.data = pickle.loads(self._remembered) if self._remembered else self._empty()
        self._remembered = b""
        self.data.run = run
        self.up = False
        self.crashes += 1
        self.world.at(back_after, self._back)

    def _back(self) -> None:
        self.up = True


class StoreModel:
    """`SyncStore`, and what web and sweeper use, over an unreliable connection."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def record(
        self, shop: str, platform: str, identity: Identity, headers: Mapping[str, str], body: bytes
    ) -> RecordAnswer:
        return await self._server.call(lambda d, now: d.record(now, shop, platform, identity, headers, body))

    async def take(self, lease: Lease) -> HeldOrder | None:
        return await self._server.call(lambda d, now: d.take(now, lease))

    async def extend(self, lease: Lease) -> bool:
        return await self._server.call(lambda d, now: d.extend(now, lease))

    async def release(
        self,
        lease: Lease,
        view: HeldOrder,
        outcome: Outcome,
        reason: Reason,
        *,
        after: float = 0.0,
        counted: bool = False,
        calls: str = "",
        keep: Mapping[str, str] | None = None,
    ) -> HeldOrder | None:
        after_ms = int(after * 1000)
        return await self._server.call(
            lambda d, now: d.release(
                now, lease, view, outcome, reason.as_json(), after_ms, counted, keep or {}
            )
        )

    async def learn_rounding(self, before: str, after: str, contradiction: str) -> str:
        return await self._server.call(lambda d, now: d.learn_rounding(now, before, after, contradiction))

    async def rounding(self) -> str:
        return await self._server.call(lambda d, _: d.rounding)

    async def keep_fetched(self, order_key: str, path: str, body: bytes) -> None:
        await self._server.call(lambda d, _: d.keep_fetched(order_key, path, body))

    async def ledger(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        records = await self._server.call(lambda d, _: d.ledger(keys))
        return {key: json.loads(record) for key, record in records.items()}

    async def begin(
        self,
        lease: Lease,
        key: str,
        attempt: str,
        placed_at: datetime,
        scope: str,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit:
        placed, durable = int(placed_at.timestamp() * 1000), self._server.durable
        return await self._server.call(
            lambda d, now: d.begin(now, lease, key, attempt, placed, scope, durable, payments, concerned)
        )

    async def replace_attempt(self, lease: Lease, key: str, current: str, attempt: str) -> None:
        await self._server.call(lambda d, now: d.replace_attempt(now, lease, key, current, attempt))

    async def clear(self, key: str, attempt: str) -> None:
        await self._server.call(lambda d, _: d.clear(key, attempt))

    async def done(self, keys: Sequence[str], record: Mapping[str, Any]) -> None:
        await self._server.call(lambda d, now: d.done(now, keys, record))

    async def forget(self, keys: Sequence[str], customer_id: int, attempt: str) -> None:
        await self._server.call(lambda d, now: d.forget(now, keys, customer_id, attempt))

    async def set_shop_verdict(self, scope: str, *, clean: bool) -> None:
        durable = self._server.durable
        await self._server.call(lambda d, now: d.judge(now, scope, clean, durable))

    async def ask(self, shop: str, kind: str, order_key: str, amount: Decimal) -> Asked | None:
        found = await self._server.call(lambda d, _: d.ask(shop, kind, order_key, int(amount * 100)))
        return found and Asked(asker=found[0], orders=found[1], amount=Decimal(found[2]) / 100)

    async def settle_question(self, shop: str, kind: str, order_key: str) -> None:
        await self._server.call(lambda d, now: d.settle_question(now, shop, kind, order_key))

    async def archived_customer(self, buyer_lock: str) -> int | None:
        return await self._server.call(lambda d, now: d.archived_customer(now, buyer_lock))

    async def keep_archived_customers(self, index: Mapping[str, int]) -> None:
        await self._server.call(lambda d, now: d.keep_archived_customers(now, index))
