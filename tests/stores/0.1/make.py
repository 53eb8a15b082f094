"""Wrote store.json: `PYTHONPATH=. python …/make.py …/store.json` in a checkout of commit b816ff5.

Orders in every state as version 0.1 kept them: reasons are sentences; what became of one creation is unknown.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bridge.embedded import EmbeddedValkey
from bridge.facturation.sandbox import Fault, FaultKind
from pydantic import SecretStr
from redis.asyncio import Redis
from tests.desk_world import World, open_world, shopify_order

from bridge.settings import AlertSettings
from tests import desk_world

SECRET = SecretStr("whsec_" + base64.b64encode(bytes(range(32))).decode())
ALERTS = AlertSettings(webhook_url="http://127.0.0.1:9/", webhook_secret=SECRET)


def text(value: bytes) -> str | dict[str, str]:
    """JSON has no bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def texts(fields: dict[bytes, bytes]) -> dict[str, Any]:
    return {name.decode(): text(value) for name, value in sorted(fields.items())}


async def live(world: World) -> None:
    """The numbers of the orders: 1 done, 2 and 6 attention, 3 open, 4 and 5 ignored, 7 and 8 waiting."""
    await world.order(1)
    await world.order(2, total_price="99.99")
    await world.order(3, financial_status="pending")
    await world.order(4, test=True)
    await world.desk.ignore(await world.receive(shopify_order(5)), "settled by phone", "marie")
    await world.receive(b'{"id": 1, "order_id": 7}', "disputes/create")
    await world.receive(b'{"id": 1}', "customers/update")
    await world.order(6, total_price="12.00")
    world.sandbox.faults.add(Fault(kind=FaultKind.STATUS, status=503, count=None))
    await world.order(7)
    world.sandbox.faults.clear()
    await world.receive(shopify_order(8))
    for _ in range(20):
        world.services.herald.refusals.refused("atelier")
    for _ in range(2):
        await world.redis.delete("bridge:alerts:judge")
        await world.services.herald.step()


async def dump(redis: Any) -> dict[str, Any]:
    """Each key: type, milliseconds to live (-1: without limit), value."""
    keys = {}
    for name in sorted([name async for name in redis.scan_iter("bridge:*")]):
        kind, value = (await redis.type(name)).decode(), None
        match kind:
            case "hash":
                value = texts(await redis.hgetall(name))
            case "list":
                value = [text(each) for each in await redis.lrange(name, 0, -1)]
            case "set":
                value = sorted(each.decode() for each in await redis.smembers(name))
            case "zset":
                value = {
                    member.decode(): at for member, at in await redis.zrange(name, 0, -1, withscores=True)
                }
            case "stream":
                value = [[at.decode(), texts(fields)] for at, fields in await redis.xrange(name)]
            case "string":
                value = text(await redis.get(name))
        keys[name.decode()] = {"type": kind, "ms": await redis.pttl(name), "value": value}
    return keys


async def store() -> dict[str, Any]:
    plain = desk_world.settings_for
    desk_world.settings_for = lambda *how: plain(*how).model_copy(update={"alerts": ALERTS})
    with EmbeddedValkey(Path(tempfile.mkdtemp())) as server:
        redis = Redis.from_url(server.url)
        async with open_world(redis, server.url, Path("unused")) as world:
            await live(world)
            return await dump(redis)


if __name__ == "__main__":
    keys = asyncio.run(store())
    Path(sys.argv[1]).write_text(json.dumps(keys, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
