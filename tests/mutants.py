"""`python -m tests.mutants N SEED`: are small mistakes in the pure core noticed by the pure tests?

Each of N mutants is the core with one random change: a comparison turned, a sign, a number, a condition, a
statement left out. It is noticed when a test fails, in a copy of the project. What lives on is shown: a case
that no test knows, or a change that changes nothing.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

PROJECT = Path(__file__).parents[1]
CORE = ("orders.py", "keys.py", "reasons.py", "billing", "sources")
LONGEST_RUN = 300.0
"""Seconds; a mutant that hangs is noticed too."""

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {}
for one, other in (
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
):
    SWAPPED |= {one: other, other: one}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`source`: the whole file, changed in one place."""

    file: Path
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  →  {self.after}"


def mutant(file: Path, chance: Random) -> Mutant | None:
    """One of a file of the core; None where nothing can be changed."""
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    places = list(_places(tree))
    if not places:
        return None
    node, field, value = chance.choice(places)
    around = _statement_around(node, tree)
    shown = around if len(_head(around)) < 120 else node
    before = _head(shown)
    setattr(node, field, value)
    return Mutant(file, node.lineno, before, _head(shown), ast.unparse(tree))


def _places(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, str, Any]]:
    """Whatever can be changed in the bodies of functions: node, field and its new value."""
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    nodes = {id(node): node for each in functions for part in each.body for node in ast.walk(part)}
    for node in nodes.values():
        match node:
            case ast.Compare(ops=[operator]) if type(operator) in SWAPPED:
                yield node, "ops", [SWAPPED[type(operator)]()]
            case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in SWAPPED:
                yield node, "op", SWAPPED[type(operator)]()
            case ast.Constant(value=bool(value)):
                yield node, "value", not value
            case ast.Constant(value=int(value)):
                yield node, "value", value + 1
            case ast.If(test=test) | ast.IfExp(test=test):
                yield node, "test", ast.UnaryOp(ast.Not(), test)
            case ast.Return(value=ast.expr()) | ast.Expr(value=ast.Call()):
                yield node, "value", ast.Constant(None)


def _statement_around(node: ast.AST, tree: ast.Module) -> ast.stmt:
    """The innermost one: `walk` goes from the outside in."""
    around = [each for each in ast.walk(tree) if isinstance(each, ast.stmt) and node in ast.walk(each)]
    return around[-1]


def _head(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0]


def noticed(project: Path, file: Path) -> bool:
    """Whether the pure tests fail: first those of the part that was changed."""
    near = f"tests/{file.parts[1]}"
    return any(_run(project, tests) for tests in (near, "tests") if (project / tests).is_dir())


def _run(project: Path, tests: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "pure", "-p", "no:cacheprovider", tests]
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(command, cwd=project, env=environment, capture_output=True, timeout=LONGEST_RUN)
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def copy_into(folder: Path) -> Path:
    """The project, without what was built of it."""
    built = shutil.ignore_patterns(".git", ".venv", "var", "*cache*", ".hypothesis", "screenshots")
    return Path(shutil.copytree(PROJECT, folder / "project", ignore=built))


def drawn(n: int, chance: Random) -> list[Mutant]:
    """N mutants; large files have more of them."""
    patterns = (f"{part}/**/*.py" if "." not in part else part for part in CORE)
    files = [
        path.relative_to(PROJECT) for each in patterns for path in sorted((PROJECT / "bridge").glob(each))
    ]
    sizes = [(PROJECT / file).stat().st_size for file in files]
    mutants: list[Mutant] = []
    while len(mutants) < n:
        if found := mutant(chance.choices(files, sizes)[0], chance):
            mutants.append(found)
    return mutants


def main() -> int:
    """Prints what lives on, and how many were noticed."""
    n, seed = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()

        def lives(each: Mutant) -> bool:
            project = copies.get()
            whole = (project / each.file).read_text(encoding="utf-8")
            (project / each.file).write_text(each.source, encoding="utf-8")
            living = not noticed(project, each.file)
            (project / each.file).write_text(whole, encoding="utf-8")
            copies.put(project)
            if living:
                print(f"lives  {each}", flush=True)
            return living

        workers = os.cpu_count() or 1
        for number in range(workers):
            copies.put(copy_into(Path(folder) / str(number)))
        if _run(Path(folder) / "0" / "project", "tests"):
            print("the pure tests fail as they are: mend them first")
            return 1
        with ThreadPoolExecutor(workers) as pool:
            living = sum(pool.map(lives, drawn(n, Random(seed))))
    print(f"{n - living} of {n} mutants noticed ({(n - living) / n:.0%}), seed {seed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
