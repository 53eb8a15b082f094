"""The demo's hint can be typed where it is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli.demo import called

HOME = Path("/home/camille/bridge")


@pytest.mark.parametrize(
    ("program", "found", "typed"),
    [
        (".venv/bin/bridge", None, ".venv/bin/bridge"),
        ("/home/camille/bridge/.venv/bin/bridge", None, ".venv/bin/bridge"),
        ("/usr/local/bin/bridge", "/usr/local/bin/bridge", "bridge"),
        ("/opt/bridge/bin/bridge", "/usr/local/bin/bridge", "/opt/bridge/bin/bridge"),
    ],
)
def test_the_hint_works_from_where_it_is_printed(program: str, found: str | None, typed: str) -> None:
    assert called(program, found, HOME) == typed
