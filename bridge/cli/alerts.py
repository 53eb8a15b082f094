"""`bridge alerts`: what somebody must look at now, and whether anybody would be told."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
import sentry_sdk
import typer

from bridge.alerts.channels import Undelivered, channels_of
from bridge.alerts.outbox import Message
from bridge.alerts.rules import Alert
from bridge.cli.options import Json
from bridge.cli.terminal import (
    FAILED,
    announce,
    command,
    open_desk,
    out,
    print_json,
    run,
    settings_here,
    tell,
)
from bridge.cli.words import LANG, say
from bridge.reasons import because

app = typer.Typer()
alerts = typer.Typer(name="alerts", help="What somebody must look at now.")
app.add_typer(alerts)


@alerts.callback(invoke_without_command=True)
def list_alerts(context: typer.Context, as_json: Json = False) -> None:
    """What somebody must look at now."""
    if context.invoked_subcommand is None:
        run(lambda: _list(as_json=as_json))


async def _list(*, as_json: bool) -> int:
    async with open_desk() as desk:
        standing = await desk.alerts()
    if as_json:
        print_json([alert.as_dict(LANG.get()) for alert in standing])
    else:
        _show(standing)
    return 0


def _show(standing: Sequence[Alert]) -> None:
    if not standing:
        out.print(say("alerts.none"))
    for alert in standing:
        shown = alert.as_dict(LANG.get())
        tell(f"{shown['severity']}  {alert.name}  {say('alerts.since')} {shown['since']}", style="bold")
        lines = (say(f"alerts.{name}", said=shown[name]) for name in ("check", "cure", "runbook"))
        for line in (shown["text"], *alert.orders, *lines):
            tell(f"  {line}")


@command(alerts, "test")
async def test() -> int:
    """Send a test alert over every channel; exits 1 when one fails, or when there is none."""
    settings = settings_here()
    announce(settings, "command")
    now = datetime.now(UTC)
    alert = Alert(key="test", since=now, reason=because("alert_test"))
    message = Message(id=f"{uuid.uuid4().hex}_test", kind="test", at=now, alert=alert)
    failed = False
    async with httpx.AsyncClient() as http:
        sentry = settings.sentry_dsn is not None
        channels = channels_of(settings.alerts, http, lambda: datetime.now(UTC), sentry=sentry)
        for channel in channels:
            try:
                await channel.send(message)
            except Undelivered as exc:
                failed = True
                tell(f"{channel.name}: failed: {exc}")
            else:
                tell(f"{channel.name}: sent")
    sentry_sdk.flush(timeout=5)
    if not channels:
        tell("Nobody would be told: set alerts.urls, alerts.webhook_url, alerts.email_to or sentry_dsn.")
    return FAILED if failed or not channels else 0
