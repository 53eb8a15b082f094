"""The overview: what needs a person, what waits and until when, and how the last day went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from starlette.responses import Response

from bridge.alerts.rules import REFUSED, Alert
from bridge.alerts.runbook import Severity
from bridge.console import charts
from bridge.console.login import Visit
from bridge.console.rendering import Wording
from bridge.desk.actions import Desk
from bridge.desk.figures import Hour, Stats
from bridge.desk.shops import ShopSigns
from bridge.desk.values import OrderRow
from bridge.orders import PARIS
from bridge.telemetry.health import Health, Status

SHOWN: Final = 6
"""Orders of each list that the overview shows."""
DAY: Final = 24
REFRESH_SECONDS: Final = 10


async def overview(visit: Visit, desk: Desk, health: Health) -> Response:
    """The page. When Redis is away, the checks alone say so."""
    checks = health.rendered(await health.checks(), visit.wording.lang)
    if "workers" not in checks["checks"]:
        return visit.page(
            "overview.html", 503, section="overview", checks=checks, verdict=checks["status"], stats=None
        )
    stats, standing, attention, waiting = await asyncio.gather(
        desk.stats(),
        desk.alerts(),
        desk.orders(state="attention", limit=SHOWN),
        desk.orders(state="waiting", limit=SHOWN),
    )
    day = stats.hours[-DAY:]
    return visit.page(
        "overview.html",
        section="overview",
        refresh=REFRESH_SECONDS,
        checks=checks,
        verdict=_verdict(checks["status"], standing),
        stats=stats,
        alerts=standing,
        refused_limit=REFUSED,
        signs=await _signs(desk, stats),
        attention=attention.rows,
        waiting=waiting.rows,
        done_day=sum(hour.done for hour in day),
        events_day=sum(hour.events for hour in day),
        throughput=_throughput(day, visit.wording),
        latency=_latency(day, visit.wording),
        last_invoices=await _last_invoices(desk, stats),
    )


def _verdict(checked: str, standing: Sequence[Alert]) -> str:
    """The worse of what the checks say and of what was raised."""
    if any(alert.meaning.severity is Severity.CRITICAL for alert in standing):
        return Status.FAIL.value
    return Status.WARN.value if standing and checked == Status.PASS.value else checked


async def _signs(desk: Desk, stats: Stats) -> dict[str, ShopSigns]:
    found = await asyncio.gather(*(desk.signs(name) for name in stats.shops))
    return dict(zip(stats.shops, found, strict=True))


async def _last_invoices(desk: Desk, stats: Stats) -> dict[str, OrderRow]:
    """Each shop's last invoiced order, of those that had an invoice this week."""
    shops = [name for name, shop in stats.shops.items() if shop.invoices_week]
    pages = await asyncio.gather(*(desk.orders(state="done", shop=name, limit=5) for name in shops))
    found = {
        name: next((row for row in page.rows if row.invoice_id), None)
        for name, page in zip(shops, pages, strict=True)
    }
    return {name: row for name, row in found.items() if row}


def _hours(day: Sequence[Hour]) -> tuple[charts.Label, ...]:
    return charts.every_sixth([f"{hour.start.astimezone(PARIS):%H} h" for hour in day])


def _frame(day: Sequence[Hour]) -> dict[str, Any]:
    size = {"width": charts.WIDTH, "height": charts.HEIGHT, "left": charts.LEFT}
    return size | {"hours": _hours(day), "columns": (), "traces": ()}


def _throughput(day: Sequence[Hour], words: Wording) -> dict[str, Any]:
    values = [hour.done for hour in day]
    top = max(2.0, charts.ceiling(max(values, default=0)))
    titles = [f"{hour.start.astimezone(PARIS):%H:%M} – {words.number(hour.done)}" for hour in day]
    bars = [
        {"x": bar.x, "width": bar.width, "y": bar.y, "height": bar.height, "title": title}
        for bar, title in zip(charts.columns(values, top), titles, strict=True)
    ]
    grid = [{"y": mark.y, "label": words.number(mark.value)} for mark in charts.marks(top)]
    peak, total = words.number(max(values, default=0)), words.number(sum(values))
    alt = words.text("overview.throughput_alt", total=total, peak=peak)
    return _frame(day) | {"marks": grid, "columns": bars, "alt": alt}


def _latency(day: Sequence[Hour], words: Wording) -> dict[str, Any] | None:
    values = [hour.latency_ms for hour in day]
    highest = max((value for value in values if value is not None), default=None)
    if highest is None:
        return None
    top = charts.ceiling(highest)
    grid = [{"y": mark.y, "label": words.span(mark.value / 1000)} for mark in charts.marks(top)]
    alt = words.text("overview.latency_alt", peak=words.span(highest / 1000))
    return _frame(day) | {"marks": grid, "traces": [charts.trace(values, top)], "alt": alt}
