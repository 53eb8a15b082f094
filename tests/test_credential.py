"""A key that lasts for hours: asked for once, renewed before it ends, and again when it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from bridge.errors import NeedsPerson, RetryLater
from bridge.looking.asking import Platform
from bridge.looking.credential import ClientCredentials
from bridge.settings.loading import ShopSettings
from bridge.sources.registry import REGISTRY
from tests.builders.shopify import shopify_order
from tests.worlds.looking import looking, poll
from tests.worlds.platforms import CLIENT, Platforms

PATH = "orders.json?status=any&limit=1"
HOUR = 3600


@asynccontextmanager
async def asked_with(
    platforms: Platforms, secret: str = CLIENT["client_secret"], clock: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[Platform]:
    source = REGISTRY["shopify"]
    assert source.GRANT
    async with platforms.served() as url, httpx.AsyncClient() as http:
        client = (CLIENT["client_id"], SecretStr(secret), url)
        credential = ClientCredentials(http, source, source.GRANT, "boutique", *client, clock)
        yield Platform(http, source, "boutique", credential, url)


async def test_many_readers_ask_for_one_token() -> None:
    platforms = Platforms()
    async with asked_with(platforms) as platform:
        await asyncio.gather(*(platform.get(PATH) for _ in range(5)))
    assert len(platforms.tokens) == 1
    assert len(platforms.asked) == 5


async def test_it_is_renewed_before_its_end() -> None:
    platforms, now = Platforms(), [0.0]
    async with asked_with(platforms, clock=lambda: now[0]) as platform:
        for hours, tokens in ((0, 1), (19, 1), (19.3, 2), (38, 2), (39, 3)):
            now[0] = hours * HOUR
            await platform.get(PATH)
            assert len(platforms.tokens) == tokens, hours


async def test_a_token_that_is_refused_is_not_used_again() -> None:
    platforms = Platforms()
    async with asked_with(platforms) as platform:
        await platform.get(PATH)
        platforms.tokens.append("shpca_of_another_installation")
        with pytest.raises(NeedsPerson, match="shop_refuses_read"):
            await platform.get(PATH)
        await platform.get(PATH)


async def test_a_wrong_secret_is_a_persons_to_mend_and_is_not_told() -> None:
    async with asked_with(Platforms(), secret="wrong-secret") as platform:
        with pytest.raises(NeedsPerson) as caught:
            await platform.get(PATH)
        assert caught.value.reason.code == "shop_refuses_token"
        assert "wrong-secret" not in repr((platform, platform.credential, caught.value.reason))


async def test_a_platform_that_is_away_is_asked_again_later() -> None:
    source = REGISTRY["shopify"]
    assert source.GRANT
    client = (CLIENT["client_id"], SecretStr("x"), "http://127.0.0.1:1")
    async with httpx.AsyncClient() as http:
        credential = ClientCredentials(http, source, source.GRANT, "boutique", *client, lambda: 0.0)
        with pytest.raises(RetryLater):
            await credential.key()


@pytest.mark.usefixtures("redis")
async def test_a_shop_with_a_client_is_polled(redis_url: str) -> None:
    platforms = Platforms(shopify=[shopify_order(3)])
    client = {f"platform_{name}": value for name, value in CLIENT.items()}
    async with looking(platforms, redis_url, boutique={"platform_api_key": None, **client}) as here:
        await poll(here, "boutique")
        assert await here.redis.zcard("bridge:orders") == 1
    assert platforms.tokens == ["shpca_0"]


@pytest.mark.parametrize(
    ("platform", "given"),
    [
        ("shopify", {"platform_client_id": "a"}),
        ("shopify", {"platform_client_secret": SecretStr("b")}),
        ("woocommerce", {"platform_client_id": "a", "platform_client_secret": SecretStr("b")}),
    ],
)
def test_half_a_client_is_refused(platform: str, given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="platform_"):
        ShopSettings.model_validate({"platform": platform, "secrets": [SecretStr("s")], **given})
