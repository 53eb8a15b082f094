"""What a redis_url means: TLS that compares names, Sentinels, and what is said about a wrong one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ConnectionError

from bridge.runtime.wiring import connect
from bridge.valkey.connection import SharedConnection
from bridge.valkey.pools import NOTICING, follows_sentinels, open_pool


def certificate(folder: Path, *names: str) -> Path:
    """A certificate for these names, its own authority, and its key."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("no openssl here")
    alternatives = ",".join(names)
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=redis", "-addext", f"subjectAltName={alternatives}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return folder / "ca.pem"


@asynccontextmanager
async def behind_tls(redis_url: str, folder: Path) -> AsyncIterator[int]:
    """The Valkey of this test run behind TLS: its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")

    async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_unix_connection(unquote(urlsplit(redis_url).path))
        await asyncio.gather(pour(reader, outer), pour(inner, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def ping(url: str) -> bool:
    client = connect(url)
    try:
        return bool(await client.ping())
    finally:
        await client.aclose(close_connection_pool=True)


async def test_tls_to_the_host_that_the_certificate_names(redis_url: str, tmp_path: Path) -> None:
    ca = certificate(tmp_path, "DNS:localhost", "IP:127.0.0.1")
    async with behind_tls(redis_url, tmp_path) as port:
        assert await ping(f"rediss://localhost:{port}?ssl_ca_certs={ca}")
        assert await ping(f"rediss://127.0.0.1:{port}?ssl_ca_certs={ca}")


async def test_a_pipe_goes_through_tls(redis_url: str, tmp_path: Path) -> None:
    ca = certificate(tmp_path, "DNS:localhost")
    async with behind_tls(redis_url, tmp_path) as port:
        redis = connect(f"rediss://localhost:{port}?ssl_ca_certs={ca}")
        pipe, large = SharedConnection(redis.connection_pool), b"x" * 200_000
        assert list(await asyncio.gather(pipe.run("ECHO", large), pipe.run("PING"))) == [large, b"PONG"]
        await redis.aclose(close_connection_pool=True)


async def test_tls_to_another_host_is_refused_unless_the_url_allows_it(
    redis_url: str, tmp_path: Path
) -> None:
    ca = certificate(tmp_path, "DNS:redis.example.com")
    async with behind_tls(redis_url, tmp_path) as port:
        url = f"rediss://localhost:{port}?ssl_ca_certs={ca}"
        with pytest.raises(ConnectionError, match="Hostname mismatch"):
            await ping(url)
        assert await ping(f"{url}&ssl_check_hostname=false")
        assert await ping(f"rediss://localhost:{port}?ssl_cert_reqs=none")


async def test_tls_of_an_unknown_authority_is_refused(redis_url: str, tmp_path: Path) -> None:
    certificate(tmp_path, "DNS:localhost")
    async with behind_tls(redis_url, tmp_path) as port:
        with pytest.raises(ConnectionError, match="self-signed certificate"):
            await ping(f"rediss://localhost:{port}")


def test_the_options_of_a_url_go_before_ours() -> None:
    pool = open_pool(
        "redis://ann:s%40cret@cache:6380/3?socket_timeout=9", max_connections=7, socket_timeout=2
    )
    assert pool.max_connections == 7
    wanted = {"host": "cache", "port": 6380, "db": 3, "username": "ann", "password": "s@cret"}
    assert pool.connection_kwargs == {**NOTICING, **wanted, "socket_timeout": 9.0}


async def test_a_host_that_is_gone_is_noticed_by_the_kernel() -> None:
    listening = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        pool = open_pool(f"redis://127.0.0.1:{port}")
        connection: Any = pool.make_connection()  # type: ignore[no-untyped-call]
        await connection._connect()
        sock = connection._writer.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        await connection.disconnect(nowait=True)


@pytest.mark.parametrize(
    ("url", "sentinels"),
    [
        ("redis+sentinel://one/main", [("one", 26379)]),
        ("redis+sentinel://one:1,two:2,[::1]:3/main", [("one", 1), ("two", 2), ("::1", 3)]),
    ],
)
def test_sentinels_are_asked_for_the_primary(url: str, sentinels: Any) -> None:
    pool: Any = open_pool(url)
    asked = [s.connection_pool.connection_kwargs for s in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in asked] == sentinels
    assert (pool.service_name, pool.connection_class) == ("main", SentinelManagedConnection)
    assert follows_sentinels(url)
    assert not follows_sentinels("redis://one")


def test_sentinels_have_a_password_of_their_own() -> None:
    url = "redis+sentinel://ann:p%2Fw@one,two/main/4?sentinel_password=other"
    pool: Any = open_pool(url, max_connections=3, socket_timeout=2)
    primary = pool.connection_kwargs
    assert (primary["username"], primary["password"], primary["db"]) == ("ann", "p/w", 4)
    assert (pool.max_connections, primary["socket_timeout"]) == (3, 2)
    for sentinel in pool.sentinel_manager.sentinels:
        asked = sentinel.connection_pool.connection_kwargs
        assert (asked["username"], asked["password"], asked["db"]) == (None, "other", 0)


def test_tls_is_for_the_sentinels_too() -> None:
    pool: Any = open_pool("rediss+sentinel://one/main?ssl_ca_certs=/ca.pem")
    assert pool.connection_class is SentinelManagedSSLConnection
    asked = pool.sentinel_manager.sentinels[0].connection_pool
    assert asked.connection_class is SSLConnection
    for options in (pool.connection_kwargs, asked.connection_kwargs):
        assert (options["ssl_ca_certs"], options["ssl_check_hostname"]) == ("/ca.pem", True)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis+sentinel://one,two", "does not say which primary"),
        ("redis+sentinel:///main", "names no Sentinel"),
        ("redis+sentinel://one,,two/main", "names no Sentinel"),
        ("redis+sentinel://one:x/main", "port is no number"),
        ("redis+sentinel://one/main/two", "a database that is no number"),
        ("redis://:pass/word@cache", "port is no number"),
        ("redis://cache?db=two", "Invalid value for 'db'"),
    ],
)
def test_a_wrong_url_is_said_to_be_wrong(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        open_pool(url)
    assert "pass" not in str(caught.value).replace("password", "")
