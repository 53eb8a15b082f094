"""Ports to listen on."""

from __future__ import annotations

import contextlib
import random
import socket

_given: set[int] = set()


def free_port() -> int:
    """A port nobody listens on or was given before, below those that outgoing connections take."""
    while True:
        port = random.SystemRandom().randint(15_000, 32_000)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
