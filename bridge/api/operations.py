"""The operators' API: what the console shows and does, as JSON under /api, for scripts and other systems.

Bearer `ops_token`; closed (404) without one. Lists are paged with opaque cursors. Failures are
`{"error": "…"}`. `Api.operations` is the one table: routes and /api/openapi.json both come from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.api.openapi import Asked, Call, Nothing, Operation, Refused, document, on_refused
from bridge.api.values import (
    ActivityQuery,
    AlertShown,
    AlertsShown,
    Crediting,
    Doing,
    DoingWithReason,
    Done,
    EventShown,
    EventsQuery,
    HealthShown,
    OrdersQuery,
    Replaying,
    ShopShown,
    ShopsShown,
)
from bridge.console.session import Sessions
from bridge.desk import (
    Desk,
    EventRow,
    Happening,
    NotDone,
    OrderRow,
    Page,
    Replayed,
    Stats,
    Story,
    UnknownOrder,
)
from bridge.errors import StoreUnavailable
from bridge.sources.registry import REGISTRY
from bridge.telemetry.health import Health

log = structlog.get_logger("bridge.api.operations")

NOT_FOUND: Final = {404: "There is no such thing."}
ACTS: Final = {
    404: "There is no such order.",
    409: "It cannot be done now; the error says why, and what to do.",
    413: "The body is too large.",
    415: "The body is not application/json.",
}


class Api:
    """The operations over the desk."""

    def __init__(self, desk: Desk, health: Health, platforms: Mapping[str, str]) -> None:
        self._desk = desk
        self._health = health
        self._platforms = platforms

    async def orders(self, call: Call) -> Page[OrderRow]:
        """A page of orders."""
        asked: OrdersQuery = call.query
        return await self._desk.orders(**asked.model_dump())

    async def order(self, call: Call) -> Story:
        """One order's story."""
        story = await self._desk.story(call.key)
        if story is None:
            raise Refused(404, "there is no such order")
        return story

    async def events(self, call: Call) -> Page[EventRow]:
        """A page of events."""
        asked: EventsQuery = call.query
        return await self._desk.events(**asked.model_dump())

    async def event(self, call: Call) -> EventShown:
        """One event, with its payload as text."""
        event = await self._desk.event(call.key)
        if event is None:
            raise Refused(404, "there is no such event")
        body = event.body.decode("utf-8", errors="replace")
        return EventShown(event=event.row, headers=event.headers, body=body)

    async def activity(self, call: Call) -> Page[Happening]:
        """A page of what happened."""
        asked: ActivityQuery = call.query
        return await self._desk.activity(**asked.model_dump())

    async def alerts(self, _call: Call) -> AlertsShown:
        """The alerts."""
        standing = await self._desk.alerts()
        return AlertsShown(alerts=tuple(AlertShown.model_validate(alert.as_dict()) for alert in standing))

    async def shops(self, _call: Call) -> ShopsShown:
        """The shops."""
        return ShopsShown(shops=tuple([await self._shop(name) for name in sorted(self._platforms)]))

    async def _shop(self, name: str) -> ShopShown:
        platform = self._platforms[name]
        topics = tuple(sorted(REGISTRY[platform].HANDLED))
        signs = asdict(await self._desk.signs(name))
        return ShopShown(name=name, platform=platform, topics=topics, **signs)

    async def stats(self, _call: Call) -> Stats:
        """The figures."""
        return await self._desk.stats()

    async def health(self, _call: Call) -> HealthShown:
        """The checks."""
        return HealthShown.model_validate(self._health.rendered(await self._health.checks()))

    async def retry(self, call: Call) -> Done:
        """Retry now."""
        return Done(done=await self._desk.retry(call.key, call.body.who))

    async def accept(self, call: Call) -> Done:
        """Accept the difference."""
        return Done(done=await self._desk.accept(call.key, call.body.who))

    async def issue_credit_note(self, call: Call) -> Done:
        """Issue a credit note."""
        return Done(done=await self._desk.issue_credit_note(call.key, call.body.refund, call.body.who))

    async def ignore(self, call: Call) -> Done:
        """Ignore an order."""
        return Done(done=await self._desk.ignore(call.key, call.body.reason, call.body.who))

    async def send_to_person(self, call: Call) -> Done:
        """Ask a person."""
        return Done(done=await self._desk.send_to_person(call.key, call.body.reason, call.body.who))

    async def replay(self, call: Call) -> Replayed:
        """Go over many orders again."""
        asked: Replaying = call.body
        return await self._desk.replay(
            asked.who,
            events=asked.events,
            since=asked.since,
            failed_only=asked.failed_only,
            shop=asked.shop,
        )

    def operations(self) -> tuple[Operation, ...]:
        """The table."""
        order, event = "/api/orders/{key}", "/api/events/{id}"
        return (
            _read(
                "/api/orders",
                "list_orders",
                "Orders, newest first.",
                self.orders,
                Page[OrderRow],
                OrdersQuery,
            ),
            # Before the order itself, whose key may hold slashes.
            _act(f"{order}/retry", "retry_order", "Looks at the order again, now.", self.retry, Doing),
            _act(
                f"{order}/accept", "accept_difference", "Accepts the documents' totals.", self.accept, Doing
            ),
            _act(
                f"{order}/credit-note",
                *("issue_credit_note", "Makes the refund's credit note, final.", self.issue_credit_note),
                Crediting,
            ),
            _act(
                f"{order}/ignore",
                *("ignore_order", "Leaves the order alone until a retry.", self.ignore, DoingWithReason),
            ),
            _act(
                f"{order}/send-to-person",
                *("send_to_person", "Stops the order until a retry.", self.send_to_person, DoingWithReason),
            ),
            _read(order, "read_order", "Everything known of one order.", self.order, Story, fails=NOT_FOUND),
            _read(
                "/api/events",
                "list_events",
                "Events, newest first.",
                self.events,
                Page[EventRow],
                EventsQuery,
            ),
            _read(
                event, "read_event", "One event, with its payload.", self.event, EventShown, fails=NOT_FOUND
            ),
            Operation(
                method="POST",
                path="/api/replay",
                name="replay",
                summary="Goes over the orders of these events, or of this time, again.",
                run=self.replay,
                gives=Replayed,
                body=Replaying,
                fails=ACTS,
            ),
            _read(
                "/api/activity",
                *("list_activity", "Everything that happened, newest first."),
                self.activity,
                Page[Happening],
                ActivityQuery,
            ),
            _read("/api/alerts", "list_alerts", "What somebody must look at now.", self.alerts, AlertsShown),
            _read("/api/shops", "list_shops", "Each shop's signs of life.", self.shops, ShopsShown),
            _read("/api/stats", "read_stats", "The system in figures.", self.stats, Stats),
            _read("/api/health", "read_health", "The checks of /health.", self.health, HealthShown),
        )


def _read(
    path: str,
    name: str,
    summary: str,
    run: Any,
    gives: Any,
    query: type[Asked] = Nothing,
    fails: Mapping[int, str] | None = None,
) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        run=run,
        gives=gives,
        query=query,
        fails=fails or {},
    )


def _act(path: str, name: str, summary: str, run: Any, body: type[Asked]) -> Operation:
    return Operation(
        method="POST", path=path, name=name, summary=summary, run=run, gives=Done, body=body, fails=ACTS
    )


class Bearer:
    """ASGI middleware: nothing is answered but 401 without `ops_token`; nothing is kept by caches."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._sessions.knows(token.strip()):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"error": "send the operators' token: Authorization: Bearer …"},
            401,
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document that /api/openapi.json serves."""
    return document("Facturation bridge, operators' API", version("facturation-bridge"), operations)


def api_routes(sessions: Sessions, desk: Desk, health: Health, platforms: Mapping[str, str]) -> list[Route]:
    """For `create_app`. `platforms`: of each shop."""
    operations = Api(desk, health, platforms).operations()
    described = openapi(operations)

    async def describe(_request: Request) -> Response:
        return JSONResponse(described)

    app = Starlette(
        routes=[Route("/api/openapi.json", describe), *(each.route() for each in operations)],
        middleware=[Middleware(Bearer, sessions=sessions)],
        exception_handlers={
            Refused: on_refused,
            HTTPException: _refused,
            UnknownOrder: _unknown,
            NotDone: _not_done,
            StoreUnavailable: _store_away,
            Exception: _fault,
        },
    )
    app.router.redirect_slashes = False
    return [Route("/api/{rest:path}", app)]


async def _refused(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return JSONResponse({"error": exc.detail.lower()}, exc.status_code, headers=exc.headers)


async def _unknown(_request: Request, _exc: Exception) -> Response:
    return JSONResponse({"error": "there is no such order"}, 404)


async def _not_done(_request: Request, exc: Exception) -> Response:
    return JSONResponse({"error": str(exc)}, 409)


async def _store_away(_request: Request, exc: Exception) -> Response:
    log.warning("store unavailable", step="api", error=str(exc))
    return JSONResponse({"error": "Redis is away; try again"}, 503, headers={"Retry-After": "30"})


async def _fault(_request: Request, exc: Exception) -> Response:
    log.error("unexpected", step="api", exc_info=exc)
    return JSONResponse({"error": "internal error"}, 500)
