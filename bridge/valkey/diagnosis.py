"""Why a Redis cannot be used, as a reason for people: redis-py's own words name classes and sockets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

from redis import exceptions

from bridge.reasons import Reason, because

_BY_WORDS: Final = (
    ("NOAUTH", "redis_wants_password"),
    ("Authentication required", "redis_wants_password"),
    ("Redis is full", "redis_full"),
    ("MISCONF", "redis_cannot_write"),
    ("DB index", "redis_lacks_database"),
    ("Name or service not known", "redis_host_unknown"),
    ("Temporary failure in name", "redis_host_unknown"),
    ("refused", "redis_not_listening"),
    ("No such file", "redis_not_listening"),
)
_BY_KIND: Final = (
    (exceptions.AuthenticationError, "redis_refuses_user"),
    (exceptions.NoPermissionError, "redis_forbids"),
    (exceptions.OutOfMemoryError, "redis_full"),
    (exceptions.ReadOnlyError, "redis_is_replica"),
    (exceptions.BusyLoadingError, "redis_is_loading"),
    (exceptions.InvalidResponse, "redis_is_none"),
    (exceptions.TimeoutError, "redis_is_slow"),
    (ssl.SSLError, "redis_tls_fails"),
    (TimeoutError, "redis_is_slow"),
    (exceptions.ConnectionError, "redis_not_reached"),
    (OSError, "redis_not_reached"),
)


def trouble(exc: BaseException) -> Reason:
    """Why this Redis cannot be used, without any address or password. `exc`: redis-py's error, or ours that
    came from it."""
    chain = list(_chain(exc))
    for words, code in _BY_WORDS:
        if any(words in str(each) for each in chain):
            return because(code)
    for kind, code in _BY_KIND:
        if any(isinstance(each, kind) for each in chain):
            return because(code)
    return because("redis_fails", error=str(exc) or type(exc).__name__)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """redis-py wraps a refused password in a failed connection."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
