"""How fast a signed order is acknowledged, by us and by the baselines of `servers.py`, in one run.

The server has one core, the load and Valkey (`appendfsync always`) the other. Rounds are interleaved; what is
shown is each contestant's median, and the median of the ratios within a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import psutil

from bench.child import child
from bench.ground import OTHER_CORE, SERVER_CORE, Ground, wait_for_web
from bench.servers import BASELINES, free_port
from bench.table import Cell, Goal, Table

CONNECTIONS = (1, 16, 64)
OURS = "bridge"
FASTEST = 15_000
"""Orders signed in advance for each second: more than anybody can answer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One contestant in one round: answers a second; milliseconds; µs of the server's CPU for each answer."""

    rate: float
    p50: float
    p99: float
    cpu: float


Found = dict[tuple[str, int], list[Measured]]
"""By contestant and number of connections."""


class Contest:
    """The contestants, running. Each round uses orders that nobody has seen."""

    def __init__(self, ground: Ground, stack: ExitStack) -> None:
        self._ground = ground
        self._first = 0
        self._load = stack.enter_context(child("load:main", OTHER_CORE))
        self._ports: dict[str, int] = {}
        self._servers: dict[str, psutil.Process] = {}
        for name in BASELINES:
            server = stack.enter_context(
                child("servers:baseline", SERVER_CORE, name=name, redis_url=ground.url)
            )
            self._ports[name] = server.hear()["port"]
            self._servers[name] = psutil.Process(server.pid)
        port = self._ports[OURS] = free_port()
        server = stack.enter_context(
            child("servers:bridge", SERVER_CORE, role="web", environ=ground.environ(port=port))
        )
        self._servers[OURS] = psutil.Process(server.pid)
        for port in self._ports.values():
            wait_for_web(port)

    def round(self, name: str, connections: int, seconds: float) -> Measured:
        """Loads one contestant, the others being idle."""
        self._ground.clear()
        orders = int(FASTEST * seconds)
        self._first += orders
        spent = self._spent(name)
        said = self._load.ask(
            {
                "port": self._ports[name],
                "connections": connections,
                "seconds": seconds,
                "first": self._first,
                "orders": orders,
            }
        )
        answered = said.pop("answered")
        return Measured(**said, cpu=(self._spent(name) - spent) / answered * 1e6)

    def _spent(self, name: str) -> float:
        times = self._servers[name].cpu_times()
        return float(times.user + times.system)


def run(
    ground: Ground,
    *,
    rounds: int = 3,
    seconds: float = 0.8,
    contestants: tuple[str, ...] = (*BASELINES, OURS),
    connections: tuple[int, ...] = CONNECTIONS,
) -> list[Table]:
    """One table, one row for each contestant and number of connections."""
    with ExitStack() as stack:
        contest = Contest(ground, stack)
        for name in contestants:
            contest.round(name, 16, 0.3)
        found: Found = {(name, many): [] for many in connections for name in contestants}
        for many in connections:
            for _ in range(rounds):
                for name in contestants:
                    found[name, many].append(contest.round(name, many, seconds))
    return [_table(found)]


def _table(found: Found) -> Table:
    def ratio(name: str, to: str, many: int) -> float:
        pairs = zip(found[name, many], found[to, many], strict=True)
        return median(ours.rate / theirs.rate for ours, theirs in pairs)

    compared = [to for to in ("B", "B raw", "C") if any(name == to for name, _ in found)]
    rows: list[Sequence[Cell]] = [
        (
            many,
            name,
            round(median(one.rate for one in rounds)),
            round(median(one.p50 for one in rounds), 2),
            round(median(one.p99 for one in rounds), 1),
            round(median(one.cpu for one in rounds)),
            *(round(ratio(name, to, many), 2) for to in compared),
        )
        for (name, many), rounds in found.items()
    ]
    goals = []
    busiest = max(many for _, many in found)
    if {"B", "C", OURS} <= {name for name, _ in found}:
        goals = [
            Goal(f"of B, {busiest} connections", ratio(OURS, "B", busiest), 0.6, 0.8),
            Goal(f"times C, {busiest} connections", ratio(OURS, "C", busiest), 3, 4),
            Goal("p99, ms", median(one.p99 for one in found[OURS, busiest]), 120, 60, at_least=False),
        ]
    figures = ("req/s", "p50 ms", "p99 ms", "CPU µs")
    headings = ("connections", "server", *figures, *(f"of {to}" for to in compared))
    return Table("ack: signed 8 KB order → durable → 200", headings, rows, goals)
