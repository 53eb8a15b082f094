"""Named places where a test lets this process die as kill -9 would have it.

Receiving and syncing pass one before and after each script of the store, around each call of Facturation.pro
(the moment of the first byte included) and around the acknowledgement. Two variables of the environment, read
once when the process starts, make something of that:

- `BRIDGE_CRASH_AT=name[:n][@order key]`: SIGKILL to itself at the n-th passage (the first by default),
  counting those of one order only where one is named;
- `BRIDGE_CRASH_LOG=file`: writes down each passage, so that a test learns which places there are.

Without them a passage is one look at a None.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import structlog

from bridge.errors import ConfigurationError

CRASH_AT, CRASH_LOG = "BRIDGE_CRASH_AT", "BRIDGE_CRASH_LOG"

Hook = Callable[[str], None]

_hook: Hook | None = None


def failpoint(*name: str) -> None:
    """This process passes the place of this name, given in parts."""
    if _hook is not None:
        _hook(".".join(name))


def armed(environ: Mapping[str, str]) -> dict[str, str]:
    """Arms what the environment asks for; returns the environment without it.

    Raises ConfigurationError when it makes no sense.
    """
    global _hook
    rest = dict(environ)
    asked, log = rest.pop(CRASH_AT, ""), rest.pop(CRASH_LOG, "")
    if asked:
        _hook = _dying_at(asked)
        structlog.get_logger("bridge.failpoints").warning("will kill itself", at=asked)
    elif log:
        _hook = _writing_to(Path(log))
    return rest


def _dying_at(asked: str) -> Hook:
    place, _, order = asked.partition("@")
    name, colon, number = place.partition(":")
    if not name or (colon and not number.isdigit()):
        raise ConfigurationError(f"{CRASH_AT}: is not written like name, name:2 or name:2@order; unset it")
    passages, last = count(1), int(number or 1)

    def die(passed: str) -> None:
        if passed == name and order in ("", _order()) and next(passages) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def _writing_to(path: Path) -> Hook:
    def note(passed: str) -> None:
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{passed}\n")

    return note


def _order() -> str:
    """The order in hand, as syncing binds it for the log."""
    return str(structlog.contextvars.get_contextvars().get("order", ""))
