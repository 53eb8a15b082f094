"""The console as routes: which address shows which page, and what is said when one cannot be shown."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping

import structlog
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bridge.console.login import LoginPages, PageRefused, Visit
from bridge.console.overview import overview
from bridge.console.pages import Pages
from bridge.console.security import LoginLimit, SecureHeaders
from bridge.console.session import Sessions
from bridge.desk.actions import Desk
from bridge.errors import StoreUnavailable
from bridge.settings.loading import Settings
from bridge.telemetry.health import Health

log = structlog.get_logger("bridge.console")

Show = Callable[[Visit], Awaitable[Response]]


def console_routes(
    sessions: Sessions, desk: Desk, health: Health, settings: Settings, redis: Redis
) -> list[Route]:
    """For `create_app`."""
    login_pages = LoginPages(sessions, LoginLimit(redis), settings.language)
    pages = Pages(desk, settings)
    shown: dict[str, Show] = {
        "/console": functools.partial(overview, desk=desk, health=health),
        "/console/alerts": pages.alerts,
        "/console/activity": pages.activity,
        "/console/orders": pages.orders,
        "/console/events": pages.events,
        "/console/events/{id:path}": pages.event,
        "/console/shops": pages.shops,
    }
    app = Starlette(
        routes=[
            Mount("/console/static", StaticFiles(packages=[("bridge.console", "static")])),
            Route("/console/login", login_pages.login, methods=["GET", "POST"]),
            Route("/console/logout", login_pages.logout, methods=["POST"]),
            *(Route(path, login_pages.page(show), methods=["GET"]) for path, show in shown.items()),
            Route("/console/orders/{key:path}", login_pages.page(pages.order), methods=["GET", "POST"]),
        ],
        middleware=[Middleware(SecureHeaders)],
        exception_handlers=dict.fromkeys(
            (PageRefused, HTTPException, StoreUnavailable, Exception), _explainer(login_pages)
        ),
    )
    app.router.redirect_slashes = False
    return [Route("/console", app), Route("/console/{rest:path}", app)]


def _explainer(login_pages: LoginPages) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def explain(request: Request, exc: Exception) -> Response:
        """A page in place of the one that fails: an operator sees the frame, a stranger only the words."""
        headers: Mapping[str, str] = {}
        match exc:
            case PageRefused():
                status, text = exc.status, exc.text
            case HTTPException():
                status, text = exc.status_code, f"error.{405 if exc.status_code == 405 else 404}"
                headers = exc.headers or {}
            case StoreUnavailable():
                log.warning("store unavailable", step="console", error=str(exc))
                status, text = 503, "error.503"
            case _:
                log.error("unexpected", step="console", exc_info=exc)
                status, text = 500, "error.500"
        visit = Visit(login_pages, request)
        template = "error.html" if visit.session.who else "stranger.html"
        response = visit.page(template, status, text=visit.wording.text(text))
        response.headers.update(headers)
        return response

    return explain
