"""Connections to Redis from one URL: TCP, TLS, a Unix socket, or the primary that Sentinels name.

    redis://[user:password@]host[:6379][/db]                      rediss://… with TLS
    redis+sentinel://[user:password@]host[:26379],…/name[/db]     rediss+sentinel://… with TLS to all of them
    unix:///path/to/socket

Options follow after `?`, as redis-py knows them; `sentinel_username` and `sentinel_password` are for
Sentinels that ask for them. With TLS the host name is compared with the certificate unless the URL says
otherwise.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

SENTINEL_PORT: Final = 26379
SENTINEL_SECONDS: Final = 0.5
"""A Sentinel that is silent for so long is passed over: three of them fit into the time a shop waits."""
NOTICING: Final[Mapping[str, Any]] = {
    "socket_keepalive": True,
    "socket_keepalive_options": {
        getattr(socket, name): value
        for name, value in (
            ("TCP_KEEPIDLE", 5),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", 20_000),
        )
        if hasattr(socket, name)
    },
}
"""A host that has been silent for 20 s, though spoken to, is gone: whoever waits for it is told."""
_MARK = "+sentinel"


def follows_sentinels(redis_url: str) -> bool:
    """Whether its primary may change while we run."""
    return urlsplit(redis_url).scheme.endswith(_MARK)


def open_pool(redis_url: str, **options: Any) -> BlockingConnectionPool:
    """A pool that connects when it is used. `options`: of BlockingConnectionPool; the URL's go before them.

    Raises ValueError with what is wrong with the URL.
    """
    if follows_sentinels(redis_url):
        return _following_pool(redis_url, {**NOTICING, **options})
    given = _options_in(redis_url)
    return BlockingConnectionPool(**{**({} if "path" in given else NOTICING), **options, **given})


class _FollowingPool(SentinelConnectionPool, BlockingConnectionPool):
    """Asks the Sentinels before each new connection; waits, as a blocking pool does, when all are in use."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:  # closing for good: redis-py would leave those to the Sentinels open
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def _following_pool(redis_url: str, options: dict[str, Any]) -> _FollowingPool:
    addresses, name, plain_url = _sentinels_in(redis_url)
    primary = _options_in(plain_url)
    asked = {option: value for option, value in primary.items() if option.startswith("ssl_")}
    for option in ("username", "password"):
        if value := primary.pop(f"sentinel_{option}", None):
            asked[option] = value
    tls = primary.pop("connection_class", None) is not None
    for option in ("host", "port"):
        primary.pop(option, None)
    asked |= {"ssl": tls, "socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS}
    sentinels = Sentinel(addresses, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    return _FollowingPool(name, sentinels, **{**options, **primary, "ssl": tls})  # type: ignore[no-untyped-call]


def _sentinels_in(redis_url: str) -> tuple[list[tuple[str, int]], str, str]:
    """The Sentinels, the primary's name, and the URL of a single server with all the rest."""
    parts = urlsplit(redis_url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.lstrip("/").partition("/")
    addresses = []
    for host in hosts.split(","):
        one = urlsplit(f"//{host}")
        if not one.hostname:
            raise ValueError("names no Sentinel; write redis+sentinel://host1:26379,host2:26379/primary-name")
        addresses.append((one.hostname, _port_in(one) or SENTINEL_PORT))
    if not name:
        raise ValueError(
            "does not say which primary; write redis+sentinel://host1:26379,host2:26379/primary-name"
        )
    if database and not database.isdecimal():
        raise ValueError("ends with a database that is no number; write …/primary-name/0")
    scheme = parts.scheme.removesuffix(_MARK)
    return addresses, unquote(name), f"{scheme}://{credentials}{at}primary/{database}?{parts.query}"


def _port_in(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:  # its own words might quote a part of the password
        raise ValueError("its port is no number; write / ? # @ in a password as %2F %3F %23 %40") from None


def _options_in(redis_url: str) -> dict[str, Any]:
    parts = urlsplit(redis_url)
    _port_in(parts)
    options: dict[str, Any] = dict(parse_url(redis_url))
    if parts.scheme == "rediss":
        # redis-py compares no names by default: any certificate of any known authority would do.
        options.setdefault("ssl_check_hostname", options.get("ssl_cert_reqs") != "none")
    return options
