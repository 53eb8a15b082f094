"""What all commands share: where they print, how they run, whose Redis they look at."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import typer
import uvloop
from rich.console import Console

from bridge.crashpoints import armed
from bridge.settings import Settings, load_settings

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
    from bridge.embedded import EmbeddedValkey, embedded_valkey

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
