"""The two roles, as `bridge web`, `bridge worker`, `bridge up` and the demo run them."""

from __future__ import annotations

import asyncio
import os
import socket

from starlette.applications import Starlette
from starlette.routing import Route

from bridge.console import Sessions, console_routes
from bridge.desk.actions import Desk
from bridge.receive import create_app
from bridge.runtime.server import serve
from bridge.runtime.wiring import Services, SystemClock
from bridge.runtime.worker import run_worker


async def serve_web(services: Services, sock: socket.socket, stop: asyncio.Event) -> None:
    """Receives webhooks, answers health, and shows operators the console and the API, until `stop`."""
    routes = [*services.health.routes(), *operators_routes(services)]
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")  # uvicorn's name for it, and its default
    async with services.notifier.at_work():
        await serve(create_app(services.webhooks, routes=routes, proxies=proxies), sock, stop)


def operators_routes(services: Services) -> list[Route]:
    """The console and the API; none without an ops_token: then nobody can tell that they exist."""
    settings, store = services.settings, services.store
    if settings.ops_token is None:
        return []
    # FastAPI costs a tenth of a second: only who wants the API pays.
    from bridge.api.app import api_routes

    desk = Desk(store, settings, services.quota, services.client)
    sessions = Sessions(settings.ops_token.get_secret_value(), SystemClock().now)
    console = console_routes(sessions, desk, services.health, settings, store.redis)
    return [*console, *api_routes(sessions, desk, services.health)]


async def serve_worker(services: Services, stop: asyncio.Event) -> None:
    """Brings orders in line until `stop`."""
    async with services.notifier.at_work(), services.calibrator.at_work(), services.poller.at_work():
        await run_worker(services.syncer, services.store, services.connect_arq, stop)


async def serve_vitals(services: Services, sock: socket.socket, stop: asyncio.Event) -> None:
    """A worker's own /livez, /health and /metrics on `sock` until `stop`."""
    await serve(Starlette(routes=services.health.routes()), sock, stop)
