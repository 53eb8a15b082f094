"""What all commands share: where they print, how they run and end, what they open."""

from __future__ import annotations

import asyncio
import functools
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from bridge.cli.words import LANG, say, why
from bridge.desk.actions import Desk
from bridge.desk.plain import plain
from bridge.desk.values import NotDone
from bridge.errors import BridgeError, ConfigurationError, NeedsPerson, RetryLater, StoreUnavailable
from bridge.facturation.client import open_client
from bridge.failpoints import armed
from bridge.reasons import because
from bridge.runtime.wiring import Services, open_services, open_store, wire_to
from bridge.settings.loading import Settings, load_settings
from bridge.telemetry.logs import configure_logging
from bridge.telemetry.sentry import configure_sentry
from bridge.texts import cure_of
from bridge.valkey.diagnosis import trouble
from bridge.valkey.embedded import EmbeddedValkey, embedded_valkey

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

FAILED, MISUSED, INTERRUPTED = 1, 2, 130

Command = Callable[..., Coroutine[Any, Any, int]]


def tell(text: str, to: Console = out, style: str | None = None) -> None:
    """A line of a text that is not ours: whole, and no markup."""
    to.print(text, style=style, markup=False, soft_wrap=True)


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


def run(work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Runs `work` on uvloop and exits with what it returns; what fails is said in a line, without a trace."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            status = runner.run(work())
    except ConfigurationError as exc:
        for problem in exc.problems:
            what = "usage" if problem.startswith("--") else "configuration"
            err.print(f"[red]{what}[/red] {escape(problem)}", soft_wrap=True)
        status = MISUSED
    except StoreUnavailable as exc:
        status = failed(why(because("redis_unusable", why=trouble(exc))))
    except (NotDone, NeedsPerson, RetryLater) as exc:
        status = failed(f"{why(exc.reason)}. {cure_of(exc.reason, LANG.get())}".removesuffix(". "))
    except BridgeError as exc:
        status = failed(str(exc))
    except KeyboardInterrupt:
        status = INTERRUPTED
    raise typer.Exit(status)


def failed(text: str) -> int:
    """Says so; the exit status."""
    tell(say("failed", why=text), err)
    return FAILED


def settings_here() -> Settings:
    """The configuration of this directory and environment. Raises ConfigurationError."""
    return load_settings(armed(os.environ), Path.cwd())


def announce(settings: Settings, role: str) -> None:
    """Tells Sentry who speaks here, and keeps what is secret out of all that is said."""
    hidden = settings.secret_values()
    configure_logging("error" if role == "command" else settings.log_level, sys.stderr, hidden)
    dsn = settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None
    configure_sentry(dsn, settings.environment, version("facturation-bridge"), role, hidden)


@asynccontextmanager
async def redis_url_of(settings: Settings, *, own: bool = False) -> AsyncIterator[str]:
    """The configured Redis, or the private one: that of a running bridge, or one started for this.

    `own`: for who serves from it: a second bridge on the same data is refused with ConfigurationError.
    """
    if settings.redis_url:
        yield settings.redis_url.get_secret_value()
        return
    async with embedded_valkey(settings.data_dir, own=own) as url:
        yield url


@asynccontextmanager
async def open_bridge(*, beforehand: bool = False) -> AsyncIterator[Services]:
    """The services of the configured bridge, for a command. `beforehand`: where there are no data yet, over a
    private Valkey that leaves nothing behind."""
    configure_logging("error", sys.stderr)
    settings = settings_here()
    with TemporaryDirectory(prefix="bridge-") as nothing:
        passing = beforehand and not has_data(settings)
        redis_url = embedded_valkey(Path(nothing)) if passing else redis_url_of(settings)
        async with redis_url as url, open_services(settings, url) as services:
            yield services


def has_data(settings: Settings) -> bool:
    """There is a Redis, or a private one was started here before."""
    return settings.redis_url is not None or EmbeddedValkey(settings.data_dir).has_data


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """The desk alone, which needs no shops, and Facturation.pro for a few commands."""
    configure_logging("error", sys.stderr)
    settings = settings_here()
    async with (
        redis_url_of(settings) as url,
        open_store(settings, url) as (store, quota),
        open_client(wire_to(settings.facturation, quota)) as client,
    ):
        yield Desk(store, settings, quota, client)


def me(who: str) -> str:
    """`who`, or who runs this."""
    try:
        return who or getpass.getuser()
    except (KeyError, OSError):
        return "cli"


def print_json(value: Any, kind: Any = Any) -> None:
    """A value of this type, for scripts."""
    sys.stdout.write(json.dumps(plain(kind, value, LANG.get()), ensure_ascii=False, indent=1) + "\n")
