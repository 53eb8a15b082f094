"""The commands that serve: the roles, and the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from bridge.cli.terminal import announce, command, err, out, redis_url_of, settings_here, tell
from bridge.errors import ConfigurationError
from bridge.runtime.roles import serve_vitals, serve_web, serve_worker
from bridge.runtime.server import listen, stop_on_signals
from bridge.runtime.wiring import Services, open_services
from bridge.sandbox import ROUNDINGS, SandboxConfig, serve_sandbox
from bridge.settings.loading import Settings

app = typer.Typer()

Role = Callable[[Services, Any, asyncio.Event], Awaitable[object]]
"""Serves, on a socket if it needs one, until the event is set."""


@command(app, "up")
async def up() -> int:
    """Web and worker on one machine; a private Valkey under data_dir when no redis_url is set."""
    settings = settings_here()
    return await _serve(settings, "up", settings.port, (serve_web, _work), "listens on {url}")


@command(app, "web")
async def web() -> int:
    """The web role alone: receives webhooks, answers health."""
    settings = settings_here()
    return await _serve(settings, "web", settings.port, (serve_web,), "listens on {url}")


@command(app, "worker")
async def worker() -> int:
    """The worker role alone: turns stored events into invoices."""
    settings = settings_here()
    roles = (serve_vitals, _work) if settings.worker_port else (_work,)
    return await _serve(settings, "worker", settings.worker_port or None, roles, "is at work")


async def _work(services: Services, _sock: object, stop: asyncio.Event) -> None:
    await serve_worker(services, stop)


async def _serve(settings: Settings, name: str, port: int | None, roles: Sequence[Role], said: str) -> int:
    if settings.redis_url is None and name != "up":
        raise ConfigurationError(
            f"redis_url: bridge {name} shares a Redis with the other processes; set it, or use bridge up"
        )
    announce(settings, name)
    with nullcontext() if port is None else listen(settings.host, port) as sock:
        async with (
            stop_on_signals() as stop,
            redis_url_of(settings, own=True) as redis_url,
            open_services(settings, redis_url) as services,
        ):
            url = f"http://{settings.host}:{sock.getsockname()[1]}" if sock else ""
            err.print(f"bridge {name} ".replace(" up", "") + said.format(url=url))
            await asyncio.gather(*(role(services, sock, stop) for role in roles))
    return 0


@command(app, "sandbox")
async def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8100,
    rounding: Annotated[
        str, typer.Option(help="How it rounds totals; `list` names all the ways that there are.")
    ] = "line2_vat_rate",
    firm_id: Annotated[int, typer.Option(help="Number of its only firm.")] = 1,
) -> int:
    """The Facturation.pro sandbox alone. User 4242, key sandbox-key."""
    if rounding == "list":
        out.print("\n".join(ROUNDINGS))
        return 0
    if rounding not in ROUNDINGS:
        raise ConfigurationError(f"--rounding: {rounding!r} is none of {', '.join(ROUNDINGS)}")
    config = SandboxConfig(firm_id=firm_id, rounding=ROUNDINGS[rounding])

    def started(url: str) -> None:
        tell(
            f"sandbox of firm {firm_id} on {url} (user 4242, key sandbox-key), state on /_sandbox/state", err
        )

    async with stop_on_signals() as stop:
        serving = asyncio.create_task(serve_sandbox(config, host, port, started=started))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        serving.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            return 0
        except OSError as exc:
            raise ConfigurationError(f"--port: cannot listen on {host}:{port} ({exc.strerror})") from exc
    return 0
