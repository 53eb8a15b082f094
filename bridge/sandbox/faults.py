"""Faults on demand: which request goes wrong, how, and on which side of the commit."""

import asyncio
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import count
from typing import Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HTML_PAGE = "<!DOCTYPE html><html><body><h1>Maintenance en cours</h1></body></html>"


class FaultKind(StrEnum):
    STATUS = "status"  # answer `status` with a text body
    DROP = "drop"  # close the connection without an answer
    DELAY = "delay"  # wait `seconds`
    TOO_MANY_REQUESTS = "too_many_requests"  # 429, "Retry later", Retry-After
    HTML = "html"  # do the work, keep the status, answer an HTML page
    LATE_COMMIT = "late_commit"  # answer `status` now (0: drop), do the work `seconds` later


class Moment(StrEnum):
    """Side of the commit, for STATUS, DROP and DELAY."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Fires for requests of `method` ("*": any) whose `path?query` matches the regular expression `path`.

    The first `skip` matching requests pass; then it fires `count` times (None: always), each time with
    `probability`, drawn from a generator seeded with `seed`. Raises ValueError when it makes no sense.
    """

    kind: FaultKind
    method: str = "*"
    path: str = ""
    moment: Moment = Moment.BEFORE
    status: int = 502
    seconds: float = 0.0
    retry_after: int = 1
    skip: int = 0
    count: int | None = 1
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from error
        if self.kind is not FaultKind.LATE_COMMIT and not 100 <= self.status <= 599:
            raise ValueError("status is not an HTTP status")

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Fault":
        """A fault from the body of `POST /_sandbox/faults`. Raises ValueError."""
        unknown = body.keys() - {field.name for field in fields(cls)}
        if unknown or "kind" not in body:
            raise ValueError(
                f"unknown fields: {', '.join(sorted(unknown))}" if unknown else "kind is missing"
            )
        numbers = ("status", "seconds", "retry_after", "skip", "count", "probability", "seed")
        for name in numbers:
            sent = body.get(name, 0)
            if isinstance(sent, bool) or not (
                isinstance(sent, int | float) or (name == "count" and sent is None)
            ):
                raise ValueError(f"{name} is not a number")
        if not all(isinstance(body.get(name, ""), str) for name in ("method", "path")):
            raise ValueError("method and path are texts")
        kind, moment = FaultKind(body["kind"]), Moment(body.get("moment", Moment.BEFORE))
        return cls(**{**body, "kind": kind, "moment": moment})

    def concerns(self, method: str, target: str) -> bool:
        return self.method in ("*", method) and re.search(self.path, target) is not None


class ConnectionDropped(ConnectionError):
    """A dropped connection, where there is no socket to close (in-process transports)."""


class Faults:
    """The faults waiting for their request. The first added that fires wins."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._waiting: dict[int, _Armed] = {}
        self._late: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, fault: Fault) -> int:
        """Arm a fault and give its number."""
        number = next(self._ids)
        self._waiting[number] = _Armed(fault, fault.skip, fault.count, random.Random(fault.seed))  # noqa: S311
        return number

    def clear(self) -> None:
        """Disarm every fault. Commits already delayed still happen."""
        self._waiting.clear()

    @property
    def late_commits(self) -> int:
        """Commits that are still to happen."""
        return len(self._late)

    def cancel_late_commits(self) -> None:
        for task in self._late:
            task.cancel()

    def take(self, method: str, target: str) -> Fault | None:
        """The fault that fires for this request, used up once."""
        for number, armed in list(self._waiting.items()):
            if armed.fires(method, target):
                if armed.left == 0:
                    del self._waiting[number]
                return armed.fault
        return None

    async def play(self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request with `app`, wrongly."""
        body = await _whole_body(receive)
        match fault.kind, fault.moment:
            case FaultKind.STATUS, Moment.BEFORE:
                await _answer(_failure(fault.status), scope, receive, send)
            case FaultKind.STATUS, Moment.AFTER:
                await _committed(app, scope, body)
                await _answer(_failure(fault.status), scope, receive, send)
            case FaultKind.DROP, Moment.BEFORE:
                await _drop(receive)
            case FaultKind.DROP, Moment.AFTER:
                await _committed(app, scope, body)
                await _drop(receive)
            case FaultKind.DELAY, Moment.BEFORE:
                await asyncio.sleep(fault.seconds)
                await app(scope, _replay(body), send)
            case FaultKind.DELAY, Moment.AFTER:
                answer = await _committed(app, scope, body)
                await asyncio.sleep(fault.seconds)
                for message in answer:
                    await send(message)
            case FaultKind.TOO_MANY_REQUESTS, _:
                headers = {"retry-after": str(fault.retry_after)}
                await _answer(PlainTextResponse("Retry later", 429, headers), scope, receive, send)
            case FaultKind.HTML, _:
                answer = await _committed(app, scope, body)
                await _answer(HTMLResponse(HTML_PAGE, answer[0]["status"]), scope, receive, send)
            case FaultKind.LATE_COMMIT, _:
                self._commit_later(fault.seconds, app, scope, body)
                if fault.status:
                    await _answer(_failure(fault.status), scope, receive, send)
                else:
                    await _drop(receive)

    def _commit_later(self, seconds: float, app: ASGIApp, scope: Scope, body: bytes) -> None:
        async def commit() -> None:
            await asyncio.sleep(seconds)
            await _committed(app, scope, body)

        task = asyncio.create_task(commit())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    skip: int
    left: int | None
    chance: random.Random

    def fires(self, method: str, target: str) -> bool:
        if not self.fault.concerns(method, target):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.chance.random() >= self.fault.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True


def _failure(status: int) -> Response:
    return PlainTextResponse(f"{status} simulated by the sandbox", status)


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    await response(scope, receive, send)


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def _committed(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    """Let the application do its work and keep what it wanted to answer."""
    answer: list[Message] = []

    async def keep(message: Message) -> None:
        answer.append(message)

    await app(scope, _replay(body), keep)
    return answer


async def _drop(receive: Receive) -> None:
    """Abort the connection. uvicorn gives no such thing to applications, but its `receive` is a method of the
    request cycle, which holds the transport (both its h11 and its httptools protocol)."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionDropped("the sandbox dropped the connection")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
