"""What stands between the console and everybody else: headers on every answer, a limit on logins."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.valkey.scripts import redis_errors

ATTEMPTS: Final = 10
WINDOW: Final = timedelta(minutes=5)

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        *("style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecureHeaders:
    """ASGI middleware: `HEADERS` on every answer, and pages are stored nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)


class LoginLimit:
    """At most `ATTEMPTS` logins of a client in `WINDOW`; past them even the right token must wait.

    The count is in Redis, so that every process sees the same one, and is taken before the token is looked
    at, so that many at once gain nothing. A client's address is kept as a digest.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def admit(self, client: str) -> bool:
        """Counts one attempt; False when this client must wait. The window begins with its first."""
        with redis_errors("login"):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.incr(_key(client))
                pipe.expire(_key(client), WINDOW, nx=True)
                count, _ = await pipe.execute()
        return int(count) <= ATTEMPTS

    async def succeeded(self, client: str) -> None:
        """Forgets the attempts of a client that gave the right token."""
        with redis_errors("login"):
            await self._redis.delete(_key(client))


def _key(client: str) -> str:
    return f"bridge:login:{hashlib.sha256(client.encode()).hexdigest()[:32]}"
