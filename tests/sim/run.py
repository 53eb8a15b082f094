"""One seed, one history: three workers, two webs and three shops live through everything at once, then all is
healed, and what must be true at rest is checked."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any

import structlog

from bridge.billing.documents import documents_for
from bridge.billing.drafts import Documents
from bridge.billing.made import LedgerEntry
from bridge.billing.rounding import CANDIDATES, FirmRounding
from bridge.billing.rules import Rules
from bridge.billing.vat import Vat
from bridge.errors import StoreUnavailable
from bridge.orders import Order
from bridge.reasons import reason_from
from bridge.sync import loop as sync
from bridge.sync.executor import Executor
from bridge.sync.loop import Syncer
from bridge.sync.shop import Shop
from tests.sim.api_model import Client, Facturation, sleep
from tests.sim.checks import of_facturation, of_the_store_at_rest, of_the_unfinished
from tests.sim.data import Data
from tests.sim.shops import ATELIER, BOUTIQUE, EPOCH, GALERIE, Message, Sale, pool, shops
from tests.sim.store_model import Server, StoreModel
from tests.sim.world import Process, World

FAULTS_UNTIL = 240.0
AT_REST_WITHIN = 4 * 3600.0
"""Virtual seconds after the healing, within which everything must have come to rest."""
TRIPLES = 3
"""So many times three orders of one buyer, or nearly so."""


class Mode(StrEnum):
    """What Redis forgets when it crashes."""

    ALWAYS = "always"  # nothing
    TAIL = "tail"  # up to two seconds
    TOTAL = "total"  # everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a history is made of; tests put a broken part in place of one."""

    data: Callable[[], Data] = Data
    store: Callable[[Server], StoreModel] = StoreModel
    client: Callable[[Facturation, Server], Client] = Client
    settle: float = 120.0
    sweeper: bool = True
    steps: bool = True


@dataclass(slots=True)
class Verdict:
    """What a history came to. No `violations`: all invariants hold."""

    seed: int
    violations: list[str] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class SimClock:
    """`Clock` of one process: its wall clock is a little off, its boot was some time ago."""

    world: World
    process: Process

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.world.now + self.process.skew + self.process.stepped)

    def boottime(self) -> float:
        return self.world.now + 1000 * (2 + self.process.skew)

    def token(self) -> str:
        return f"{self.world.random.getrandbits(64):016x}"

    def jitter(self) -> float:
        return self.world.random.uniform(0.8, 1.2)


class History:
    """The system and its misfortunes, out of one seed."""

    def __init__(self, seed: int, mode: Mode, parts: Parts, configured: dict[str, Shop]) -> None:
        self.world = World(seed)
        self.chance = self.world.random
        self.clocks = Random(f"clocks that step, in history {seed}")
        self.person = Random(f"a person who deletes customers, in history {seed}")
        self.mode = mode
        self.parts = parts
        self.shops = configured
        self.faults = True
        self.verdict = Verdict(seed)
        self.server = Server(
            self.world,
            EPOCH,
            durable=mode is Mode.ALWAYS,
            loss=0.01,
            rung=self._rung,
            empty=lambda: _known_shops(parts.data()),
        )
        rounding = self.chance.choice(list(CANDIDATES.values()))
        if self.chance.random() < 0.5:
            self.server.data.rounding = rounding.name
        self.facturation = Facturation(self.world, bad=0.25, rounding=rounding)
        self.sales = self._choose()
        self.unsent = 0
        self.replays = 0
        self.workers = [Process(self.world, f"worker-{n}", self._start_worker, mortal=True) for n in range(3)]
        self.webs = [Process(self.world, f"web-{n}", lambda _: None, mortal=True) for n in range(2)]
        self.syncers: dict[str, Syncer] = {}

    def _choose(self) -> list[Sale]:
        triples = self.chance.sample(range(len(pool()) // 3), TRIPLES)
        sales = [pool()[3 * triple + n] for triple in triples for n in range(3)]
        return self.chance.sample(sales, self.chance.randint(len(sales) - 3, len(sales)))

    # ------------------------------------------------------------------------------------------- the story

    def tell(self) -> Verdict:
        """From the first order to the last check."""
        world = self.world
        self._already_there()
        for process in (*self.workers, *self.webs):
            process.start()
            world.at(self._next(30), self._misfortune, process)
        world.mishaps = 0.01
        self._redis_will_crash()
        world.at(self._next(150), self._outage)
        if self.parts.steps and self.clocks.random() < 0.5:
            self._a_clock_steps()
        if self.person.random() < 0.5:
            world.at(self.person.expovariate(1), self._a_person_deletes)
        for sale in self.sales:
            for message in sale.messages:
                for _ in range(self.chance.choice((1, 1, 2))):
                    self.unsent += 1
                    shuffle = self.chance.choice((0.5, 40.0))
                    world.at(
                        sale.placed + message.after + self.chance.uniform(0, shuffle), self._deliver, message
                    )
        while world.now < FAULTS_UNTIL:
            world.run(world.now + 10)
            self._check_the_unfinished()
        self._heal()
        while world.now < FAULTS_UNTIL + AT_REST_WITHIN and (self._ask_a_person() or not self._at_rest()):
            world.run(world.now + 10)
            self._check_the_unfinished()
        self._check()
        world.close()
        return self.verdict

    def _already_there(self) -> None:
        """What the firm had before. Where the ledger may be lost, each shop was bridged before: of a shop
        whose ledger is lost before its very first document came to exist, nothing shows that something is
        forgotten (the "clean" verdict of `Executor._judge`). That hole is known, and not looked for here."""
        if self.mode is not Mode.ALWAYS or self.chance.random() < 0.5:
            for shop in (BOUTIQUE, GALERIE, ATELIER):
                fields = {
                    "customer_id": 0,
                    "api_custom": f"shopify:{shop}:order:1",
                    "currency": "EUR",
                    "items": [],
                    "invoiced_on": "2026-11-01",
                }
                self.facturation.add_invoice(fields, "final", since=-1e6)
        for buyer in sorted({sale.buyer for sale in self.sales if sale.by_email}):
            if self.chance.random() < 0.3:
                known = self.facturation.add_customer({"individual": True, "email": buyer}, since=-1e6)
                if self.chance.random() < 0.5:
                    self.facturation.archived.add(known.id)

    def _heal(self) -> None:
        self.faults = False
        self.world.mishaps = 0.0
        self.server.loss = 0.0
        self.facturation.bad = 0.0
        self.facturation.down = False
        self.server.skew = 0.0
        self.facturation.forgotten()
        for process in (*self.workers, *self.webs):
            process.stepped = 0.0
            process.frozen_until = min(process.frozen_until, self.world.now)
            process.start()
        if self.mode is not Mode.ALWAYS:
            self._replay()

    def _at_rest(self) -> bool:
        data = self.server.data
        return not (data.due or data.waiting or self.unsent or self.facturation.under_way)

    # ----------------------------------------------------------------------------------------- misfortunes

    def _next(self, mean: float) -> float:
        return self.chance.expovariate(1 / mean)

    def _misfortune(self, process: Process) -> None:
        if not self.faults:
            return
        if process.frozen_until > self.world.now:
            pass  # what stands still is left alone
        elif self.chance.random() < 0.7:
            process.kill()
        else:
            process.freeze(self.chance.choice((self.chance.uniform(1, 15), self._next(120))))
        self.world.at(self._next(30), self._misfortune, process)

    def _redis_will_crash(self) -> None:
        after = 2 + self._next(150 if self.mode is Mode.TOTAL else 80)
        self.world.at(after - self.chance.uniform(0, 2), self.server.remember)
        self.world.at(after, self._redis_crashes)

    def _redis_crashes(self) -> None:
        if not self.faults:
            return
        self.server.crash(self.chance.uniform(0.3, 8), forget_all=self.mode is Mode.TOTAL)
        if self.mode is not Mode.ALWAYS:
            self.facturation.forgotten()
            self.world.at(self.chance.uniform(8, 40), self._replay)
        self._redis_will_crash()

    def _outage(self) -> None:
        if self.faults:
            self.facturation.down = True
            self.world.at(self.chance.uniform(5, 60), self._end_of_outage)

    def _end_of_outage(self) -> None:
        self.facturation.down = False
        self.world.at(self._next(150), self._outage)

    def _a_clock_steps(self) -> None:
        """Redis', or some process'; forward or back, by seconds or by days, and right again at the end.

        Not back by minutes where all is lost: a ledger that is born meanwhile takes an order placed just
        before for a new one, once the wrong clock has caught up. That hole is known (README, limits)."""
        if self.faults:
            by = self.clocks.choice((-172_800.0, -600.0, -20.0, 0.0, 20.0, 600.0, 172_800.0))
            if self.mode is Mode.TOTAL and -172_800 < by < 0:
                by = 0.0
            process = self.clocks.choice((None, None, *self.workers, *self.webs))
            if process is None:
                self.server.skew = by
                self.facturation.forgotten()
            else:
                process.stepped = by
            self.verdict.totals["clock steps"] += 1
            self.world.at(self.clocks.expovariate(1 / 40), self._a_clock_steps)

    def _a_person_deletes(self) -> None:
        """A customer who was never invoiced, as Facturation.pro allows."""
        if self.faults:
            self.facturation.delete_some_customer(self.person)
            self.world.at(self.person.expovariate(1), self._a_person_deletes)

    # ---------------------------------------------------------------------------------------------- shops

    def _deliver(self, message: Message, tries: int = 0) -> None:
        """The shop waits five seconds for its 200, and comes back until it has one."""
        answered: list[bool] = []
        web = self.chance.choice(self.webs)
        if web.alive and not (self.faults and self.chance.random() < 0.03):
            web.spawn(self._receive(message, answered))
        self.world.at(5, self._expect, message, tries, answered)

    async def _receive(self, message: Message, answered: list[bool]) -> None:
        store = self.parts.store(self.server)
        try:
            await store.record(message.shop, "shopify", message.identity, {}, message.body)
        except StoreUnavailable:
            return
        answered.append(True)

    def _expect(self, message: Message, tries: int, answered: list[bool]) -> None:
        if answered and not (self.faults and self.chance.random() < 0.04):
            self.unsent -= 1
        else:
            self.world.at(min(60, 2**tries), self._deliver, message, tries + 1)

    def _replay(self) -> None:
        """The shop's list of orders, as each stands now, under new event ids."""
        self.replays += 1
        for sale in self.sales:
            age = self.world.now - sale.placed
            if age > 13:
                self._resend(sale.listed.again(self.replays))
            elif age > 0:
                self._resend(sale.messages[1].again(self.replays))

    def _resend(self, message: Message) -> None:
        self.unsent += 1
        self.world.at(self.chance.uniform(0, 5), self._deliver, message)

    # -------------------------------------------------------------------------------------------- workers

    def _start_worker(self, process: Process) -> None:
        store = self.parts.store(self.server)
        clock = SimClock(self.world, process)
        executor = Executor(
            store, self.parts.client(self.facturation, self.server), clock, settle=self.parts.settle
        )

        def background(renewal: Callable[[], Awaitable[bool]], every: float) -> Callable[[], None]:
            async def beat() -> None:
                while True:
                    await sleep(self.world, every)
                    if not await renewal():
                        return

            return process.spawn(beat()).kill

        self.syncers[process.name] = Syncer(
            store,
            lambda _lane: executor,
            self.shops,
            clock,
            background=background,
            unexpected=lambda exc, key: self.verdict.violations.append(f"unexpected in {key}: {exc!r}"),
        )
        process.spawn(self._keep_acquainted())
        if self.parts.sweeper:
            self.world.at(self.chance.random(), self._sweep, process, process.kills)

    async def _keep_acquainted(self) -> None:
        """As `wiring` does."""
        while True:
            try:
                await self.server.call(lambda data, now: data.floor_at(self.server.durable, now))
                await sleep(self.world, 30)
            except StoreUnavailable:
                await sleep(self.world, 1)

    def _sweep(self, process: Process, kills: int) -> None:
        """`worker._sweep`; when no more deliveries can come it lets time pass until something is due."""
        if process.kills != kills:
            return
        pause = max(1.0, process.frozen_until - self.world.now)
        if pause == 1.0 and self.server.up and self.chance.random() > 2 * self.server.loss:
            self.server.run(lambda data, now: data.sweep(now, process.name))
        if not self.faults and not self.unsent and self.server.data.due:
            pause = max(pause, (min(self.server.data.due.values()) - self.server.now_ms) / 1000)
        self.world.at(pause, self._sweep, process, kills)

    def _rung(self, wake_up: str, key: str) -> None:
        """arq, as a channel that loses wake-ups and rings twice."""
        fate = self.chance.random() if self.faults else 1.0
        if fate > 0.1:
            self.world.at(self.chance.uniform(0.005, 0.06), self._answer_bell, wake_up, key, True)
        if fate < 0.2:
            self.world.at(self.chance.uniform(0, 6), self._answer_bell, wake_up, key, False)

    def _answer_bell(self, wake_up: str, key: str, first: bool) -> None:
        if first and wake_up not in self.server.data.queue:
            return
        awake = [p for p in self.workers if p.alive and p.frozen_until <= self.world.now]
        if not awake or not self.server.up:
            self.world.at(0.5, self._answer_bell, wake_up, key, first)
            return
        self.server.data.queue.pop(wake_up, None)
        worker = self.chance.choice(awake)
        worker.spawn(self.syncers[worker.name].sync_order(key))

    def _ask_a_person(self) -> int:
        """Orders whose workers were killed too often in a row ask for attention; someone retries them."""
        data = self.server.data
        killers = [
            key for key in data.attention if reason_from(data.orders[key].reason).code == "worker_died"
        ]
        for key in killers:
            data.retry(self.server.now_ms, key)
        self.verdict.totals["retried by a person"] += len(killers)
        return len(killers)

    # --------------------------------------------------------------------------------------------- checks

    def _check_the_unfinished(self) -> None:
        for broken in of_the_unfinished(self.server.data):
            self.verdict.violations.append(f"at {self.world.now:.0f} s: {broken}")

    def _check(self) -> None:
        found = self.verdict.violations
        found += self.facturation.violations
        found += [f"escaped from a task: {exc!r}" for exc in self.world.escaped]
        found += [f"not at rest: {self.unsent} deliveries without answer"] if self.unsent else []
        found += of_the_store_at_rest(self.server.data, self.server.now_ms, self.sales)
        found += of_facturation(self.facturation, self.sales)
        self.verdict.totals.update(
            {
                "seeds": 1,
                "orders": len(self.sales),
                "documents": sum(stored.since > 0 for stored in self.facturation.invoices.values()),
                "customers": sum(stored.since > 0 for stored in self.facturation.customers.values()),
                "kills": sum(process.kills for process in (*self.workers, *self.webs)),
                "deleted": self.facturation.deleted,
                "crashes": self.server.crashes,
                "calls": self.facturation.calls,
                "429": self.facturation.refused,
                "virtual minutes": round(self.world.now / 60),
                "steps": self.world.steps,
            }
        )


def _known_shops(data: Data) -> Data:
    """Shops that were heard from long ago: what a wrong clock makes of their first day is not looked for."""
    data.first_heard = dict.fromkeys((BOUTIQUE, GALERIE, ATELIER), 0)
    return data


# -------------------------------------------------------------------------------------------- running them


@contextmanager
def prepared() -> Iterator[dict[str, Shop]]:
    """The shops. While it lasts, what is pure is computed once for all histories, and nothing is logged."""
    known: dict[Hashable, tuple[Order, Documents]] = {}

    def remembered(
        order: Order,
        rules: Rules,
        rounding: FirmRounding,
        made: Mapping[str, LedgerEntry],
        _now: datetime,
        _vat: Vat | None,
    ) -> Documents:
        place = (id(order), rules.invoice_from, rounding, frozenset(made.items()))
        if place not in known:
            known[place] = (order, documents_for(order, rules, rounding, made))
        return known[place][1]

    log = sync.log
    silent = structlog.wrap_logger(
        None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    module: Any = sync
    module.documents_for = remembered
    sync.log = silent.bind()
    try:
        yield shops()
    finally:
        module.documents_for = documents_for
        sync.log = log


def run_seed(seed: int, mode: Mode, configured: dict[str, Shop], parts: Parts | None = None) -> Verdict:
    """One history."""
    return History(seed, mode, parts or Parts(), configured).tell()
