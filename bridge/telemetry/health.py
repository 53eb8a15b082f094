"""What orchestrators and people on call look at: /livez, /readyz, /health, /metrics.

`assess` is pure: vitals in, verdicts out. The routes only fetch and render.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.errors import StoreUnavailable
from bridge.facturation.quota import SHARES, Failure, Lane, Quota, QuotaState, standing_failure
from bridge.reasons import NO_REASON, Reason, because
from bridge.store.store import Store
from bridge.store.values import Vitals
from bridge.telemetry.metrics import Metrics
from bridge.texts import common, text_of
from bridge.valkey.diagnosis import trouble
from bridge.valkey.durability import Durability, look_at_durability

FIVE_MINUTES, DAY = timedelta(minutes=5), timedelta(days=1)
WORKER_SILENCE = timedelta(seconds=15)
OLD = timedelta(minutes=5)
"""An order that waits longer than this is worth a look."""
TOO_OLD = timedelta(hours=6)
YOUNG = timedelta(days=7)
"""So long a ledger that replaces a lost one is worth a warning."""
CALLS_PER_ORDER = 2
"""Between one for a known customer and three for a new one."""


class Status(StrEnum):
    """As in the health+json draft: pass and warn are 200, fail is 503."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One verdict. `observed`: what was seen; `reason`: what it means and what to do, unless it passes."""

    status: Status
    observed: Any
    reason: Reason = NO_REASON


def assess(vitals: Vitals, durability: Durability, quota: QuotaState) -> dict[str, Check]:
    """All checks but Redis itself, by name."""
    return {
        "redis": Check(status=Status.PASS, observed="answers"),
        "durability": _durability(durability),
        "workers": _workers(vitals),
        "backlog": _backlog(vitals, quota),
        "attention": _attention(vitals),
        "facturation": _facturation(quota),
        "quota": _quota(quota, vitals),
        "ledger": _ledger(vitals),
    }


def _unusable(observed: str, exc: StoreUnavailable) -> Check:
    return Check(status=Status.FAIL, observed=observed, reason=because("health_redis", why=trouble(exc)))


def _durability(durability: Durability) -> Check:
    problem = durability.problem()
    status = Status.WARN if problem else Status.PASS
    return Check(status=status, observed=durability.observed(), reason=problem)


def _workers(vitals: Vitals) -> Check:
    beat = vitals.last_beat
    observed = {"alive": vitals.workers, "last_beat": _text(beat)}
    if beat and vitals.now - beat <= WORKER_SILENCE:
        return Check(status=Status.PASS, observed=observed)
    return Check(status=Status.FAIL, observed=observed, reason=because("health_workers"))


def drained_at(vitals: Vitals, quota: QuotaState) -> datetime:
    """When the waiting orders will be through at the latest, if none is added: the quota sets the pace."""
    calls = vitals.waiting * CALLS_PER_ORDER
    start = max(vitals.now, quota["paused_until"] or vitals.now)
    five = FIVE_MINUTES * _windows(calls, quota["left_five"], quota["limit_five"])
    return start + max(five, DAY * _windows(calls, quota["left_day"], quota["limit_day"]))


def _windows(calls: int, left: int, limit: int) -> int:
    """How many times a window must open anew for so many calls. Its last few per cent are nobody's."""
    usable = max(1, int(limit * SHARES[Lane.LIVE]))
    return -(-max(0, calls - max(0, left - (limit - usable))) // usable)


def _backlog(vitals: Vitals, quota: QuotaState) -> Check:
    age = vitals.now - vitals.oldest if vitals.oldest else timedelta(0)
    observed: dict[str, Any] = {
        "orders": vitals.waiting,
        "oldest_seconds": round(age.total_seconds()),
        "due": vitals.overdue,
    }
    if vitals.waiting:
        observed["drained_at"] = _text(drained_at(vitals, quota))
    if age <= OLD:
        return Check(status=Status.PASS, observed=observed)
    status = Status.FAIL if age > TOO_OLD and vitals.overdue else Status.WARN
    return Check(status=status, observed=observed, reason=because("health_backlog"))


def _attention(vitals: Vitals) -> Check:
    if not vitals.attention:
        return Check(status=Status.PASS, observed=0)
    return Check(status=Status.WARN, observed=vitals.attention, reason=because("health_attention"))


def _facturation(quota: QuotaState) -> Check:
    observed = {"last_success": _text(quota["last_success"]), "last_failure": _text(quota["last_failure"])}
    failure = standing_failure(quota)
    if failure is None:
        return Check(status=Status.PASS, observed=observed)
    # A 429 is the answer of a healthy API, and work goes on by itself.
    status = Status.WARN if failure is Failure.THROTTLED else Status.FAIL
    return Check(status=status, observed=observed, reason=common([quota["last_failure_reason"]]))


def _quota(quota: QuotaState, vitals: Vitals) -> Check:
    paused = quota["paused_until"]
    observed = {
        "left_5_minutes": quota["left_five"],
        "left_day": quota["left_day"],
        "paused_until": _text(paused),
    }
    if paused and paused > vitals.now:
        return Check(status=Status.WARN, observed=observed, reason=because("alert_paused", until=paused))
    if quota["left_day"] <= quota["limit_day"] * 0.05:
        return Check(status=Status.WARN, observed=observed, reason=because("health_day_nearly_used_up"))
    return Check(status=Status.PASS, observed=observed)


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _ledger(vitals: Vitals) -> Check:
    problem = ledger_problem(vitals)
    observed = {"born": _text(vitals.born)}
    return Check(status=Status.WARN if problem else Status.PASS, observed=observed, reason=problem)


def ledger_problem(vitals: Vitals) -> Reason:
    """What a ledger younger than the firm's invoices means; none when it is not, or no longer matters."""
    if not vitals.known or vitals.born is None or vitals.now - vitals.born > YOUNG:
        return NO_REASON
    return because("young_ledger", born=vitals.born, shops=", ".join(key.rstrip(":") for key in vitals.known))


def overall(checks: Mapping[str, Check]) -> Status:
    """The worst of them."""
    order = (Status.PASS, Status.WARN, Status.FAIL)
    return max((check.status for check in checks.values()), key=order.index)


@dataclass(slots=True)
class Health:
    """The routes, and since when each check says what it says (as this process saw it)."""

    store: Store
    quota: Quota
    metrics: Metrics
    now: Callable[[], datetime]
    _since: dict[str, tuple[Status, datetime]] = field(default_factory=dict)

    async def checks(self) -> dict[str, Check]:
        """All checks; when Redis is away, that alone is known."""
        try:
            vitals = await self.store.vitals()
            durability = await look_at_durability(self.store.redis)
            checks = assess(vitals, durability, await self.quota.state())
        except StoreUnavailable as exc:
            return {"redis": _unusable("no answer", exc)}
        try:
            await self.store.check_writable()
        except StoreUnavailable as exc:
            checks["redis"] = _unusable("takes no events", exc)
        return checks

    def rendered(self, checks: Mapping[str, Check], lang: str = "en") -> dict[str, Any]:
        """The JSON of `/health`."""
        now = self.now()
        shown = {}
        for name, check in checks.items():
            known = self._since.get(name)
            if known is None or known[0] is not check.status:
                self._since[name] = (check.status, now)
            shown[name] = {
                "status": check.status.value,
                "observed": check.observed,
                "since": _text(self._since[name][1]),
            } | ({"reason": text_of(check.reason, lang)} if check.reason else {})
        return {"status": overall(checks).value, "checks": shown}

    async def livez(self, _request: Request) -> Response:
        """200 while the process serves."""
        return JSONResponse({"status": "pass"})

    async def readyz(self, _request: Request) -> Response:
        """200 when an event could be stored now."""
        try:
            await self.store.check_writable()
        except StoreUnavailable as exc:
            return JSONResponse({"status": "fail", "reason": f"Redis: {text_of(trouble(exc))}"}, 503)
        return JSONResponse({"status": "pass"})

    async def health(self, _request: Request) -> Response:
        """Everything, for monitors and people."""
        body = self.rendered(await self.checks())
        return Response(
            json.dumps(body, indent=1),
            503 if body["status"] == Status.FAIL.value else 200,
            media_type="application/json",
        )

    async def prometheus(self, _request: Request) -> Response:
        """Prometheus text. Without Redis, what this process counted itself."""
        try:
            vitals, quota = await self.store.vitals(), await self.quota.state()
        except StoreUnavailable:
            return Response(self.metrics.render(), media_type="text/plain; version=0.0.4")
        age = (vitals.now - vitals.oldest).total_seconds() if vitals.oldest else 0.0
        self.metrics.observe_state(
            backlog=vitals.waiting,
            oldest_waiting_seconds=age,
            attention=vitals.attention,
            workers=vitals.workers,
            quota_left={"five_minutes": quota["left_five"], "day": quota["left_day"]},
            orders=vitals.orders,
        )
        return Response(self.metrics.render(), media_type="text/plain; version=0.0.4")

    def routes(self) -> list[Route]:
        """For `create_app`."""
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/livez": self.livez,
            "/readyz": self.readyz,
            "/health": self.health,
            "/metrics": self.prometheus,
        }
        return [Route(path, page, methods=["GET"]) for path, page in pages.items()]
