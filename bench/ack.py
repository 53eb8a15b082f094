"""How fast a signed order is acknowledged, by us and by the baselines of `servers.py`, in one run.

The server has one core, the load and Valkey (`appendfsync always`) the other. Rounds are interleaved, and
the median of each contestant's is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import redis

from bench.child import Child, child
from bench.ground import LOAD_CORE, SERVER_CORE, Ground, started
from bench.servers import BASELINES, free_port
from bench.table import Table

CONNECTIONS = (1, 16, 64)
OURS = "bridge"
FASTEST = 15_000
"""Orders a second that are signed in advance: more than anybody answers, but for A, which may repeat."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One contestant at one number of connections: answers a second; milliseconds."""

    rate: float
    p50: float
    p99: float


class Contest:
    """The contestants, running. Each round uses orders that nobody has seen."""

    def __init__(self, ground: Ground, stack: ExitStack) -> None:
        self._ground = ground
        self._first = 0
        self._load = stack.enter_context(child("load:main", LOAD_CORE))
        self._ports = {
            name: stack.enter_context(
                child("servers:baseline", SERVER_CORE, name=name, redis_url=ground.url)
            ).hear()["port"]
            for name in BASELINES
        }
        port = free_port()
        self._ports[OURS] = port
        environ = ground.environ(port=port)
        stack.enter_context(child("servers:bridge", SERVER_CORE, role="web", port=port, environ=environ)).hear()
        started(port)

    def round(self, name: str, connections: int, seconds: float) -> Measured:
        self._ground.clear()
        orders = int(FASTEST * seconds)
        asked = {
            "port": self._ports[name],
            "connections": connections,
            "seconds": seconds,
            "first": self._first,
            "orders": orders,
        }
        self._first += orders
        return Measured(**self._load.ask(asked))
