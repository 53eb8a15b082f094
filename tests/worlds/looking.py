"""A bridge that may ask the three platforms, whose APIs are here too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from tests.worlds.in_process import SHOPS, Here, bridge_here
from tests.worlds.platforms import KEYS, Platforms


@asynccontextmanager
async def looking(platforms: Platforms, redis_url: str, **changed: Any) -> AsyncIterator[Here]:
    """A bridge with a key of each platform's API."""
    async with platforms.served() as url:
        access: dict[str, Any] = {
            name: {
                "platform_api_key": SecretStr(KEYS[platform]),
                "platform_api_url": url,
                "invoice_from": date(2020, 1, 1),
            }
            | changed.pop(name, {})
            for name, platform in SHOPS.items()
        }
        async with bridge_here(redis_url, **access, **changed) as here:
            yield here


async def poll(here: Here, shop: str) -> timedelta:
    """As a worker does, at once; how long the shop is then left alone."""
    await here.redis.hdel(f"bridge:poll:{shop}", "next")
    (watched,) = (each for each in here.services.poller._shops if each.platform.shop == shop)
    return await here.services.poller.tend(watched)


async def last_polled(here: Here, shop: str, at: datetime) -> None:
    """The shop's cursor stands there."""
    await here.redis.hset(f"bridge:poll:{shop}", "cursor", at.isoformat())


async def settle(here: Here) -> None:
    """Runs over all orders that wait."""
    for key in [key.decode() for key in await here.redis.zrange("bridge:waiting", 0, -1)]:
        await here.services.syncer.sync_order(key)


def known(here: Here) -> list[str]:
    return sorted(each.values["api_custom"] for each in here.sandbox.invoices if each.values["api_custom"])
