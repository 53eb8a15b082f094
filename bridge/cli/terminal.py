"""What all commands share: where they print, how they run, whose Redis they look at."""

from __future__ import annotations

import asyncio
import functools
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import uvloop
from rich.console import Console

from bridge.failpoints import armed
from bridge.settings.loading import Settings, load_settings

if TYPE_CHECKING:
    from bridge.desk import Desk

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

FAILED, MISUSED = 1, 2

Command = Callable[..., Coroutine[Any, Any, int]]


def settings_here() -> Settings:
    """The configuration of this directory and environment. Raises ConfigurationError."""
    return load_settings(armed(os.environ), Path.cwd())


def run(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Runs `work` on uvloop and exits with what it returns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(work())
    raise typer.Exit(status)


def command(app: typer.Typer, name: str) -> Callable[[Command], Callable[..., None]]:
    """An asynchronous command that returns its exit status."""

    def register(function: Command) -> Callable[..., None]:
        # Given as it is, it is wrapped in the list of commands; left to click, it would be cut at 45 letters.
        summary = " ".join((function.__doc__ or "").split())

        @app.command(name, short_help=summary)
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            run(lambda: function(*args, **kwargs))

        return wrapper

    return register


@asynccontextmanager
async def redis_url_of(settings: Settings, *, own: bool = False) -> AsyncIterator[str]:
    """The configured Redis, or the private one: that of a running bridge, or one started for this.

    `own`: for who serves from it: a second bridge on the same data is refused with ConfigurationError.
    """
    from bridge.valkey.embedded import EmbeddedValkey, embedded_valkey

    if settings.redis_url:
        yield settings.redis_url.get_secret_value()
        return
    running = EmbeddedValkey(settings.data_dir).url
    if not own and await _answers(running):
        yield running
        return
    async with embedded_valkey(settings.data_dir) as url:
        yield url


async def _answers(url: str) -> bool:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    async with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=1) as client:
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """The desk of the configured bridge, or of the private one."""
    from bridge.desk import Desk
    from bridge.facturation.quota import Quota
    from bridge.runtime.wiring import connect
    from bridge.store.store import Store
    from bridge.telemetry.logs import configure_logging

    configure_logging("error", sys.stderr)
    settings = settings_here()
    firm = settings.facturation
    async with redis_url_of(settings) as url:
        redis = connect(url)
        try:
            store = Store(redis, retention=timedelta(days=settings.retention_days))
            quota = Quota(
                redis,
                firm_id=firm.firm_id,
                per_5_minutes=firm.requests_per_5_minutes,
                per_day=firm.requests_per_day,
            )
            yield Desk(store, settings, quota)
        finally:
            await redis.aclose(close_connection_pool=True)


def me(who: str) -> str:
    """`who`, or who runs this."""
    try:
        return who or getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def print_json(value: Any) -> None:
    """The desk's values, for scripts."""
    from bridge.desk.plain import plain

    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=1) + "\n")
