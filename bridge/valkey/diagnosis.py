"""Why a Redis cannot be used, as a reason for people: redis-py's own words name classes and sockets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

from redis import exceptions

from bridge.reasons import Reason, because

_BY_WORDS: Final = (
    ("NOAUTH", because("redis_wants_password")),
    ("Authentication required", because("redis_wants_password")),
    ("Redis is full", because("redis_full")),
    ("MISCONF", because("redis_cannot_write")),
    ("DB index", because("redis_lacks_database")),
    ("Name or service not known", because("redis_host_unknown")),
    ("Temporary failure in name", because("redis_host_unknown")),
    ("refused", because("redis_not_listening")),
    ("No such file", because("redis_not_listening")),
)
_BY_KIND: Final = (
    (exceptions.AuthenticationError, because("redis_refuses_user")),
    (exceptions.NoPermissionError, because("redis_forbids")),
    (exceptions.OutOfMemoryError, because("redis_full")),
    (exceptions.ReadOnlyError, because("redis_is_replica")),
    (exceptions.BusyLoadingError, because("redis_is_loading")),
    (exceptions.InvalidResponse, because("redis_is_none")),
    (exceptions.TimeoutError, because("redis_is_slow")),
    (ssl.SSLError, because("redis_tls_fails")),
    (TimeoutError, because("redis_is_slow")),
    (exceptions.ConnectionError, because("redis_not_reached")),
    (OSError, because("redis_not_reached")),
)


def trouble(exc: BaseException) -> Reason:
    """Why this Redis cannot be used, without any address or password. `exc`: redis-py's error, or ours that
    came from it."""
    chain = list(_chain(exc))
    for words, reason in _BY_WORDS:
        if any(words in str(each) for each in chain):
            return reason
    for kind, reason in _BY_KIND:
        if any(isinstance(each, kind) for each in chain):
            return reason
    return because("redis_fails", error=str(exc) or type(exc).__name__)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """redis-py wraps a refused password in a failed connection."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
