"""What the parts of the bench stand on: a private Valkey as in production, and the configuration."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, cast

from redis import Redis

from bench.child import pin
from bench.orders import SECRET, SHOP
from bridge.valkey.embedded import EmbeddedValkey

SERVER_CORE, OTHER_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Ground:
    """`url` of the Valkey, and a client of it."""

    url: str
    redis: Redis
    folder: Path

    def clear(self) -> None:
        """Forgets everything but the scripts."""
        self.redis.flushall()

    def info(self, section: str) -> dict[str, Any]:
        """What Valkey says of itself."""
        return cast("dict[str, Any]", self.redis.info(section))

    def environ(
        self, *, port: int = 0, api: str = "http://127.0.0.1:9", per_5_minutes: int = 10**6
    ) -> dict[str, str]:
        """The variables of a bridge with one Shopify shop. `api`: where Facturation.pro's sandbox is."""
        return {
            "BRIDGE_CONFIG": str(self.folder / "empty.toml"),
            "BRIDGE_REDIS_URL": self.url,
            "BRIDGE_PORT": str(port),
            "BRIDGE_SHOPS": json.dumps({SHOP: {"platform": "shopify", "secrets": [SECRET]}}),
            "BRIDGE_FACTURATION": json.dumps(
                {
                    "firm_id": 1,
                    "api_id": "4242",
                    "api_key": "sandbox-key",
                    "contact": "bench@example.com",
                    "base_url": api,
                    "requests_per_5_minutes": per_5_minutes,
                    "requests_per_day": 10**7,
                }
            ),
        }


@contextmanager
def ground() -> Iterator[Ground]:
    """Until the end of the block. Its files lie in /var/tmp: /tmp may be memory, where fsync is free."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "empty.toml").touch()
        with EmbeddedValkey(folder) as valkey:
            assert valkey.pid is not None
            pin(valkey.pid, OTHER_CORE)
            with Redis.from_url(valkey.url) as client:
                client.config_set("auto-aof-rewrite-percentage", 0)  # it would fall into one round by chance
                yield Ground(valkey.url, client, folder)


def wait_for_web(port: int, patience: float = 20.0) -> None:
    """Returns when something answers HTTP there."""
    until = time.monotonic() + patience
    while True:
        try:
            answering = HTTPConnection("127.0.0.1", port, timeout=1)
            answering.request("GET", "/livez")
            answering.getresponse().read()
            answering.close()
        except (OSError, HTTPException):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
