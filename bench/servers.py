"""What the bridge is compared with, and the bridge itself, each a program of `bench.child`.

A: does nothing. B: the least that is honest: the signature, and one durable write of the compressed body.
C: the usual way: FastAPI, pydantic, `arq.enqueue_job`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import hiredis
import httpx
import uvloop
import zstandard
from arq.connections import ArqRedis
from arq.worker import Worker, func
from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel
from redis.asyncio import BlockingConnectionPool
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.child import die_with_parent, say
from bench.orders import SECRET
from bridge.runtime.jobs import deserialize, serialize
from bridge.runtime.server import listen, serve
from bridge.runtime.wiring import connect
from bridge.runtime.worker import POLL_SECONDS
from bridge.sandbox import SandboxConfig, create_sandbox

_pack = cast("Callable[[tuple[bytes, ...]], bytes]", hiredis.pack_command)  # its stub: tuples of one
ANSWER = b'{"status":"accepted"}'


async def _answer(send: Send, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Limit A."""
    await _answer(send)


def least(write: Callable[[bytes, bytes], Awaitable[object]]) -> ASGIApp:
    """Limit B. `write(event, body)` returns when it is durable."""
    compressor = zstandard.ZstdCompressor(level=1)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        chunks = []
        more = True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(chunks)
        headers = dict(scope["headers"])
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256))
        if not hmac.compare_digest(signature, headers.get(b"x-shopify-hmac-sha256", b"")):
            await _answer(send, 401)
            return
        await write(b"event:" + headers[b"x-shopify-webhook-id"], compressor.compress(body))
        await _answer(send)

    return app


class _Pipe(asyncio.Protocol):
    """One connection to Redis that all requests share; no time-outs, no reconnecting."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: list[asyncio.Future[Any]] = []
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            self._waiting.pop(0).set_result(answer)

    def run(self, *command: bytes) -> asyncio.Future[Any]:
        self._transport.write(_pack(command))
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        return answer


async def _least_by_redis_py(redis_url: str) -> ASGIApp:
    redis = connect(redis_url)
    return least(lambda event, body: redis.set(event, body, nx=True))


async def _least_by_hand(redis_url: str) -> ASGIApp:
    path = redis_url.removeprefix("unix://")
    _, pipe = await asyncio.get_running_loop().create_unix_connection(_Pipe, path)
    return least(lambda event, body: pipe.run(b"SET", event, body, b"NX"))


def usual_queue(redis_url: str) -> ArqRedis:
    pool = BlockingConnectionPool.from_url(redis_url, max_connections=32, timeout=2)
    return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize)


class _Person(BaseModel):
    first_name: str
    last_name: str
    email: str | None = None


class _Line(BaseModel):
    title: str
    quantity: int
    price: str


class _Paid(BaseModel):
    id: int
    name: str
    email: str
    total_price: str
    customer: _Person
    line_items: list[_Line]


async def _usual(redis_url: str) -> ASGIApp:
    queue = usual_queue(redis_url)
    app = FastAPI()

    @app.post("/webhooks/{shop}")
    async def receive(
        shop: str,
        request: Request,
        x_shopify_hmac_sha256: str = Header(),
        x_shopify_webhook_id: str = Header(),
    ) -> dict[str, str]:
        body = await request.body()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
        if not hmac.compare_digest(signature, x_shopify_hmac_sha256):
            raise HTTPException(401)
        order = _Paid.model_validate_json(body)
        await queue.enqueue_job("invoice", shop, order.id, body.decode(), _job_id=x_shopify_webhook_id)
        return {"status": "accepted"}

    return app


async def _nothing(redis_url: str) -> ASGIApp:
    return nothing


BASELINES: dict[str, Callable[[str], Awaitable[ASGIApp]]] = {
    "A": _nothing,
    "B": _least_by_redis_py,
    "B raw": _least_by_hand,
    "C": _usual,
}


def baseline(name: str, redis_url: str) -> None:
    """Serves one of the baselines as the bridge serves itself; says its port."""

    async def run() -> None:
        sock = _free_port()
        app = await BASELINES[name](redis_url)
        say({"port": sock.getsockname()[1]})
        await serve(app, sock, asyncio.Event())

    die_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def bridge(role: str, environ: dict[str, str]) -> None:
    """The bridge itself, as its command line starts it; it logs to nowhere but at its usual level."""
    from bridge.cli.main import main

    os.environ |= environ
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process
    die_with_parent()
    sys.argv = ["bridge", role]
    main()


def sandbox() -> None:
    """Facturation.pro's sandbox, without delay or limits; says its address, then each invoice it made: when,
    and how many requests it has had by then."""

    async def run() -> None:
        config = SandboxConfig(requests_per_5_minutes=10**6, requests_per_day=10**7)
        api = create_sandbox(config)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await api(scope, receive, send)
            if scope["method"] == "POST" and scope["path"].endswith("/invoices.json"):
                say({"at": time.perf_counter(), "requests": api.state.sandbox.requests_received})

        sock = _free_port()
        say({"url": f"http://127.0.0.1:{sock.getsockname()[1]}"})
        await serve(app, sock, asyncio.Event())

    die_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def usual_worker(redis_url: str, api: str) -> None:
    """arq as one would use it: a job is one POST by httpx, and nothing is remembered."""

    async def run() -> None:
        login = httpx.BasicAuth("4242", "sandbox-key")
        async with httpx.AsyncClient(base_url=f"{api}/firms/1", auth=login, timeout=20) as http:

            async def invoice(ctx: dict[Any, Any], fields: dict[str, Any]) -> None:
                (await http.post("/invoices.json", json=fields)).raise_for_status()

            worker = Worker(
                functions=[func(invoice, name="invoice")],
                redis_pool=usual_queue(redis_url),
                handle_signals=False,
                max_jobs=20,  # it gets no faster with more, and slower with fewer
                poll_delay=POLL_SECONDS,
                keep_result=0,
                job_serializer=serialize,
                job_deserializer=deserialize,
            )
            await worker.main()

    die_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def _free_port() -> socket.socket:
    return listen("127.0.0.1", 0)


def free_port() -> int:
    """A port that was free just now."""
    with _free_port() as sock:
        port: int = sock.getsockname()[1]
        return port
