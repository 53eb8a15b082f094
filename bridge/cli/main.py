"""The console script: commands only. What they do is in the modules they call."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated

import typer
from rich.markup import escape

from bridge.cli.alerts import alerts_app
from bridge.cli.demo import show_demo
from bridge.cli.events import events_app, replay_app
from bridge.cli.options import Json
from bridge.cli.orders import orders_app
from bridge.cli.preview import preview_app
from bridge.cli.privacy import privacy_app
from bridge.cli.terminal import FAILED, MISUSED, err, out
from bridge.cli.terminal import command as terminal_command
from bridge.cli.terminal import redis_url_of as _redis_url
from bridge.cli.terminal import settings_here as _settings
from bridge.cli.watch import watch_app
from bridge.errors import BridgeError, ConfigurationError, StoreUnavailable
from bridge.settings.loading import Settings

app = typer.Typer(
    name="bridge",
    help="Signed webhooks of Shopify, WooCommerce and Stripe become invoices in Facturation.pro.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = functools.partial(terminal_command, app)


def main() -> None:
    """Entry point: turns a broken configuration into exit status 2, one line a problem."""
    try:
        app()
    except ConfigurationError as exc:
        for problem in exc.problems:
            what = "usage" if problem.startswith("--") else "configuration"
            err.print(f"[red]{what}[/red] {escape(problem)}", soft_wrap=True)
        sys.exit(MISUSED)
    except StoreUnavailable as exc:
        from bridge.valkey.diagnosis import trouble

        wrong = trouble(exc)
        err.print(f"failed: Redis cannot be used, {wrong.what}: {wrong.cure}", markup=False, soft_wrap=True)
        sys.exit(FAILED)
    except BridgeError as exc:
        err.print(f"failed: {exc}", markup=False, soft_wrap=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Say the version and exit.")] = False,
) -> None:
    """Configuration: bridge.toml here, or the file named by BRIDGE_CONFIG, or BRIDGE_* variables."""
    if show_version:
        out.print(version("facturation-bridge"))
        raise typer.Exit


def _shared_redis(settings: Settings, role: str) -> str:
    if settings.redis_url is None:
        raise ConfigurationError(
            f"redis_url: bridge {role} shares a Redis with the other processes; set it, or use bridge up"
        )
    return settings.redis_url.get_secret_value()


def _announce(settings: Settings, role: str) -> None:
    from bridge.telemetry.logs import configure_logging
    from bridge.telemetry.sentry import configure_sentry

    hidden = settings.secret_values()
    configure_logging(settings.log_level, sys.stderr, hidden)
    dsn = settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None
    configure_sentry(dsn, settings.environment, version("facturation-bridge"), role, hidden)


@command("up")
async def up() -> int:
    """Web and worker on one machine; a private Valkey under data_dir when no redis_url is set."""
    from bridge.runtime.roles import serve_web, serve_worker
    from bridge.runtime.server import listen, stop_on_signals
    from bridge.runtime.wiring import open_services

    settings = _settings()
    _announce(settings, "up")
    sock = listen(settings.host, settings.port)
    async with (
        stop_on_signals() as stop,
        _redis_url(settings, own=True) as url,
        open_services(settings, url) as services,
    ):
        err.print(f"bridge listens on http://{settings.host}:{sock.getsockname()[1]}")
        await asyncio.gather(serve_web(services, sock, stop), serve_worker(services, stop))
    return 0


@command("web")
async def web() -> int:
    """The web role alone: receives webhooks, answers health."""
    from bridge.runtime.roles import serve_web
    from bridge.runtime.server import listen, stop_on_signals
    from bridge.runtime.wiring import open_services

    settings = _settings()
    url = _shared_redis(settings, "web")
    _announce(settings, "web")
    sock = listen(settings.host, settings.port)
    async with stop_on_signals() as stop, open_services(settings, url) as services:
        err.print(f"bridge web listens on http://{settings.host}:{sock.getsockname()[1]}")
        await serve_web(services, sock, stop)
    return 0


@command("worker")
async def worker() -> int:
    """The worker role alone: turns stored events into invoices."""
    from bridge.runtime.roles import serve_vitals, serve_worker
    from bridge.runtime.server import listen, stop_on_signals
    from bridge.runtime.wiring import open_services

    settings = _settings()
    url = _shared_redis(settings, "worker")
    _announce(settings, "worker")
    sock = listen(settings.host, settings.worker_port) if settings.worker_port else None
    async with stop_on_signals() as stop, open_services(settings, url) as services:
        err.print("bridge worker is at work")
        vitals = [serve_vitals(services, sock, stop)] if sock else []
        await asyncio.gather(serve_worker(services, stop), *vitals)
    return 0


@command("sandbox")
async def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8100,
    rounding: Annotated[
        str, typer.Option(help="How it rounds totals: line2 or line3, _vat_, then line, rate or once.")
    ] = "line2_vat_rate",
    firm_id: Annotated[int, typer.Option(help="Number of its only firm.")] = 1,
) -> int:
    """The Facturation.pro sandbox alone. User 4242, key sandbox-key."""
    from bridge.runtime.server import stop_on_signals
    from bridge.sandbox import SandboxConfig, SandboxRounding, create_sandbox, serve_sandbox

    try:
        config = SandboxConfig(firm_id=firm_id, rounding=SandboxRounding(rounding))
    except ValueError:
        choices = ", ".join(SandboxRounding)
        raise ConfigurationError(f"--rounding: {rounding!r} is none of {choices}") from None

    def started(url: str) -> None:
        err.print(
            f"sandbox of firm {firm_id} on {url} (user 4242, key sandbox-key), state on /_sandbox/state",
            soft_wrap=True,
        )

    async with stop_on_signals() as stop:
        try:
            serving = asyncio.create_task(
                serve_sandbox(config, host, port, started=started, app=create_sandbox(config))
            )
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            serving.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)
            failure = None if serving.cancelled() else serving.exception()
        except OSError as exc:
            failure = exc
        if isinstance(failure, OSError):
            raise ConfigurationError(f"--port: cannot listen on {host}:{port} ({failure.strerror})")
        if failure:
            raise failure
    return 0


@command("demo")
async def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running, and say where.")] = False,
) -> int:
    """The whole system here, on a private Valkey and a sandbox, with an order of each platform."""
    from bridge.demo.demo import Demonstration, demonstrate
    from bridge.runtime.server import stop_on_signals
    from bridge.telemetry.logs import configure_logging

    configure_logging("error", sys.stderr)
    seen: list[Demonstration] = []

    def show(result: Demonstration) -> None:
        seen.append(result)
        show_demo(result, keep=keep)

    async with stop_on_signals() as stop:
        with err.status("starting …") as status:

            def progress(text: str) -> None:
                status.update(f"starting {text} …")

            def done(result: Demonstration) -> None:
                status.stop()
                show(result)

            await demonstrate(keep=keep, stop=stop, progress=progress, done=done)
    return 0 if seen and all(row.right for row in seen[0].rows) else FAILED


@command("check")
async def check(as_json: Json = False) -> int:
    """Preflight: configuration, Redis and its durability, credentials and firm, each shop's secrets."""
    from bridge.runtime.check import findings
    from bridge.runtime.wiring import open_services
    from bridge.telemetry.logs import configure_logging

    configure_logging("error", sys.stderr)
    settings = _settings()
    found = []
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    async with _redis_url(settings) as url, open_services(settings, url) as services:
        async for finding in findings(settings, services):
            found.append(finding)
            if not as_json:
                mark = f"[{colours[finding.state]}]{finding.state:<4}[/]"
                out.print(f"{mark} {finding.name:<14} {escape(finding.text)}", soft_wrap=True)
    if as_json:
        out.print_json(json.dumps([{"name": f.name, "state": f.state, "text": f.text} for f in found]))
    return FAILED if any(finding.state == "fail" for finding in found) else 0


@command("restored")
async def restored() -> int:
    """Say that an old copy of Redis' data was put back: older orders are looked up before creation."""
    from bridge.runtime.wiring import open_services
    from bridge.telemetry.logs import configure_logging

    configure_logging("error", sys.stderr)
    settings = _settings()
    async with _redis_url(settings) as url, open_services(settings, url) as services:
        workers = (await services.store.vitals()).workers
        before, now = await services.store.mark_restored()
    out.print(f"What was begun before {now:%Y-%m-%d %H:%M:%S} UTC may have been forgotten: from now on it")
    out.print("is looked up in Facturation.pro before anything is created.")
    out.print(f"So far that went for what was begun before {before:%Y-%m-%d %H:%M:%S} UTC.")
    if workers:
        err.print(f"Workers heard of in the last 15 s: {workers}. Look for documents that they made twice.")
    return 0


@command("calibrate")
async def calibrate(as_json: Json = False) -> int:
    """Find out how Facturation.pro rounds totals, with one draft that is deleted again; keep the answer."""
    from bridge.orders import legal_date
    from bridge.runtime.wiring import open_services
    from bridge.sync.calibration import calibrate as find_rule
    from bridge.telemetry.logs import configure_logging

    configure_logging("error", sys.stderr)
    settings = _settings()
    async with _redis_url(settings) as url, open_services(settings, url) as services:
        found = await find_rule(services.client, services.store, legal_date(datetime.now(UTC)))
    if as_json:
        out.print_json(json.dumps({"rule": found.rule, "seen": str(found.seen)}))
    elif found.rule:
        out.print(f"Facturation.pro rounds by {found.rule} (its draft came to {found.seen}); kept.")
    else:
        out.print(f"No single rule explains the draft's total of {found.seen}:")
        for rule, total in found.expected:
            out.print(f"  {rule:<16} {total}")
        out.print("Orders go on as drafts that are read back; please report these figures.")
    return 0 if found.rule else FAILED


# The order of `bridge --help`.
for part in (preview_app, replay_app, watch_app):
    app.registered_commands += part.registered_commands
for group in (orders_app, events_app, alerts_app, privacy_app):
    app.add_typer(group)
