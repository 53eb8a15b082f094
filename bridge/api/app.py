"""The operators' API: the desk's operations as JSON under /api, for scripts and other systems.

Bearer `ops_token`; closed (404) without one. Lists are paged with opaque cursors. Failures are
`{"error": "…"}`. Reasons are said in the language of `Accept-Language`. Routes and /api/openapi.json come
from the desk's table of operations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from inspect import Parameter, Signature
from typing import Annotated, Any, Final, Literal

import structlog
from fastapi import Body, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.console.session import Sessions
from bridge.desk.actions import Desk
from bridge.desk.operations import OPERATIONS, Operation
from bridge.desk.plain import writer
from bridge.desk.values import NotDone, Unknown
from bridge.errors import BodyTooLarge, StoreUnavailable
from bridge.receive import read_body
from bridge.telemetry.health import Health
from bridge.texts import language_of, text_of

log = structlog.get_logger("bridge.api")

BODY_BYTES: Final = 64 * 1024


class Failure(BaseModel):
    """Every answer that is not 2xx. `error`: what is wrong, in words."""

    error: str


class CheckShown(BaseModel):
    """One check of /health."""

    status: Literal["pass", "warn", "fail"]
    observed: Any
    since: str
    reason: str = ""


class HealthShown(BaseModel):
    """As /health, always with 200."""

    status: Literal["pass", "warn", "fail"]
    checks: Mapping[str, CheckShown]


FAILS: Final = {
    400: "The request cannot be understood.",
    401: "The bearer token is missing or wrong.",
    503: "Redis is away.",
}
UNKNOWN: Final = {404: "There is no such thing."}
ACTS: Final = UNKNOWN | {
    409: "It cannot be done now; the error says why, and what to do.",
    413: "The body is too large.",
    415: "The body is not application/json.",
}


class Guard:
    """ASGI middleware: nothing but 401 without `ops_token`, and only small bodies of JSON go on."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._sessions.knows(token.strip()):
            refusal = failure(401, "send the operators' token: Authorization: Bearer …")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return await refusal(scope, receive, send)
        if scope["method"] == "POST":
            try:
                body = await read_body(headers, receive, BODY_BYTES)
            except BodyTooLarge as exc:
                return await failure(413, str(exc))(scope, receive, send)
            if body and headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
                return await failure(415, "the body must be application/json")(scope, receive, send)

            async def receive() -> Message:
                return {"type": "http.request", "body": body}

        return await self._app(scope, receive, send)


def failure(status: int, error: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer that is not 2xx."""
    return JSONResponse({"error": error}, status, headers)


def api_routes(sessions: Sessions, desk: Desk, health: Health) -> list[Route]:
    """For `create_app`."""
    app = FastAPI(
        title="Facturation bridge, operators' API",
        version=version("facturation-bridge"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(HTTPBearer(scheme_name="operators", auto_error=False)), Depends(_asked_once)],
        middleware=[Middleware(Guard, sessions=sessions)],
        exception_handlers=HANDLERS,
    )
    # Actions before the order itself, whose key may hold slashes.
    for operation in sorted(OPERATIONS.values(), key=lambda each: not each.acts):
        fails = FAILS | (ACTS if operation.acts else UNKNOWN if operation.about else {})
        app.add_api_route(
            f"/api/{operation.path}".replace("}", ":path}"),
            _endpoint(operation, desk),
            methods=["POST" if operation.acts else "GET"],
            operation_id=operation.name,
            summary=operation.summary,
            response_model=operation.gives,
            responses=_described(fails),
        )

    @app.get("/api/health", operation_id="read_health", responses=_described(FAILS))
    async def read_health(accept_language: Annotated[str, Header()] = "") -> HealthShown:
        """The checks of /health."""
        shown = health.rendered(await health.checks(), language_of(accept_language))
        return HealthShown.model_validate(shown)

    described = app.openapi()
    for path in described["paths"].values():
        for each in path.values():
            each["responses"].pop("422", None)  # FastAPI's own, which is our 400
    return [Route("/api/{rest:path}", app)]


def _described(fails: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Failure, "description": meaning} for status, meaning in fails.items()}


def _endpoint(operation: Operation, desk: Desk) -> Callable[..., Awaitable[Response]]:
    """The operation as FastAPI wants it: a function whose signature says what it takes."""
    about = operation.about
    optional = not any(field.is_required() for field in operation.asked.model_fields.values())
    taken: dict[str, tuple[Any, Any]] = {"accept_language": (Annotated[str, Header()], "")}
    if operation.acts:
        default = operation.asked() if optional else Parameter.empty
        taken["asked"] = (Annotated[operation.asked, Body()], default)
    else:
        taken["asked"] = (Annotated[operation.asked, Query()], Parameter.empty)
    if about:
        taken[about] = (Annotated[str, Path(json_schema_extra={"minLength": 1})], Parameter.empty)

    async def endpoint(*, asked: Any, accept_language: str, **path: str) -> Response:
        given = await operation.run(desk, path.get(about, ""), asked)
        content = writer(operation.gives).dump_json(
            given, by_alias=True, context=language_of(accept_language)
        )
        return Response(content, media_type="application/json")

    endpoint.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
            for name, (annotation, default) in taken.items()
        ]
    )
    return endpoint


def _asked_once(request: Request) -> None:
    given = request.query_params.multi_items()
    if len({name for name, _ in given}) < len(given):
        raise HTTPException(400, "query: a parameter is given twice")


async def _http(_request: Request, exc: HTTPException) -> Response:
    return failure(exc.status_code, exc.detail.lower(), exc.headers)


async def _not_understood(_request: Request, exc: RequestValidationError) -> Response:
    first = exc.errors()[0]
    return failure(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


async def _not_done(request: Request, exc: NotDone) -> Response:
    lang = language_of(request.headers.get("accept-language", ""))
    return failure(404 if isinstance(exc, Unknown) else 409, text_of(exc.reason, lang))


async def _store_away(_request: Request, exc: StoreUnavailable) -> Response:
    log.warning("store unavailable", step="api", error=str(exc))
    return failure(503, "Redis is away; try again", {"Retry-After": "30"})


async def _fault(_request: Request, exc: Exception) -> Response:
    log.error("unexpected", step="api", exc_info=exc)
    return failure(500, "internal error")


HANDLERS: Final[Any] = {
    HTTPException: _http,
    RequestValidationError: _not_understood,
    NotDone: _not_done,
    StoreUnavailable: _store_away,
    Exception: _fault,
}
