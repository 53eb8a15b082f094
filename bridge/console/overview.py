"""The overview: what needs a person, what waits and until when, and how the last day went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from bridge.alerts.rules import REFUSED, Alert
from bridge.alerts.runbook import Severity
from bridge.console.charts import Chart
from bridge.console.login import Visit
from bridge.console.rendering import Wording
from bridge.desk.actions import Desk
from bridge.desk.figures import Hour, Stats
from bridge.desk.values import OrderRow
from bridge.orders import PARIS
from bridge.telemetry.health import Health, Status, overall

SHOWN: Final = 6
"""Orders of each list that the overview shows."""
DAY: Final = 24
REFRESH_SECONDS: Final = 10


async def overview(visit: Visit, desk: Desk, health: Health) -> Response:
    """The page. When Redis is away, the checks alone say so."""
    checks = await health.checks()
    checked = overall(checks)
    if "workers" not in checks:
        return visit.page(
            "overview.html", 503, section="overview", checks=checks, verdict=checked, stats=None
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
        verdict=_verdict(checked, standing),
        stats=stats,
        alerts=standing,
        refused_limit=REFUSED,
        signs=dict(zip(stats.shops, await asyncio.gather(*map(desk.signs, stats.shops)), strict=True)),
        resting={"attention": attention.rows, "waiting": waiting.rows},
        done_day=sum(hour.done for hour in day),
        events_day=sum(hour.events for hour in day),
        throughput=_throughput(day, visit.wording),
        latency=_latency(day, visit.wording),
        last_invoices=await _last_invoices(desk, stats),
    )


def _verdict(checked: Status, standing: Sequence[Alert]) -> Status:
    """The worse of what the checks say and of what was raised."""
    if any(alert.severity is Severity.CRITICAL for alert in standing):
        return Status.FAIL
    return Status.WARN if standing and checked is Status.PASS else checked


async def _last_invoices(desk: Desk, stats: Stats) -> dict[str, OrderRow]:
    """Each shop's last invoiced order, of those that had an invoice this week."""
    shops = [name for name, shop in stats.shops.items() if shop.invoices_week]
    pages = await asyncio.gather(*(desk.orders(state="done", shop=name, limit=5) for name in shops))
    found = {
        name: next((row for row in page.rows if row.invoice_id), None)
        for name, page in zip(shops, pages, strict=True)
    }
    return {name: row for name, row in found.items() if row}


def _hour(hour: Hour) -> str:
    return f"{hour.start.astimezone(PARIS):%H} h"


def _throughput(day: Sequence[Hour], words: Wording) -> Chart:
    counts = [hour.done for hour in day]
    peak, total = words.number(max(counts, default=0)), words.number(sum(counts))
    alt = words.text("overview.throughput_alt", total=total, peak=peak)
    # Half an order is no label of an axis.
    return Chart.of([(_hour(hour), hour.done) for hour in day], words.number, alt, least=2)


def _latency(day: Sequence[Hour], words: Wording) -> Chart | None:
    times = [hour.latency_ms for hour in day if hour.latency_ms is not None]
    if not times:
        return None
    alt = words.text("overview.latency_alt", peak=words.span(max(times) / 1000))
    return Chart.of([(_hour(hour), hour.latency_ms) for hour in day], lambda ms: words.span(ms / 1000), alt)
