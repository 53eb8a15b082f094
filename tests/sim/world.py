"""Virtual time, and coroutines driven by hand. One seed is one history.

No event loop: a coroutine runs until it awaits a `Wait`, whose `start` says when and how it goes on. A
process owns its tasks. kill -9 is never going on (no `finally` runs); SIGSTOP and a frozen VM are going on
late.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from random import Random
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class World:
    """The clock, chance, and what is to happen. `now`: virtual seconds. `mishaps`: see `Task`."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.mishaps = 0.0
        self.steps = 0
        self.escaped: list[Exception] = []
        self._agenda: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._entries = 0
        self._tasks: list[Task] = []

    def at(self, delay: float, call: Callable[..., None], *args: Any) -> None:
        """Has `call(*args)` happen in so many seconds."""
        self._entries += 1
        heapq.heappush(self._agenda, (self.now + delay, self._entries, call, args))

    def run(self, until: float) -> None:
        """Lets everything happen that is due before `until`."""
        agenda = self._agenda
        while agenda and agenda[0][0] <= until:
            self.now, _, call, args = heapq.heappop(agenda)
            self.steps += 1
            call(*args)
        self.now = until

    def keep(self, task: Task) -> None:
        """Holds on to a task, so that nothing of it runs when it is dropped."""
        self._tasks.append(task)

    def close(self) -> None:
        """The end: unfinished coroutines may go."""
        for task in self._tasks:
            task.close()


class Wait(Generic[T]):
    """What code under simulation awaits in the end. `start(task, turn)` sees to it that
    `task.wake(turn, value)` or `task.wake(turn, None, error)` is called later, if at all."""

    __slots__ = ("start",)

    def __init__(self, start: Callable[[Task, int], None]) -> None:
        self.start = start

    def __await__(self) -> Generator[Wait[T], T, T]:
        return (yield self)


class Task:
    """One coroutine of a process. At each await of a mortal process, kill -9 may strike, before the request
    leaves or just after it, or its machine may stand still."""

    __slots__ = ("_context", "_coroutine", "_turn", "process", "world")

    def __init__(self, world: World, process: Process, coroutine: Coroutine[Any, Any, None]) -> None:
        self.world = world
        self.process = process
        self._coroutine = coroutine
        self._context: Context = copy_context()
        self._turn = 0
        world.keep(self)
        world.at(0, self.wake, 0)

    def wake(self, turn: int, value: Any = None, error: Exception | None = None) -> None:
        """Goes on, unless it was killed or has gone on already."""
        if turn != self._turn:
            return
        if self.process.frozen_until > self.world.now:
            self.world.at(self.process.frozen_until - self.world.now, self.wake, turn, value, error)
            return
        self._turn += 1
        try:
            wait: Wait[Any]
            if error is None:
                wait = self._context.run(self._coroutine.send, value)
            else:
                wait = self._context.run(self._coroutine.throw, error)
        except StopIteration:
            self._end()
        except Exception as escaped:
            self.world.escaped.append(escaped)
            self._end()
        else:
            self._wait(wait)

    def _wait(self, wait: Wait[Any]) -> None:
        world, process = self.world, self.process
        fate = world.random.random() if process.mortal and world.mishaps else 1.0
        if fate < world.mishaps:
            if world.random.random() < 0.5:
                wait.start(self, self._turn)
            process.kill()
            return
        if fate < 1.3 * world.mishaps:
            process.freeze(world.random.expovariate(0.01))
        wait.start(self, self._turn)

    def kill(self) -> None:
        """It never goes on."""
        self._turn = -1

    def _end(self) -> None:
        self._turn = -1
        self.process.tasks.discard(self)

    def close(self) -> None:
        """Runs what `finally` there is, once nobody looks any more."""
        self._turn = -1
        self._context.run(self._coroutine.close)


class Process:
    """Tasks that live and die together. `started` begins its work, at the start and after each kill.
    `stepped`: seconds by which somebody has set its wall clock wrong."""

    def __init__(self, world: World, name: str, started: Callable[[Process], None], *, mortal: bool) -> None:
        self.world = world
        self.name = name
        self.mortal = mortal
        self.alive = False
        self.kills = 0
        self.frozen_until = 0.0
        self.tasks: set[Task] = set()
        self.skew = world.random.uniform(-2, 2)
        self.stepped = 0.0
        self._started = started

    def start(self) -> None:
        """Starts it, if it is down."""
        if not self.alive:
            self.alive = True
            self._started(self)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> Task:
        """A new task of this process."""
        task = Task(self.world, self, coroutine)
        self.tasks.add(task)
        return task

    def kill(self) -> None:
        """kill -9; supervision starts it again soon."""
        if not self.alive:
            return
        self.alive = False
        self.kills += 1
        for task in self.tasks:
            task.kill()
        self.tasks.clear()
        self.frozen_until = 0.0
        self.world.at(self.world.random.uniform(0.2, 4), self.start)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, or its machine stands still."""
        self.frozen_until = self.world.now + seconds
