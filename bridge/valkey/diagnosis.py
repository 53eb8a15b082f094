"""Why a Redis cannot be used, in words for a person: redis-py's own name classes and sockets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from redis import exceptions


@dataclass(frozen=True, slots=True)
class Trouble:
    """`what` is wrong, without any address or password; `cure`: what to do."""

    what: str
    cure: str


_ROOM: Final = "raise its maxmemory, or give it a machine of its own"
_LOAD: Final = "look at its load and its disk, or correct redis_url"
_START: Final = "start it, or correct redis_url"
_BY_WORDS: Final = (
    ("NOAUTH", "it wants a password", "put it into redis_url: redis://:password@host"),
    ("Authentication required", "it wants a password", "put it into redis_url: redis://:password@host"),
    ("Redis is full", "it is full", _ROOM),
    ("MISCONF", "it cannot write to its disk", "make room on the disk, or look at its log"),
    ("DB index", "it has no database of that number", "correct the number at the end of redis_url"),
    ("Name or service not known", "its host name is unknown", "correct the host in redis_url"),
    ("Temporary failure in name", "its host name cannot be looked up", "correct the host in redis_url"),
    ("refused", "nothing listens at its address", _START),
    ("No such file", "nothing listens at its address", _START),
)
_BY_KIND: Final = (
    (exceptions.AuthenticationError, "it refuses user or password", "correct them in redis_url"),
    (exceptions.NoPermissionError, "its ACL does not allow what the bridge does", "allow the user all keys"),
    (exceptions.OutOfMemoryError, "it is full", _ROOM),
    (exceptions.ReadOnlyError, "it is a replica and takes no writes", "name the primary in redis_url"),
    (exceptions.BusyLoadingError, "it is still loading its data", "wait until it has"),
    (exceptions.InvalidResponse, "what answers there is no Redis", "correct host and port in redis_url"),
    (exceptions.TimeoutError, "it does not answer in time", _LOAD),
    (ssl.SSLError, "TLS fails", "use rediss:// only where it speaks TLS, and a certificate that is trusted"),
    (TimeoutError, "it does not answer in time", _LOAD),
    (exceptions.ConnectionError, "the connection fails", _START),
    (OSError, "the connection fails", _START),
)


def trouble(exc: BaseException) -> Trouble:
    """Why this Redis cannot be used. `exc`: redis-py's error, or ours that came from it."""
    chain = list(_chain(exc))
    for words, what, cure in _BY_WORDS:
        if any(words in str(each) for each in chain):
            return Trouble(what, cure)
    for kind, what, cure in _BY_KIND:
        if any(isinstance(each, kind) for each in chain):
            return Trouble(what, cure)
    return Trouble(str(exc) or type(exc).__name__, "look at its log")


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """redis-py wraps a refused password in a failed connection."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
