"""What goes wrong, and when: all from one seed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any

from tests.worlds.ports import free_port
from tests.worlds.site import Child, Site

RETRY_AFTER = 3
"""Seconds that the sandbox asks for with each 429."""
CATCHING_UP = 1.5
"""Seconds that a process which comes back needs to start and to see how things are."""
LONGEST_LATE = 1.5
"""Seconds by which a request may come late to its commit, for each reason: the sandbox hangs, or stands
still, or commits after it answered."""


@dataclass(slots=True)
class Crew:
    """Two webs and two workers, kept alive as an orchestrator would."""

    site: Site
    webs: dict[str, int] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    async def start_all(self) -> None:
        self.webs = {f"web{n}": free_port() for n in (1, 2)}
        for name in (*self.webs, "worker1", "worker2"):
            await self.start(name)

    async def start(self, name: str) -> None:
        if name in self.webs:
            self.children[name] = await self.site.start_web(name, self.webs[name])
        else:
            self.children[name] = await self.site.start_worker(name)

    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.webs.values()]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A process was not itself from `begin` to `end` (seconds since the epoch)."""

    begin: float
    end: float


class Nemesis:
    """Disturbs a site until it is told to stop; then everything runs again."""

    def __init__(self, site: Site, crew: Crew, random: Random) -> None:
        self._site = site
        self._crew = crew
        self._random = random
        self._pending: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()
        self._failure: BaseException | None = None
        self.done: Counter[str] = Counter()
        self.disturbances: list[Disturbance] = []

    async def rage(self, stop: asyncio.Event) -> None:
        """One mishap after the other. Even a short life has the worst ones: a 429 once there is something to
        refuse, then the death of a process and of Valkey."""
        deeds: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (9, self._kill_a_role),
            (3, self._stop_a_role),
            (1, self._end_a_role),
            (2, self._kill_valkey),
            (1, self._stop_valkey),
            (1, self._stop_the_sandbox),
            (5, self._break_the_api),
            (0.08, self._burst_of_429),
        ]
        await _sleep_unless(stop, 2)
        for worst in (self._burst_of_429, self._kill_a_role, self._kill_valkey):
            await worst()
        while not stop.is_set() and not self._failure:
            (deed,) = self._random.choices([deed for _, deed in deeds], [weight for weight, _ in deeds])
            await deed()
            await _sleep_unless(stop, self._random.uniform(0.02, 0.2))
        await asyncio.gather(*self._pending, return_exceptions=True)
        if self._failure:
            raise self._failure
        await self._site.clear_faults()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._pending.discard(task)
        if not task.cancelled() and task.exception():
            self._failure = self._failure or task.exception()

    async def _away(
        self,
        name: str,
        gone: Callable[[], Awaitable[None]],
        back: Callable[[], Awaitable[None]],
        seconds: float,
    ) -> None:
        """Takes something away, and brings it back later."""
        if name in self._busy:
            return
        self._busy.add(name)
        begin = time.time()
        await gone()

        async def return_() -> None:
            await asyncio.sleep(seconds)
            await back()
            self._busy.discard(name)
            self.disturbances.append(Disturbance(begin, time.time() + CATCHING_UP))

        self._spawn(return_())

    def _role(self) -> str:
        return self._random.choice(sorted(self._crew.children))

    async def _kill_a_role(self) -> None:
        name = self._role()
        if name not in self._busy:
            self.done[f"kill -9 {name[:-1]}"] += 1

        async def back() -> None:
            await self._crew.start(name)

        await self._away(name, self._crew.children[name].kill, back, self._random.uniform(0, 1))

    async def _end_a_role(self) -> None:
        name = self._role()
        if name in self._busy:
            return
        self.done[f"SIGTERM {name[:-1]}"] += 1
        child = self._crew.children[name]
        # Before it listens to signals, the first one ends it as it ends any process.
        good = (0,) if child.listens else (0, -SIGTERM)

        async def gone() -> None:
            child.signal(SIGTERM)

        async def back() -> None:
            try:
                code = await child.died(30)
            except TimeoutError:
                raise AssertionError(f"{name} does not end on SIGTERM:\n{child.words()}") from None
            assert code in good, f"{name} ended with {code}:\n{child.words()}"
            await self._crew.start(name)

        await self._away(name, gone, back, 0)

    async def _stop_a_role(self) -> None:
        name = self._role()
        if name not in self._busy:
            self.done[f"SIGSTOP {name[:-1]}"] += 1
        # Now and then for longer than a lease lasts.
        seconds = self._random.choice((0.2, 1.0, 3.0, 6.5))
        await self._freeze(name, self._crew.children[name], seconds)

    async def _freeze(self, name: str, child: Child, seconds: float) -> None:
        async def gone() -> None:
            child.signal(SIGSTOP)

        async def back() -> None:
            child.signal(SIGCONT)

        await self._away(name, gone, back, seconds)

    async def _kill_valkey(self) -> None:
        if "valkey" not in self._busy:
            self.done["kill -9 valkey"] += 1
        valkey = self._site.valkey
        await self._away("valkey", valkey.kill, valkey.start, self._random.uniform(0, 1.5))

    async def _stop_valkey(self) -> None:
        if "valkey" not in self._busy:
            self.done["SIGSTOP valkey"] += 1
        assert self._site.valkey.process
        await self._freeze("valkey", self._site.valkey.process, self._random.choice((0.2, 1.0, 3.0)))

    async def _stop_the_sandbox(self) -> None:
        if "sandbox" not in self._busy:
            self.done["SIGSTOP sandbox"] += 1
        assert self._site.sandbox
        await self._freeze("sandbox", self._site.sandbox, self._random.uniform(0.1, LONGEST_LATE))

    async def _break_the_api(self) -> None:
        random, times = self._random, self._random.randint(1, 3)
        moment = random.choice(("before", "after"))
        late = random.uniform(0.1, LONGEST_LATE)
        method = random.choice(("POST", "POST", "*"))
        faults: list[tuple[str, dict[str, object]]] = [
            (f"5xx {moment} the commit", {"kind": "status", "status": 502, "moment": moment}),
            (f"drop {moment} the commit", {"kind": "drop", "moment": moment}),
            (f"hang {moment} the commit", {"kind": "delay", "moment": moment, "seconds": late}),
            ("late commit after a 502", {"kind": "late_commit", "seconds": late}),
            ("late commit after a drop", {"kind": "late_commit", "status": 0, "seconds": late}),
            ("HTML in place of JSON", {"kind": "html"}),
        ]
        name, fault = random.choice(faults)
        await self._api_fault(name, times, method=method, **fault)

    async def _burst_of_429(self) -> None:
        """Nothing else is going on until its time is over, so that the silence after it can be heard."""
        if self._pending:
            await asyncio.gather(*self._pending, return_exceptions=True)
            await asyncio.sleep(CATCHING_UP + 0.6)  # `listened` looks back for half a second
        await self._api_fault("429", 5, kind="too_many_requests", retry_after=RETRY_AFTER)
        await asyncio.sleep(0.7)
        await self._site.clear_faults()
        await asyncio.sleep(RETRY_AFTER + 0.2)

    async def _api_fault(self, name: str, times: int, **fault: object) -> None:
        if "sandbox" in self._busy:  # it would not answer
            return
        self.done[name] += times
        self._busy.add("sandbox")
        await self._site.add_fault(count=times, **fault)
        self._busy.discard("sandbox")


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
