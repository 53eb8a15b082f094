"""What import-linter's contracts (.importlinter) cannot say of the core: which calls it makes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parents[1] / "bridge"
PURE = ("movements.py", "orders.py", "errors.py", "sources", "billing")


@pytest.mark.parametrize("part", PURE)
def test_the_core_reads_no_clock_and_no_file(part: str) -> None:
    place = BRIDGE / part
    for path in [place] if place.suffix else sorted(place.rglob("*.py")):
        calls = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        }
        bad = {
            call for call in calls if call in ("open", "print", "input") or call.endswith((".now", ".today"))
        }
        assert not bad, f"{path.relative_to(BRIDGE)} calls {bad}"


def test_there_is_no_junk_drawer() -> None:
    names = {path.stem for path in BRIDGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "common", "misc", "manager", "managers"}
