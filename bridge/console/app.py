"""The console as routes: which address shows which page, and what is said when one cannot be shown."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

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
    login_pages = LoginPages(sessions, LoginLimit(redis))
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
        exception_handlers={
            PageRefused: _refused(login_pages),
            HTTPException: _not_found(login_pages),
            StoreUnavailable: _store_away(login_pages),
            Exception: _fault(login_pages),
        },
    )
    app.router.redirect_slashes = False
    return [Route("/console", app), Route("/console/{rest:path}", app)]


Handler = Callable[[Request, Exception], Awaitable[Response]]


def _error(login_pages: LoginPages, request: Request, status: int, text: str) -> Response:
    """An operator sees the frame; a stranger only the words."""
    visit = Visit(login_pages, request)
    template = "error.html" if visit.session.who else "stranger.html"
    return visit.page(template, status, text=visit.wording.text(text))


def _refused(login_pages: LoginPages) -> Handler:
    async def refused(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, PageRefused)
        return _error(login_pages, request, exc.status, exc.text)

    return refused


def _not_found(login_pages: LoginPages) -> Handler:
    async def not_found(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        response = _error(
            login_pages, request, exc.status_code, f"error.{405 if exc.status_code == 405 else 404}"
        )
        response.headers.update(exc.headers or {})
        return response

    return not_found


def _store_away(login_pages: LoginPages) -> Handler:
    async def store_away(request: Request, exc: Exception) -> Response:
        log.warning("store unavailable", step="console", error=str(exc))
        return _error(login_pages, request, 503, "error.503")

    return store_away


def _fault(login_pages: LoginPages) -> Handler:
    async def fault(request: Request, exc: Exception) -> Response:
        log.error("unexpected", step="console", exc_info=exc)
        return _error(login_pages, request, 500, "error.500")

    return fault
