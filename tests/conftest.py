"""What tests share: a real Valkey, as durable as in production."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from redis.asyncio import BlockingConnectionPool, Redis

from bridge.valkey.embedded import EmbeddedValkey

TESTS: Final = Path(__file__).parent
PURE: Final = (
    *("billing", "sources", "test_any_order.py", "test_imports.py", "test_preview.py", "test_reasons.py"),
    *("test_settings.py", "test_texts.py"),
)
"""What needs no server, no process and no clock: `make quick`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the pure tests by where they lie; what asks for a Valkey is none."""
    for item in items:
        served = "redis_url" in getattr(item, "fixturenames", ())
        if item.path.relative_to(TESTS).parts[0] in PURE and not served:
            item.add_marker(pytest.mark.pure)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey of this test run's own."""
    with EmbeddedValkey(tmp_path_factory.mktemp("data")) as server:
        yield server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty Valkey."""
    pool = BlockingConnectionPool.from_url(redis_url, max_connections=50, timeout=5, socket_timeout=5)
    client = Redis(connection_pool=pool)
    await client.flushall()
    yield client
    await client.aclose()
    await pool.disconnect()
