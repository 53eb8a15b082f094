"""What every request passes first: the log and the faults, then credentials, quota and content type."""

import asyncio
from base64 import b64encode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.sandbox.state import Sandbox

CONTROL = "/_sandbox/"
WRITES = frozenset(("POST", "PATCH", "PUT"))


class FaultInjector:
    """Writes each API request down, waits the configured latency and plays the fault that fires."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        target = f"{scope['path']}?{query}" if query else scope["path"]
        noted = self._sandbox.note(scope["method"], target)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted.status = message["status"]
            await send(message)

        if self._sandbox.config.latency_seconds:
            await asyncio.sleep(self._sandbox.config.latency_seconds)
        fault = self._sandbox.faults.take(scope["method"], target)
        if fault is None:
            await self._app(scope, receive, noting)
        else:
            await self._sandbox.faults.play(fault, self._app, scope, receive, noting)


class Door:
    """401, 429 and 501; quota headers on everything that passes."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox
        config = sandbox.config
        self._token = b64encode(f"{config.api_id}:{config.api_key}".encode()).decode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        quota = self._sandbox.quota.headers(self._sandbox.config.clock())

        async def with_quota(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(quota)
            await send(message)

        await self._app(scope, receive, with_quota)

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or token != self._token:
            headers = {"www-authenticate": 'Basic realm="Application"'}
            return PlainTextResponse("HTTP Basic: Access denied.", 401, headers)
        now = self._sandbox.config.clock()
        if wait := self._sandbox.quota.take(now):
            headers = {**self._sandbox.quota.headers(now), "retry-after": str(wait)}
            return PlainTextResponse("Retry later", 429, headers)
        if request.method in WRITES and not _is_json(request.headers):
            return PlainTextResponse("Content-Type must be application/json; charset=utf-8", 501)
        return None


def _is_json(headers: Headers) -> bool:
    media_type, _, parameter = headers.get("content-type", "").lower().partition(";")
    return media_type.strip() == "application/json" and parameter.strip() in ("", "charset=utf-8")
