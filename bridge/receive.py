"""The shops' door: verify, identify, record, and only then 200."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bridge.errors import BadSignature, BodyTooLarge, Rejected, StoreUnavailable
from bridge.failpoints import failpoint
from bridge.sources.base import Ignored, Source
from bridge.store.store import Store
from bridge.texts import text_of

BODY_SECONDS = 15.0
"""A body that takes longer to arrive is given up; a shop's own time-out is 5 s."""
RETRY_AFTER = "30"
PATH = "/webhooks/"
INTERNAL_ERROR = {"error": "internal error"}

log = structlog.get_logger("bridge.receive")


@dataclass(frozen=True, slots=True)
class ShopEndpoint:
    """One shop's entrance. `secrets` are all accepted."""

    shop: str
    source: Source
    secrets: Sequence[str] = field(repr=False)


Observe = Callable[[str, str, str, float], None]
"""(platform, topic, outcome, seconds): hears how each delivery was answered."""


class Webhooks:
    """`POST /webhooks/<shop>`, as a bare ASGI application: it is the one hot path."""

    def __init__(
        self,
        doors: Mapping[str, ShopEndpoint],
        store: Store,
        *,
        max_body_bytes: int,
        now: Callable[[], datetime],
        observe: Observe,
        rejected: Counter[str] | None = None,
    ) -> None:
        self._doors = doors
        self._store = store
        self._max_body_bytes = max_body_bytes
        self._now = now
        self._observe = observe
        # Counted in memory, and the notifier hands the counts in: anybody can send wrong signatures, and none
        # of them is worth a write to Redis.
        self._rejected = Counter() if rejected is None else rejected
        self._log = log.bind(step="record")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status, answer, extra = await self._receive(scope, receive)
        body = to_json(answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *extra,
        ]
        failpoint("receive", "acknowledge", "before")
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        failpoint("receive", "acknowledge", "after")
        door = self._door_of(scope)
        outcome = answer.get("status") or str(status)
        self._observe(
            door.source.PLATFORM if door else "unknown",
            answer.get("topic", ""),
            outcome,
            time.perf_counter() - started,
        )

    def _door_of(self, scope: Scope) -> ShopEndpoint | None:
        name = scope["path"].removeprefix(PATH)
        return self._doors.get(name) or self._doors.get(name.removesuffix("/"))  # as some paste it

    async def _receive(
        self, scope: Scope, receive: Receive
    ) -> tuple[int, dict[str, str], list[tuple[bytes, bytes]]]:
        if scope["method"] != "POST":
            return 405, {"error": "webhooks are sent with POST"}, [(b"allow", b"POST")]
        door = self._door_of(scope)
        if door is None:
            return 404, {"error": "no shop of this name is configured"}, []
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await read_body(headers, receive, self._max_body_bytes)
            return 200, await self._record(door, headers, body), []
        except Rejected as exc:
            if isinstance(exc, BadSignature):
                self._rejected[door.shop] += 1
            log.warning("rejected", step="verify", shop=door.shop, status=exc.status, reason=str(exc))
            return exc.status, {"error": str(exc)}, []
        except TimeoutError:
            return 408, {"error": "the body did not arrive in time"}, [(b"connection", b"close")]
        except ClientDisconnect:
            return 400, {"error": "the sender hung up"}, []
        except StoreUnavailable as exc:
            log.error("store unavailable", step="record", shop=door.shop, error=str(exc))
            return (
                503,
                {"error": "the event cannot be stored now; send it again"},
                [(b"retry-after", RETRY_AFTER.encode())],
            )
        except Exception as exc:
            log.error("unexpected", step="receive", shop=door.shop, exc_info=exc)
            return 500, INTERNAL_ERROR, []

    async def _record(self, door: ShopEndpoint, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        source = door.source
        if source.is_ping(headers, body):
            return {"status": "ignored", "reason": "ping"}
        source.verify(headers, body, door.secrets, self._now())
        self._rejected.pop(door.shop, None)  # those before it were no fault of the secret
        identity = source.identify(door.shop, headers, body)
        kept = {name: headers[name] for name in source.KEPT_HEADERS if name in headers}
        status, order_key = await self._store.record(door.shop, source.PLATFORM, identity, kept, body)
        # Not at info: that line costs as much as half of all the rest, and the store and the metrics know it.
        self._log.debug(
            status, shop=door.shop, event_id=identity.event_id, topic=identity.topic, order=order_key
        )
        answer = {"status": status, "event": identity.event_id, "topic": identity.topic}
        if order_key:
            answer["order"] = order_key
        if isinstance(identity, Ignored):
            answer["reason"] = text_of(identity.reason)
        return answer


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
    """The body, refused as soon as it is known to be over `limit` bytes. Raises BodyTooLarge."""
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(f"the body is over {limit} bytes")
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"the body is over {limit} bytes")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def create_app(
    webhooks: Webhooks, *, routes: Sequence[BaseRoute] = (), proxies: str = "127.0.0.1"
) -> ASGIApp:
    """The web application: the shops' door, and the routes it is given (health, console).

    `proxies`: addresses that may say for whom they ask, as in uvicorn's `forwarded_allow_ips`. The door does
    not care: it stands before that and before the router, which would cost a tenth of an acknowledgement.
    """

    async def fault(_request: Request, exc: Exception) -> Response:
        log.error("unexpected", step="receive", exc_info=exc)
        return JSONResponse(INTERNAL_ERROR, 500)

    async def refused(_request: Request, exc: Any) -> Response:
        return JSONResponse({"error": exc.detail.lower()}, exc.status_code, headers=exc.headers)

    pages = Starlette(routes=routes, exception_handlers={404: refused, 405: refused, 500: fault})
    others: Any = ProxyHeadersMiddleware(pages, trusted_hosts=proxies)  # type: ignore[arg-type]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PATH):
            await webhooks(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app
