"""The protocol with one safeguard taken out, by putting a broken part in place of one. A simulation that does
not notice would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from bridge.errors import LeaseLost, NotSent, OutcomeUnknown
from bridge.store.values import CreationPermit, HeldOrder, Lease, Outcome
from bridge.sync.exactly_once import BeforeSend
from bridge.sync.shop import Shop
from tests.sim.api_model import Client, standstill
from tests.sim.data import Data, Entry
from tests.sim.run import Mode, Parts, run_seed
from tests.sim.store_model import StoreModel
from tests.sim.world import World

T = TypeVar("T")


class NoIntent(Data):
    """Leave to create is given, and not noted."""

    def begin(
        self,
        now: int,
        lease: Lease,
        key: str,
        attempt: str,
        placed_ms: int,
        scope: str,
        durable: bool,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit:
        known = self.entries.get(key)
        entries, self.entries = self.entries, {key: known} if known and known.state == "done" else {}
        try:
            begun = Data.begin(self, now, lease, key, attempt, 10**15, scope, True)
        finally:
            self.entries = entries
        return begun


class NoLedgerAge(Data):
    """What the ledger does not know never was."""

    def floor_at(self, durable: bool, now: int) -> int:
        return 0


class FloorForMissingOnly(Data):
    """The ledger's age matters where an entry is missing, not where it may be an older one come back."""

    def begin(
        self,
        now: int,
        lease: Lease,
        key: str,
        attempt: str,
        placed_ms: int,
        scope: str,
        durable: bool,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit:
        entry = self.entries.get(key)
        trusted_since = self.floor_at(durable, now)
        if entry and entry.state != "done" and entry.attempt != "?" and entry.at < trusted_since:
            at, entry.at = entry.at, trusted_since
            begun = Data.begin(self, now, lease, key, attempt, placed_ms, scope, durable, payments, concerned)
            after = self.entries[key]
            if begun.act == "lookup":
                after.at = at
                return replace(begun, age=(now - at) / 1000)
            return begun
        return Data.begin(self, now, lease, key, attempt, placed_ms, scope, durable, payments, concerned)


class WallClock(Data):
    """An attempt is as old as the clock says."""

    def witness(self, now: int) -> int:
        return now


class NeverSetBack(Data):
    """What was due before the clock was set back sleeps until the clock is there again."""

    def witness(self, now: int) -> int:
        due = dict(self.due)
        try:
            return Data.witness(self, now)
        finally:
            self.due = due


class AlwaysClean(Data):
    """No ledger has ever forgotten anything."""

    def _verdict(self, scope: str, trusted_since: int) -> str:
        return "clean"


class NoVersionCheck(Data):
    """The order is let go, whatever came meanwhile."""

    def release(
        self,
        now: int,
        lease: Lease,
        view: HeldOrder,
        outcome: Outcome,
        reason: str,
        after_ms: int,
        counted: bool,
        keep: Mapping[str, str],
    ) -> HeldOrder | None:
        order = self.orders.get(lease.order_key)
        seen = replace(view, version=order.version if order else 0)
        return Data.release(self, now, lease, seen, outcome, reason, after_ms, counted, keep)


class NoCustomerFence(StoreModel):
    """Two orders of one buyer do not know of each other."""

    async def ledger(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        return await super().ledger([key for key in keys if not key.startswith("buyer:")])

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
        return await super().begin(lease, _own(lease, key), attempt, placed_at, scope, payments, concerned)

    async def replace_attempt(self, lease: Lease, key: str, current: str, attempt: str) -> None:
        await super().replace_attempt(lease, _own(lease, key), current, attempt)


def _own(lease: Lease, key: str) -> str:
    return f"{key}|{lease.order_key}" if key.startswith("buyer:") else key


class NeverBusy(Data):
    """An order does not wait for another one that creates their common customer."""

    def begin(
        self,
        now: int,
        lease: Lease,
        key: str,
        attempt: str,
        placed_ms: int,
        scope: str,
        durable: bool,
        payments: Sequence[str] = (),
        concerned: Sequence[str] = (),
    ) -> CreationPermit:
        begun = Data.begin(self, now, lease, key, attempt, placed_ms, scope, durable, payments, concerned)
        if begun.act == "busy":
            self.entries[key] = Entry("intent", now, attempt, lease.order_key)
            return CreationPermit(act="post", attempt=attempt)
        return begun


class AnyAttempt(Data):
    """A settled attempt is replaced, whoever replaced it already."""

    def replace_attempt(self, now: int, lease: Lease, key: str, current: str, attempt: str) -> None:
        entry = self.entries.get(key)
        if entry is None or entry.state != "intent":
            raise LeaseLost(lease.order_key)
        Data.replace_attempt(self, now, lease, key, entry.attempt, attempt)


class NeverForgets(Data):
    """A customer whom a person deleted stays in the ledger."""

    def forget(self, now: int, keys: Sequence[str], customer_id: int, attempt: str) -> None:
        pass


class ForgetsAnyone(Data):
    """Whoever the ledger names, also a rival's newer customer, is forgotten as if nobody had been there."""

    def forget(self, now: int, keys: Sequence[str], customer_id: int, attempt: str) -> None:
        for key in self.ledger(keys):
            del self.entries[key]


class ErrorsMeanNo(Client):
    """An answer that is missing or says 5xx is taken to mean that nothing was created."""

    async def _call(self, change: Callable[[], T], before_send: BeforeSend | None = None) -> T:
        try:
            return await super()._call(change, before_send)
        except OutcomeUnknown as exc:
            raise NotSent(exc.reason) from exc


class StandsStill(Client):
    """No mutation: between the intent and the first byte, the machine may stand still for minutes."""

    async def _hesitate(self, world: World) -> None:
        await standstill(world, world.random.uniform(60, 400))


class NoDeadline(StandsStill):
    """Whatever the time since the intent, the request is sent."""

    async def _call(self, change: Callable[[], T], before_send: BeforeSend | None = None) -> T:
        if before_send and self._api.world.random.random() < 0.2:
            await self._hesitate(self._api.world)
        return await super()._call(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A safeguard less. `shows`: what some violation says then; `mode`: where it matters; `within`: so many
    seeds notice it, at the latest."""

    parts: Parts
    shows: str
    mode: Mode = Mode.ALWAYS
    within: int


def first_caught(mutation: Mutation, configured: dict[str, Shop]) -> int | None:
    """The first seed that notices."""
    for seed in range(mutation.within):
        violations = run_seed(seed, mutation.mode, configured, mutation.parts).violations
        if any(mutation.shows in violation for violation in violations):
            return seed
    return None


INVOICES, NOTES, CUSTOMERS = " invoices: ", " credit notes: ", " customers: "
MUTATIONS: Mapping[str, Mutation] = {
    "no intent": Mutation(parts=Parts(data=NoIntent), shows=INVOICES, within=10),
    "no settle time": Mutation(parts=Parts(settle=0), shows=INVOICES, within=30),
    "5xx means not created": Mutation(parts=Parts(client=ErrorsMeanNo), shows=INVOICES, within=50),
    "no sweeper": Mutation(parts=Parts(sweeper=False), shows="not at rest", within=10),
    "no version check at release": Mutation(parts=Parts(data=NoVersionCheck), shows=NOTES, within=250),
    "no ledger age, all lost": Mutation(
        parts=Parts(data=NoLedgerAge), mode=Mode.TOTAL, shows=INVOICES, within=30
    ),
    "no ledger age, tail lost": Mutation(
        parts=Parts(data=NoLedgerAge), mode=Mode.TAIL, shows=NOTES, within=150
    ),
    "ages by the clock": Mutation(parts=Parts(data=WallClock), shows=INVOICES, within=100),
    "asleep after a step back": Mutation(parts=Parts(data=NeverSetBack), shows="not at rest", within=30),
    "every shop clean": Mutation(parts=Parts(data=AlwaysClean), mode=Mode.TOTAL, shows=INVOICES, within=30),
    "no customer buyer_lock": Mutation(parts=Parts(store=NoCustomerFence), shows=CUSTOMERS, within=30),
    "no waiting for a neighbour": Mutation(parts=Parts(data=NeverBusy), shows=CUSTOMERS, within=50),
    "any attempt is replaced": Mutation(parts=Parts(data=AnyAttempt), shows=CUSTOMERS, within=250),
    "a deleted customer is remembered": Mutation(
        parts=Parts(data=NeverForgets), shows="not at rest", within=10
    ),
    "a newer customer is forgotten": Mutation(parts=Parts(data=ForgetsAnyone), shows=CUSTOMERS, within=3000),
    "no send deadline": Mutation(parts=Parts(client=NoDeadline), shows=INVOICES, within=50),
    "age of missing entries only": Mutation(
        parts=Parts(data=FloorForMissingOnly), mode=Mode.TAIL, shows=" has ", within=5000
    ),
}
