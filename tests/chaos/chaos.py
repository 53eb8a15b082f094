"""`python -m tests.chaos.chaos N SEED`: N orders of three platforms through a site where everything fails.

Shops deliver in any order, twice, and again until they are told 200; webs, workers and Valkey are killed,
stopped and restarted; Facturation.pro stands still and fails in every way the sandbox knows. Then it heals,
and what was acknowledged must be invoiced exactly once, to the cent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from tests.builders.sales import PLATFORMS, Delivery, Sale, sale
from tests.chaos.audit import violations
from tests.chaos.nemesis import LONGEST_LATE, RETRY_AFTER, Crew, Disturbance, Nemesis
from tests.worlds.site import Site, site
from tests.worlds.waiting import until

SEND_DEADLINE = 5.0
SETTLE = SEND_DEADLINE + 2 * LONGEST_LATE + 4
"""Longer than anything here keeps a request from being carried out, as in real life 120 s are."""
SENDERS = 32
ORDERS_A_SECOND = 8
GRACE = 1.5
"""Seconds after a 429 in which a request may still come that had left before it was known to all."""


@dataclass(slots=True)
class Verdict:
    """What happened and what it came to."""

    orders: int
    mishaps: Mapping[str, int]
    answers: Mapping[str, int]
    counts: Mapping[str, int]
    retried: int
    silences: int
    seconds: float
    healed_in: float
    problems: Sequence[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = sum(n for name, n in self.mishaps.items() if name.startswith("kill"))
        rows = [
            f"orders            {self.orders}",
            f"answers to shops  {_listed(self.answers)}",
            f"mishaps           {_listed(self.mishaps)}",
            f"kill -9           {kills}",
            f"Facturation.pro   {_listed(self.counts)}",
            f"silences after a 429 that were listened to: {self.silences}",
            f"orders that a person had to retry: {self.retried}",
            f"{self.seconds:.0f} s, of which {self.healed_in:.0f} s after the last mishap",
            *(f"BROKEN            {problem}" for problem in self.problems),
            "verdict           " + ("BROKEN" if self.problems else "nothing lost, nothing twice"),
        ]
        return "\n".join(rows)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))


def sales_of(n: int, random: Random) -> list[Sale]:
    """Orders of all platforms, whose buyers come again, in more than one shop."""
    placed = datetime.now(UTC) - timedelta(minutes=1)
    shops = list(PLATFORMS.items())
    made = []
    for number in range(1, n + 1):
        shop, platform = random.choice(shops)
        refund = random.choice(("none", "none", "part", "full"))
        refund = "full" if refund == "part" and platform == "woocommerce" else refund
        buyer = random.randrange(max(3, n // 2))
        made.append(sale(platform, number, shop=shop, buyer=buyer, refund=refund, placed=placed))
    return made


class Shops:
    """Deliver everything, until each delivery is acknowledged."""

    def __init__(self, urls: Sequence[str], random: Random, http: httpx.AsyncClient) -> None:
        self._urls = urls
        self._random = random
        self._http = http
        self.answers: Counter[str] = Counter()
        self.delivered = 0

    async def deliver_all(self, sales: Iterable[Sale]) -> None:
        """At a steady pace; the events of an order within three seconds, in any order."""
        queue: list[tuple[float, int, Delivery]] = []
        for at, each in enumerate(sales):
            for delivery in each.deliveries:
                for _ in range(2 if self._random.random() < 0.2 else 1):
                    queue.append((at / ORDERS_A_SECOND + self._random.uniform(0, 3), len(queue), delivery))
        queue.sort()
        waiting, began = iter(queue), time.monotonic()

        async def send() -> None:
            for at, _, delivery in waiting:
                await asyncio.sleep(max(0, began + at - time.monotonic()))
                await self._until_acknowledged(delivery)

        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(send())

    async def _until_acknowledged(self, delivery: Delivery) -> None:
        pause = 0.1
        while not await self._once(delivery):
            await asyncio.sleep(pause * self._random.uniform(0.5, 1.5))
            pause = min(2.0, pause * 2)
        self.delivered += 1

    async def _once(self, delivery: Delivery) -> bool:
        url = f"{self._random.choice(self._urls)}/webhooks/{delivery.shop}"
        try:
            answer = await self._http.post(
                url, content=delivery.body, headers=delivery.headers(datetime.now(UTC))
            )
        except httpx.HTTPError:
            self.answers["no answer"] += 1
            return False
        if answer.status_code == 200:
            self.answers[answer.json()["status"]] += 1
            return True
        self.answers[str(answer.status_code)] += 1
        assert answer.status_code == 503, f"{delivery.topic}: {answer.status_code} {answer.text}"
        return False


async def chaos(
    n: int, seed: int, *, patience: float, tell: Callable[[str], None] = lambda _: None
) -> Verdict:
    """Lives through it. `patience`: seconds for everything to come to rest after the last mishap."""
    random, began = Random(seed), time.monotonic()
    sales = sales_of(n, random)
    async with site(settle=SETTLE) as built, httpx.AsyncClient(timeout=5) as http:
        crew = Crew(built)
        await crew.start_all()
        nemesis, shops = Nemesis(built, crew, Random(seed + 1)), Shops(crew.urls(), Random(seed + 2), http)
        stop = asyncio.Event()
        raging = asyncio.create_task(nemesis.rage(stop))
        delivering = asyncio.create_task(shops.deliver_all(sales))
        while not delivering.done():
            await asyncio.wait({delivering, raging}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            if raging.done():
                delivering.cancel()
                raging.result()
            at, mishaps = time.monotonic() - began, sum(nemesis.done.values())
            tell(f"{at:4.0f} s  {shops.delivered} deliveries acknowledged, {mishaps} mishaps")
        delivering.result()
        stop.set()
        await raging
        healing = time.monotonic()
        retried, stuck = await _come_to_rest(built, patience, tell)
        state = await built.state()
        silences, spoken = listened(state["requests"], nemesis.disturbances)
        counts = {name: n for name, n in state["counts"].items() if n and name != "faults"}
        return Verdict(
            orders=n,
            mishaps=dict(nemesis.done),
            answers=dict(shops.answers),
            counts=counts,
            retried=retried,
            silences=silences,
            seconds=time.monotonic() - began,
            healed_in=time.monotonic() - healing,
            problems=[*stuck, *violations(state, sales), *spoken],
        )


async def _come_to_rest(site: Site, patience: float, tell: Callable[[str], None]) -> tuple[int, list[str]]:
    """Waits until no order waits. Does what a person would for those whose workers were killed too often.
    Returns how many that were, and what does not come to rest."""
    redis = site.valkey.client()
    retried = 0

    async def quiet() -> bool:
        nonlocal retried
        for key in await redis.zrange("bridge:attention", 0, -1):
            reason = await redis.hget(f"bridge:order:{key.decode()}", "reason")
            if b"worker_died" in (reason or b""):
                retried += 1
                command = ["orders", "retry", key.decode()]
                person = await site.prefork.start(f"retry-{retried}", command, site.environment())
                assert await person.died(20) == 0, person.words()
        waiting = await redis.zcard("bridge:waiting")
        tell(f"healing: {waiting} orders wait")
        await asyncio.sleep(0.2)
        return not waiting and not await redis.zcard("bridge:due")

    problems = []
    try:
        await until(quiet, "no order waits", within=patience)
    except AssertionError as exc:
        problems.append(str(exc))
    for name in ("waiting", "attention"):
        for key in await redis.zrange(f"bridge:{name}", 0, -1):
            facts = await redis.hgetall(f"bridge:order:{key.decode()}")
            problems.append(f"{key.decode()}: {name}, {facts.get(b'reason', b'').decode()}")
    await redis.aclose()
    return retried, problems


def listened(
    requests: Sequence[Mapping[str, Any]], disturbances: Sequence[Disturbance]
) -> tuple[int, list[str]]:
    """No request may come during a Retry-After. Where a process was killed or stood still meanwhile it may
    have died with the news, or be late with what it had begun: those times are left out. Returns how many
    were listened to, and what was heard."""
    times = [(datetime.fromisoformat(each["at"]).timestamp(), each) for each in requests]
    silences, heard = 0, []
    for at, refused in times:
        begin, end = at + GRACE, at + RETRY_AFTER - 0.1
        if refused["status"] != 429 or any(d.begin < end and d.end > at - 0.5 for d in disturbances):
            continue
        silences += 1
        heard += [
            f"{each['method']} {each['path'][:60]} came {when - at:.1f} s after a 429"
            for when, each in times
            if begin < when < end
        ]
    return silences, heard


def main() -> int:
    """Prints progress and the verdict."""
    n, seed = int(sys.argv[1]), int(sys.argv[2])
    verdict = asyncio.run(chaos(n, seed, patience=300, tell=lambda text: print(text, flush=True)))
    print(verdict)
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
