"""One request to Facturation.pro: permit, send, report, decipher. No retry, no redirect, no proxy.

The class of the error says whether the request may have been carried out: exactly-once rests on that.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import socket
import time
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Any, Final, Self

import httpx
import structlog
from pydantic import SecretStr

from bridge.errors import AccessRefused, BridgeError, NotSent, OutcomeUnknown, QuotaReached, RetryLater
from bridge.facturation.answers import PAUSE_WITHOUT_RETRY_AFTER, decipher, forbidden
from bridge.facturation.fields import Fields
from bridge.facturation.quota import Failure, Lane, Quota
from bridge.facturation.records import account_record
from bridge.failpoints import failpoint
from bridge.reasons import because

log = structlog.get_logger(__name__)

ACCOUNT: Final = "/account.json"
CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 30.0
TCP_USER_TIMEOUT_MS: Final = 10_000
"""Without it the kernel delivers a request up to half a minute after its sender was killed."""
REFUSED_PAUSE: Final = 15.0
"""Seconds nobody sends after the credentials were refused."""
FIRST_BYTE: Final = "http11.send_request_headers.started"
"""httpcore's name for the moment before the first byte of a request."""

LAST_BYTE: Final = "http11.send_request_body.complete"
"""And for the moment when the kernel has all of it."""

BeforeSend = Callable[[], None]
Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request as metrics and the call log see it: nothing personal. `path`: a template such as
    "/customers/{id}.json". `outcome`: the status, or the error's name. `limit`, `remaining`: as the API
    states them."""

    method: str
    path: str
    outcome: str
    seconds: float
    limit: int | None = None
    remaining: int | None = None


OnCall = Callable[[ApiCall], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer to `call` (method and path template). `data`: its JSON, None without a body."""

    call: str
    data: Any
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Wire:
    """The connections to one firm. `base_url`: without path. `contact`: goes into the User-Agent.

    `transport`: another than TCP, for tests. It has no moment of the first byte, so `before_send` comes just
    before it is handed the request, and whatever it raises counts as "may have been sent".
    """

    base_url: str
    firm_id: int
    api_id: str
    api_key: SecretStr
    contact: str
    quota: Quota
    on_call: OnCall | None = None
    transport: httpx.AsyncBaseTransport | None = None
    lane: Lane = Lane.LIVE

    def __post_init__(self) -> None:
        self._firm = f"/firms/{self.firm_id}"
        # With a transport of our own, httpx takes no proxy from the environment: a CONNECT would pass for
        # the first byte of the request.
        transport = self.transport or httpx.AsyncHTTPTransport(retries=0, socket_options=socket_options())
        self._traced = isinstance(transport, httpx.AsyncHTTPTransport)
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            auth=httpx.BasicAuth(self.api_id, self.api_key.get_secret_value()),
            headers={"User-Agent": user_agent(self.contact), "Accept": "application/json"},
            timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # each request stands on its own
            follow_redirects=False,
            transport=transport,
        )
        # httpx logs whole URLs at INFO, and a search by e-mail has the address in it.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def __repr__(self) -> str:
        return f"<Wire to {str(self._http.base_url).rstrip('/')}{self._firm}, {self.lane}>"

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    def using(self, *, lane: Lane | None, on_call: OnCall | None) -> Self:
        """The same connections, for work of another lane or with a call log of its own."""
        other = copy.copy(self)
        other.lane = lane or self.lane
        other.on_call = on_call or self.on_call
        return other

    async def call(
        self,
        method: str,
        path: str,
        *,
        record_id: int | None = None,
        params: Params | None = None,
        fields: Fields | None = None,
        before_send: BeforeSend | None = None,
    ) -> Answer:
        """One request. `path`: a template; all but ACCOUNT are the firm's."""
        call = f"{method} {path}"
        url = path if path == ACCOUNT else self._firm + path.format(id=record_id)
        # Also where a write has no body: without it the API answers 501.
        headers = {"Content-Type": "application/json; charset=utf-8"} if method in ("POST", "PATCH") else {}
        request = self._http.build_request(
            method,
            url,
            params=params,
            content=None if fields is None else json.dumps(fields, ensure_ascii=False).encode(),
            headers=headers,
        )
        failpoint("api", call, "before")
        permit = await self.quota.take(self.lane)
        failpoint("api", call, "permitted")
        started = time.monotonic()
        try:
            response = await self._exchange(request, call, before_send)
        except RetryLater as exc:
            outcome = type(exc.__cause__ or exc).__name__
            await self._report(
                ApiCall(method=method, path=path, outcome=outcome, seconds=time.monotonic() - started)
            )
            if exc.__cause__:
                await self.quota.note_failure(Failure.UNREACHABLE, exc.reason)
            raise
        failpoint("api", call, "answered")
        limit, remaining = _rate_limit(response)
        await self._report(
            ApiCall(
                method=method,
                path=path,
                outcome=str(response.status_code),
                seconds=time.monotonic() - started,
                limit=limit,
                remaining=remaining,
            )
        )
        if limit is not None and remaining is not None:
            await self.quota.learn(permit, limit, remaining)
        answer = await self._judge(call, response)
        failpoint("api", call, "after")
        return answer

    async def _judge(self, call: str, response: httpx.Response) -> Answer:
        """What the answer means, told to the quota that all workers share."""
        try:
            data = decipher(call, response.status_code, response.headers, response.content, datetime.now(UTC))
        except QuotaReached as exc:
            await self.quota.pause(exc.after or PAUSE_WITHOUT_RETRY_AFTER)
            await self.quota.note_failure(Failure.THROTTLED, exc.reason)
            raise
        except AccessRefused as exc:
            if response.status_code == 403 and not call.endswith(ACCOUNT) and await self._is_let_in():
                raise forbidden(call, response.content) from exc
            # One worker tries again after a while; a thousand waiting orders need not all be refused.
            await self.quota.pause(REFUSED_PAUSE)
            await self.quota.note_failure(Failure.REFUSED, exc.reason)
            raise
        except OutcomeUnknown as exc:
            await self.quota.note_failure(Failure.UNREACHABLE, exc.reason)
            raise
        await self.quota.note_success()
        return Answer(call, data, response.headers)

    async def _is_let_in(self) -> bool:
        """Does the account answer, and reach our firm? Then a 403 was for one request; in doubt, for all."""
        try:
            answer = await self.call("GET", ACCOUNT)
            return self.firm_id in account_record(answer.data).firms
        except (BridgeError, ValueError):
            return False

    async def _exchange(
        self, request: httpx.Request, call: str, before_send: BeforeSend | None
    ) -> httpx.Response:
        """Sends and reads the whole answer. Tells what never left (NotSent) from what may have arrived."""
        left = False

        def leave() -> None:
            nonlocal left
            if before_send is not None:
                before_send()
            failpoint("api", call, "first_byte")
            left = True

        async def trace(event: str, _info: dict[str, Any]) -> None:
            if event == FIRST_BYTE:
                leave()
            elif event == LAST_BYTE:
                failpoint("api", call, "sent")

        if self._traced:
            request.extensions["trace"] = trace
        else:
            leave()
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._http.send(request)
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            httpx.CookieConflict,
            httpx.StreamError,
            OSError,  # TimeoutError is one
        ) as exc:
            what = type(exc).__name__
            if left:
                raise OutcomeUnknown(because("api_without_answer", call=call, what=what)) from exc
            raise NotSent(because("api_not_reached", call=call, what=what)) from exc

    async def _report(self, call: ApiCall) -> None:
        if self.on_call is None:
            return
        try:
            await self.on_call(call)
        except Exception:
            # The answer is worth more than its log: losing it would cost a look-up and a long wait.
            log.exception(
                "an API call was not logged", method=call.method, path=call.path, outcome=call.outcome
            )


def user_agent(contact: str) -> str:
    """`facturation-bridge/<version> (<contact>)`, in ASCII: the API refuses accents there."""
    plain = unicodedata.normalize("NFKD", contact).encode("ascii", "ignore").decode()
    return f"facturation-bridge/{version('facturation-bridge')} ({''.join(filter(str.isprintable, plain))})"


def socket_options() -> list[tuple[int, int, int]]:
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only
    return [] if option is None else [(socket.IPPROTO_TCP, option, TCP_USER_TIMEOUT_MS)]


def _rate_limit(response: httpx.Response) -> tuple[int | None, int | None]:
    texts = (response.headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining"))
    limit, remaining = (int(text) if text.isascii() and text.isdigit() else None for text in texts)
    return limit, remaining
