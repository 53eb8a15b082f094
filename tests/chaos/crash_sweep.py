"""Every place where a process can die, found by journeys that write down what they pass, then killed: real
processes, one kill -9 at exactly that place, a restart, and exactly one of everything.

`python -m tests.chaos.crash_sweep` kills at all of them, at every passage; the tests at each place once.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import httpx

from tests.builders.sales import Delivery, Sale, sale
from tests.chaos.audit import violations
from tests.worlds.ports import free_port
from tests.worlds.site import Child, Site, site
from tests.worlds.waiting import until

SETTLE = 1.0
AT_ONCE = 32
"""So many deaths at the same time: each of them mostly waits for a lease to run out."""
BACKGROUND = ("store.open.", "store.sweep.", "store.extend.", "store.vitals.")
"""Places that are passed again and again: the first passage stands for all."""

WAKE_UPS = ("store.take.", "store.answer.")
"""Every wake-up that rings passes there: no part of what happened to the order."""


class Role(StrEnum):
    WEB = "web"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One order from its first event to its last document. `fault`: of the sandbox, for this order alone."""

    name: str
    refund: str = "none"
    awkward: bool = False
    fault: Mapping[str, object] = field(default_factory=dict)


_REFUND = {"method": "POST", "path": "refund.json.*%3A{shop}%3A"}
JOURNEYS = (
    Journey(name="part", refund="part"),
    Journey(name="full", refund="full"),
    Journey(name="draft", awkward=True),
    Journey(
        name="slow", fault={"kind": "delay", "method": "GET", "path": "email={buyer}%40", "seconds": 2.2}
    ),
    Journey(name="refused", refund="full", fault={"kind": "too_many_requests", **_REFUND}),
    Journey(name="unknown", refund="full", fault={"kind": "status", **_REFUND}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process dies: in which journey, and at which passage. `history`: what it passed up to there."""

    journey: Journey
    role: Role
    name: str
    passage: int
    history: tuple[str, ...]

    def __str__(self) -> str:
        again = f" (passage {self.passage})" if self.passage > 1 else ""
        return f"{self.role:6} {self.journey.name:7} {self.name}{again}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What came of one place. `seconds`: from death to done; None: it was never reached."""

    place: Place
    sale: Sale
    seconds: float | None
    problem: str = ""


class Track:
    """One order's installation: a shop and a database of its own, on the site that all share.

    `home`: another track whose shop, web and database this order shares.
    """

    def __init__(self, site: Site, number: int, journey: Journey, *, home: Track | None = None) -> None:
        self.site = site
        self.journey = journey
        self.db: int = home.db if home else number
        self.shop = f"shop{self.db}"
        self.port: int = home.port if home else free_port()
        self.said = ""
        n = 5 * number + (4 if journey.awkward else 0)
        placed = datetime.now(UTC) - timedelta(minutes=1)
        self.sale = sale("shopify", n, shop=self.shop, buyer=number, refund=journey.refund, placed=placed)
        self._numbers = itertools.count()

    async def arm(self) -> None:
        """Prepares the journey's fault."""
        if self.journey.fault:
            path = str(self.journey.fault["path"]).format(shop=self.shop, buyer=f"buyer-{self.db}")
            await self.site.add_fault(**{**self.journey.fault, "path": path})

    async def start(self, role: Role, **env: str) -> Child:
        name = f"{role}-{self.db}-{next(self._numbers)}"
        env = {**self.site.environment(self.db, {self.shop: "shopify"}), **env}
        if role is Role.WEB:
            return await self.site.start_web(name, self.port, **env)
        return await self.site.start_worker(name, **env)

    async def deliver(self, delivery: Delivery) -> bool:
        """Sends it once; whether it was acknowledged."""
        return await self.status(delivery) == 200

    async def status(self, delivery: Delivery) -> int:
        """Sends it once; the HTTP status, 0 without an answer. `said` is what a 200 said."""
        try:
            answer = await self.site.http.post(
                f"http://127.0.0.1:{self.port}/webhooks/{self.shop}",
                content=delivery.body,
                headers=delivery.headers(datetime.now(UTC)),
            )
        except httpx.HTTPError:
            return 0
        assert answer.status_code in (200, 503), answer.text
        self.said = answer.json().get("status", "")
        return answer.status_code

    async def is_done(self) -> bool:
        redis = self.site.valkey.client(self.db)
        try:
            return bool(await redis.hget(f"bridge:order:{self.sale.key}", "state") == b"done")
        finally:
            await redis.aclose()

    async def wait_until_done(self, within: float) -> str:
        """Nothing, once the order is done and every event in it; otherwise what is wrong."""
        redis = self.site.valkey.client(self.db)
        order = f"bridge:order:{self.sale.key}"

        async def rests() -> bool:
            return await redis.hget(order, "state") in (b"done", b"attention")

        try:
            await until(rests, "the order rests", within=within, every=0.1)
        except AssertionError as exc:
            return f"{exc}: {await redis.hgetall(order)}"
        else:
            facts = await redis.hgetall(order)
            events = await redis.llen(f"bridge:events:{self.sale.key}")
            waiting = await redis.zcard("bridge:waiting") + await redis.zcard("bridge:due")
            if facts[b"state"] != b"done":
                return str(facts.get(b"reason"))
            if events != len(self.sale.deliveries) or facts[b"done"] != facts[b"version"] or waiting:
                return f"{events} events, {waiting} waiting, {facts}"
            return ""
        finally:
            await redis.aclose()


async def places_of(track: Track) -> list[Place]:
    """Makes a journey unharmed and lists the places that it passes, each with every passage."""
    await track.arm()
    logs = {role: track.site.prefork.directory / f"places-{role}-{track.db}" for role in Role}
    web = await track.start(Role.WEB, BRIDGE_CRASH_LOG=str(logs[Role.WEB]))
    await _deliver_all(track)
    worker = await track.start(Role.WORKER, BRIDGE_CRASH_LOG=str(logs[Role.WORKER]))
    problem = await track.wait_until_done(30)
    assert not problem, f"journey {track.journey.name}: {problem}\n{worker.words()}"
    await asyncio.gather(web.kill(), worker.kill())
    return [
        place
        for role, log in logs.items()
        for place in _places_in(track.journey, role, log.read_text().split("\n")[:-1])
    ]


def _places_in(journey: Journey, role: Role, passed: Sequence[str]) -> Iterator[Place]:
    passages: Counter[str] = Counter()
    history: list[str] = []
    for name in passed:
        background = name.startswith(BACKGROUND)
        if background and passages[name]:
            continue
        passages[name] += 1
        if not background and not name.startswith(WAKE_UPS):
            history.append(name)
        yield Place(journey=journey, role=role, name=name, passage=passages[name], history=tuple(history))


def different(places: Iterable[Place]) -> list[Place]:
    """Each place once, where journeys begin alike: it is the same one if all that was passed before is."""
    chosen: dict[tuple[Role, str, tuple[str, ...]], Place] = {}
    for place in places:
        history = () if place.name.startswith(BACKGROUND) else place.history
        chosen.setdefault((place.role, place.name, history), place)
    return list(chosen.values())


async def _deliver_all(track: Track) -> None:
    for delivery in track.sale.deliveries:

        async def acknowledged(delivery: Delivery = delivery) -> bool:
            return await track.deliver(delivery)

        await until(acknowledged, f"{delivery.topic} is acknowledged")


async def kill_at(site: Site, number: int, place: Place) -> Killed:
    """Dies at the place, starts again, and waits until the order is done."""
    track = Track(site, number, place.journey)
    await track.arm()
    mortal = {"BRIDGE_CRASH_AT": f"{place.name}:{place.passage}"}
    web = await track.start(Role.WEB, **(mortal if place.role is Role.WEB else {}))
    if place.role is Role.WEB:
        delivering = asyncio.create_task(_deliver_all(track))
        died = await _dies(web, delivering)
        web = await track.start(Role.WEB) if died else web
        await delivering
        worker = await track.start(Role.WORKER)
    else:
        await _deliver_all(track)
        worker = await track.start(Role.WORKER, **mortal)
        done = asyncio.create_task(track.wait_until_done(30))
        died = await _dies(worker, done)
        worker = await track.start(Role.WORKER) if died else worker
        await done
    problem = await track.wait_until_done(30)
    seconds = time.monotonic() - died if died else None
    if problem:
        problem = f"{problem}\n{worker.words()}"
    await asyncio.gather(web.kill(), worker.kill())
    return Killed(place=place, sale=track.sale, seconds=seconds, problem=problem)


async def _dies(child: Child, other: asyncio.Task[Any]) -> float:
    """When the process killed itself; 0 when what it works for was over before."""
    await asyncio.wait({child.exited, other}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({child.exited}, timeout=1)  # the last place comes after the order is seen to be done
    if not child.exited.done():
        return 0.0
    assert child.exited.result() == -9, f"{child.name} ended by itself:\n{child.words()}"
    return time.monotonic()


def each_once(places: Sequence[Place]) -> list[Place]:
    """A covering choice: each place of a role once, at the first passage of the first journey there."""
    chosen: dict[tuple[Role, str], Place] = {}
    for place in places:
        chosen.setdefault((place.role, place.name), place)
    return list(chosen.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All deaths, and what Facturation.pro holds wrongly in the end."""

    known: int
    killed: Sequence[Killed]
    violations: Sequence[str]
    seconds: float

    @property
    def problems(self) -> list[str]:
        return [f"{each.place}: {each.problem}" for each in self.killed if each.problem] + list(
            self.violations
        )

    def table(self) -> str:
        """One line a place."""
        lines = []
        for each in sorted(
            self.killed, key=lambda each: (each.place.role, each.place.name, each.place.passage)
        ):
            took = "never reached" if each.seconds is None else f"{each.seconds:5.1f} s"
            lines.append(f"{each.place!s:75} {took}{'  ' + each.problem if each.problem else ''}")
        return "\n".join(lines)


async def sweep(*, every_passage: bool) -> Sweep:
    """Finds the places and kills there, several at the same time."""
    began = time.monotonic()
    numbers = itertools.count(1)
    async with site(settle=SETTLE) as built:
        unharmed = [Track(built, next(numbers), journey) for journey in JOURNEYS]
        found = await asyncio.gather(*map(places_of, unharmed))
        known = different(place for places in found for place in places)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(place: Place) -> Killed:
            async with gate:
                return await kill_at(built, next(numbers), place)

        chosen = known if every_passage else each_once(known)
        killed = await asyncio.gather(*(one(place) for place in chosen))
        sales = [track.sale for track in unharmed] + [each.sale for each in killed]
        wrong = violations(await built.state(), sales)
    return Sweep(known=len(known), killed=killed, violations=wrong, seconds=time.monotonic() - began)


def main() -> int:
    """Kills at every passage of every place."""
    result = asyncio.run(sweep(every_passage="--each-once" not in sys.argv))
    print(result.table())
    for problem in result.problems:
        print("BROKEN", problem)
    died = sum(each.seconds is not None for each in result.killed)
    print(
        f"{len(result.killed)} of {result.known} places, {died} deaths, "
        f"{len(result.problems)} broken, {result.seconds:.0f} s"
    )
    return 1 if result.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
