"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.terminal import settings_here
from bridge.errors import ConfigurationError


def _shops() -> list[str]:
    """For the shell: the configured shops, or none where the configuration cannot be read."""
    try:
        return sorted(settings_here().shops)
    except ConfigurationError:
        return []


Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Shop = Annotated[str, typer.Option(help="Of this shop only.", autocompletion=_shops)]
Since = Annotated[str, typer.Option(help="Not older than this: 90m, 2h, 3d, 03:00 or 2026-11-22T03:00.")]
Until = Annotated[str, typer.Option(help="Not newer than this, written likewise.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="So many at the most.")]
Cursor = Annotated[str, typer.Option(help="Go on where the last page ended.")]
Who = Annotated[str, typer.Option(help="Who decides; written down with the order.")]
