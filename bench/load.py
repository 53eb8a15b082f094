"""The shops: keep-alive connections that each send one signed order after the other, ready-made bytes."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from typing import Any

import uvloop

from bench.child import questions, say
from bench.orders import Orders


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered, until there is none or the time is up."""

    def __init__(self, requests: Iterator[bytes], until: float, seen: list[float], wrong: list[str]) -> None:
        self._requests = requests
        self._until = until
        self._seen = seen
        self._wrong = wrong
        self._answer = b""
        self._sent = 0.0
        self._transport: Any = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def made(self) -> _Connection:
        """For asyncio, which wants a function that makes a protocol."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        now = time.perf_counter()
        if head[9:12] == b"200":
            self._seen.append(now - self._sent)
        else:
            self._wrong.append(self._answer[:200].decode("latin-1"))
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self._wrong.append(f"the connection was lost: {exc}")
            self.ended.set_result(None)

    def _next(self) -> None:
        self._sent = time.perf_counter()
        request = next(self._requests, None) if self._sent < self._until else None
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r")[0])


async def _round(port: int, connections: int, seconds: float, requests: list[bytes]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    seen: list[float] = []
    wrong: list[str] = []
    queue = iter(requests)
    began = time.perf_counter()
    shops = [_Connection(queue, began + seconds, seen, wrong) for _ in range(connections)]
    for shop in shops:
        await loop.create_connection(shop.made, "127.0.0.1", port)
    await asyncio.gather(*(shop.ended for shop in shops))
    took = time.perf_counter() - began
    if wrong:
        raise RuntimeError(f"{len(wrong)} wrong answers, the first: {wrong[0]}")
    seen.sort()
    rate = len(seen) / took
    return {"answered": len(seen), "rate": rate, "p50": _part(seen, 0.5), "p99": _part(seen, 0.99)}


def _part(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] * 1000


def main() -> None:
    """Answers `{port, connections, seconds, first, orders}` with `{answered, rate, p50, p99}` (ms)."""
    orders = Orders()
    for asked in questions():
        requests = [orders.request(n, n) for n in range(asked["first"], asked["first"] + asked["orders"])]
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            say(runner.run(_round(asked["port"], asked["connections"], asked["seconds"], requests)))
