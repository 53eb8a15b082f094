"""The whole bridge, running: web, worker and sandbox in processes of their own, and one shop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

from bench.child import Child, child
from bench.ground import OTHER_CORE, SERVER_CORE, Ground, wait_for_web
from bench.orders import Orders
from bench.servers import free_port


class System:
    """Sends orders, and hears from the sandbox what became of them."""

    def __init__(self, port: int, sandbox: Child) -> None:
        self._orders = Orders()
        self._shop = HTTPConnection("127.0.0.1", port, timeout=10)
        self._sandbox = sandbox
        self._sent = 0
        self.requests = 0

    def send(self, buyer: int) -> float:
        """A new order of this buyer; returns when it was acknowledged."""
        self._sent += 1
        return self.repeat(buyer)

    def repeat(self, buyer: int) -> float:
        """The last order again, under the same delivery id."""
        head, _, body = self._orders.request(self._sent, buyer).partition(b"\r\n\r\n")
        request, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        self._shop.request("POST", request.split()[1], body, headers)
        answer = self._shop.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the bridge answered {answer.status}")
        return time.perf_counter()

    def invoiced(self) -> float:
        """When the next invoice was made; brings `requests` up to date."""
        heard = self._sandbox.hear()
        self.requests = heard["requests"]
        return float(heard["at"])


@contextmanager
def system(ground: Ground) -> Iterator[System]:
    """Until the end of the block. The first order, which asks what a new ledger must ask, is behind it."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(child("servers:sandbox", OTHER_CORE))
        port = free_port()
        environ = ground.environ(port=port, api=sandbox.hear()["url"])
        for role in ("web", "worker"):
            stack.enter_context(child("servers:bridge", SERVER_CORE, role=role, environ=environ))
        wait_for_web(port)
        running = System(port, sandbox)
        running.send(buyer=0)
        running.invoiced()
        yield running
