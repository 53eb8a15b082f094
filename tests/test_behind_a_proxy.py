"""Behind the proxies of deploy/ a visitor is known by their own address, and cannot choose it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bridge.receive import create_app
from tests.worlds.in_process import bridge_here

yaml = pytest.importorskip("yaml")

DEPLOY = Path(__file__).parent.parent / "deploy"


def trusted_in_compose() -> str:
    web = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["web"]
    assert "BRIDGE_REDIS_URL" in web["environment"]
    return str(web["environment"]["FORWARDED_ALLOW_IPS"])


def trusted_in_kubernetes() -> str:
    objects = yaml.safe_load_all((DEPLOY / "kubernetes" / "base" / "web.yaml").read_text())
    deployment = next(each for each in objects if each["kind"] == "Deployment")
    env: list[dict[str, Any]] = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return next(str(each["value"]) for each in env if each["name"] == "FORWARDED_ALLOW_IPS")


async def seen(redis_url: str, trusted: str, connects: str, says: str) -> str:
    """The address that the bridge sees. `connects`: whose connection it is; `says`: X-Forwarded-For."""

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.client.host if request.client else "")

    async with bridge_here(redis_url) as here:
        app = create_app(here.services.webhooks, routes=[Route("/", page)], proxies=trusted)
        transport = httpx.ASGITransport(app, client=(connects, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as http:
            return (await http.get("/", headers={"x-forwarded-for": says})).text


@pytest.mark.parametrize("trusted", [trusted_in_compose(), trusted_in_kubernetes()], ids=["compose", "kube"])
async def test_the_visitor_is_who_the_proxy_says(redis: Any, redis_url: str, trusted: str) -> None:
    assert await seen(redis_url, trusted, "172.18.0.4", "203.0.113.9") == "203.0.113.9"
    assert await seen(redis_url, trusted, "172.18.0.4", "198.51.100.1, 203.0.113.9") == "203.0.113.9"
    assert await seen(redis_url, trusted, "203.0.113.9", "198.51.100.1") == "203.0.113.9"


def test_nginx_does_not_hand_on_what_the_visitor_says() -> None:
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in (DEPLOY / "nginx.conf").read_text()
