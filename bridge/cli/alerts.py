"""`bridge alerts`: what somebody must look at now, and whether anybody would be told."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import typer

from bridge.cli.options import Json
from bridge.cli.terminal import FAILED, command, out, redis_url_of, run, settings_here

if TYPE_CHECKING:
    from bridge.alerts.rules import Alert

alerts_app = typer.Typer(name="alerts", help="What somebody must look at now")


@alerts_app.callback(invoke_without_command=True)
def alerts(context: typer.Context, as_json: Json = False) -> None:
    """What somebody must look at now."""
    if context.invoked_subcommand is None:
        run(lambda: _list(as_json=as_json))


async def _list(*, as_json: bool) -> int:
    from bridge.alerts.outbox import current
    from bridge.runtime.wiring import connect
    from bridge.store.store import Store
    from bridge.telemetry.logs import configure_logging

    configure_logging("error", sys.stderr)
    settings = settings_here()
    async with redis_url_of(settings) as url:
        redis = connect(url)
        try:
            standing = await current(Store(redis, retention=timedelta(days=settings.retention_days)))
        finally:
            await redis.aclose(close_connection_pool=True)
    if as_json:
        out.print_json(json.dumps([alert.as_dict() for alert in standing]))
    else:
        _show(standing)
    return 0


def _show(standing: Sequence[Alert]) -> None:
    if not standing:
        out.print("No alerts.")
    for alert in standing:
        since = alert.since.astimezone(UTC).isoformat(timespec="seconds")
        out.print(f"{alert.meaning.severity}  {alert.name}  since {since}", style="bold", markup=False)
        for line in (
            alert.text(),
            *alert.orders,
            f"Check: {alert.meaning.check}",
            f"Cure: {alert.meaning.cure}",
            f"Runbook: {alert.runbook}",
        ):
            out.print(f"  {line}", markup=False, soft_wrap=True)


@command(alerts_app, "test")
async def test() -> int:
    """Send a test alert over every channel; exits 1 when one fails, or when there is none."""
    import httpx
    import sentry_sdk

    from bridge.alerts.channels import Undelivered, channels_of
    from bridge.alerts.outbox import Message
    from bridge.alerts.rules import Alert
    from bridge.reasons import because
    from bridge.telemetry.logs import configure_logging
    from bridge.telemetry.sentry import configure_sentry

    settings = settings_here()
    hidden = settings.secret_values()
    configure_logging("error", sys.stderr, hidden)
    dsn = settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None
    configure_sentry(dsn, settings.environment, version("facturation-bridge"), "command", hidden)
    now = datetime.now(UTC)
    alert = Alert(name="test", key="test", since=now, reason=because("alert_test"))
    message = Message(id=f"{uuid.uuid4().hex}_test", kind="test", at=now, alert=alert)
    failed = False
    async with httpx.AsyncClient() as http:
        channels = channels_of(settings.alerts, http, lambda: datetime.now(UTC), sentry=dsn is not None)
        for channel in channels:
            try:
                await channel.send(message)
            except Undelivered as exc:
                failed = True
                out.print(f"{channel.name}: failed: {exc}", markup=False, soft_wrap=True)
            else:
                out.print(f"{channel.name}: sent", markup=False)
    sentry_sdk.flush(timeout=5)
    if not channels:
        out.print(
            "Nobody would be told: set alerts.urls, alerts.webhook_url, alerts.email_to or sentry_dsn.",
            soft_wrap=True,
        )
    return FAILED if failed or not channels else 0
