"""The two roles, as `bridge web`, `bridge worker`, `bridge up` and the demo run them."""

from __future__ import annotations

import asyncio
import socket

from starlette.applications import Starlette

from bridge.server import serve
from bridge.web import create_app
from bridge.wiring import Services
from bridge.worker import run_worker


async def serve_web(services: Services, sock: socket.socket, stop: asyncio.Event) -> None:
    """Receives webhooks and answers health on `sock` until `stop`."""
    await serve(create_app(services.webhooks, routes=services.health.routes()), sock, stop)


async def serve_worker(services: Services, stop: asyncio.Event) -> None:
    """Brings orders in line until `stop`."""
    await run_worker(services.syncer, services.store, services.connect_arq, stop)


async def serve_vitals(services: Services, sock: socket.socket, stop: asyncio.Event) -> None:
    """A worker's own /livez, /health and /metrics on `sock` until `stop`."""
    await serve(Starlette(routes=services.health.routes()), sock, stop)
