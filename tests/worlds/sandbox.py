"""The sandbox as a process of its own, with a quota that chaos does not use up."""

from __future__ import annotations

import asyncio
import sys

from bridge.sandbox import SandboxConfig, serve_sandbox

CONFIG = SandboxConfig(requests_per_5_minutes=1_000_000, requests_per_day=1_000_000)


def main(port: int) -> None:
    """Serves on `port` until it is killed."""
    asyncio.run(serve_sandbox(CONFIG, "127.0.0.1", port))


if __name__ == "__main__":
    main(int(sys.argv[1]))
