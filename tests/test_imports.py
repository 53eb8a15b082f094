"""Dependency runs one way, and the pure core stays pure: architecture.md, held by the import graph."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parents[1] / "bridge"
PURE = ("orders", "errors", "sources", "billing")
IMPURE = {
    *("time", "os", "socket", "random", "secrets", "uuid", "asyncio", "threading", "subprocess", "logging"),
    *("structlog", "httpx", "redis", "arq", "starlette", "uvicorn", "sentry_sdk", "prometheus_client"),
    *("pathlib", "tempfile", "urllib.request", "importlib.resources", "pydantic_settings"),
}
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"orders", "errors"}),
    frozenset({"sources", "billing"}),
    frozenset({"store", "queue", "facturation", "settings", "telemetry", "durability", "embedded"}),
    frozenset({"act", "sync"}),
    frozenset({"wiring"}),
    frozenset({"web", "worker", "console", "cli", "health", "roles", "server", "check", "demo", "preview"}),
)
"""From the ground up: a layer may use itself and those below."""
BUILT_BY_WIRING = {"web", "health"}
"""Modules of the top layer whose classes wiring puts together."""


@functools.cache
def parts() -> dict[str, list[Path]]:
    """The parts of the bridge, a module or a package each, with their files."""
    files: dict[str, list[Path]] = {}
    for path in sorted(BRIDGE.rglob("*.py")):
        files.setdefault(path.relative_to(BRIDGE).parts[0].removesuffix(".py"), []).append(path)
    return files


@functools.cache
def imports_of(path: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, and whether at the top of the file."""
    tree = ast.parse(path.read_text())
    top = set(ast.walk(ast.Module(body=[n for n in tree.body if not _defines(n)], type_ignores=[])))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", node in top))
            found += [(f"{node.module}.{alias.name}", node in top) for alias in node.names]
    return found


def _defines(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def ours(path: Path) -> set[str]:
    """The parts of the bridge that a file uses."""
    return {name.split(".")[1] for name, _ in imports_of(path) if name.startswith("bridge.")} & parts().keys()


def layer_of(part: str) -> int | None:
    return next((n for n, layer in enumerate(LAYERS) if part.split("_")[0] in layer or part in layer), None)


@pytest.mark.parametrize("part", PURE)
def test_the_core_does_no_input_or_output_and_reads_no_clock(part: str) -> None:
    for path in parts()[part]:
        used = {name for name, _ in imports_of(path)}
        bad = {name for name in used if name in IMPURE or name.split(".")[0] in IMPURE}
        assert not bad, f"{path.relative_to(BRIDGE)} imports {bad}"
        calls = {
            ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)
        }
        bad = {
            call for call in calls if call in ("open", "print", "input") or call.endswith((".now", ".today"))
        }
        assert not bad, f"{path.relative_to(BRIDGE)} calls {bad}"


@pytest.mark.parametrize("part", sorted(parts()))
def test_dependency_runs_one_way(part: str) -> None:
    mine = layer_of(part)
    if mine is None:
        return
    for path in parts()[part]:
        for other in ours(path) - {part}:
            theirs = layer_of(other)
            allowed = theirs is None or theirs <= mine or (part == "wiring" and other in BUILT_BY_WIRING)
            assert allowed, f"{path.relative_to(BRIDGE)} uses {other}, which stands above it"


def test_sources_and_billing_do_not_know_each_other() -> None:
    for part, other in (("sources", "billing"), ("billing", "sources")):
        for path in parts()[part]:
            assert other not in ours(path), path


def test_platforms_do_not_know_each_other() -> None:
    platforms = {path.parent.name for path in (BRIDGE / "sources").glob("*/__init__.py")}
    for platform in platforms:
        for path in (BRIDGE / "sources" / platform).glob("*.py"):
            used = {name.split(".")[2] for name, _ in imports_of(path) if name.startswith("bridge.sources.")}
            assert not used & (platforms - {platform}), path


def test_arq_stays_behind_queue_and_worker() -> None:
    allowed = {"queue", "worker", "wiring"}
    for part, files in parts().items():
        for path in files:
            uses = any(name.split(".")[0] == "arq" for name, _ in imports_of(path))
            assert not uses or part in allowed, path


def test_nothing_below_the_top_imports_the_sandbox() -> None:
    for part, files in parts().items():
        for path in files:
            if part in ("facturation", "demo", "cli"):
                continue
            assert not any("facturation.sandbox" in name for name, _ in imports_of(path)), path


def test_there_are_no_cycles_between_parts() -> None:
    graph = {
        part: {
            name.split(".")[1]
            for path in files
            for name, at_top in imports_of(path)
            if at_top and name.startswith("bridge.") and name.split(".")[1] in parts()
        }
        - {part}
        for part, files in parts().items()
    }
    while graph:
        leaves = {part for part, uses in graph.items() if not uses & graph.keys()}
        assert leaves, f"a cycle among {sorted(graph)}"
        graph = {part: uses for part, uses in graph.items() if part not in leaves}


def test_there_is_no_junk_drawer() -> None:
    names = {path.stem for path in BRIDGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "common", "misc", "manager", "managers"}
