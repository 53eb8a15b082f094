"""The operators' console: server-rendered pages under /console, over the desk (docs/adr/0015)."""

from bridge.console.app import console_routes
from bridge.console.session import Sessions

__all__ = ["Sessions", "console_routes"]
