"""The code and the catalogue know the same reasons, with the same facts: what is read here is the source."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

import bridge
from bridge.reasons import because, reason_from, together
from bridge.texts import catalogue

PERSONAL = {
    *("title", "email", "phone", "company", "first_name", "last_name", "recipient"),
    *("street", "city", "postcode", "region", "vat_number", "siret"),
}
"""What is read from one of these of an order names a buyer, or what was bought."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Use:
    """One call of `because`. `facts`: the names given; `personal`: those read from something personal."""

    where: str
    code: str
    facts: frozenset[str]
    personal: frozenset[str]


class Module:
    """One source file. A code may come through a local name, a table of the module, or the first argument of
    a function that passes it on; facts may come through a dictionary of such a name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tree = ast.parse(path.read_text(encoding="utf-8"))
        self._inside: dict[ast.AST, Function] = {}
        for function in self._functions():
            for node in ast.walk(function):
                self._inside[node] = function  # the innermost is walked last

    def uses(self) -> Iterator[Use]:
        """Every call of `because`, once for each code that it may be called with."""
        for call in self._calls("because"):
            function = self._inside.get(call)
            passed = function.args.args[0].arg if function and function.args.args else ""
            # What a function says of its first argument, it says of every code that it is called with.
            if function and any(isinstance(n, ast.Name) and n.id == passed for n in ast.walk(call.args[0])):
                for caller in self._calls(function.name):
                    own = caller if function.args.kwarg else None
                    for code in self._codes(caller.args[0], caller):
                        suffix = "_one" if isinstance(call.args[0], ast.JoinedStr) else ""
                        yield self._use(code + suffix, call, own)
            else:
                for code in self._codes(call.args[0], call):
                    yield self._use(code, call, None)

    def _use(self, code: str, call: ast.Call, caller: ast.Call | None) -> Use:
        given = [*call.keywords, *(caller.keywords if caller else ())]
        names = [name for keyword in given for name in self._names(keyword, call)]
        personal = [
            keyword.arg
            for keyword in given
            if keyword.arg
            and any(isinstance(n, ast.Attribute) and n.attr in PERSONAL for n in ast.walk(keyword.value))
        ]
        return Use(f"{self._path}:{call.lineno}", code, frozenset(names), frozenset(personal))

    def _names(self, keyword: ast.keyword, call: ast.Call) -> Iterator[str]:
        if keyword.arg:
            yield keyword.arg
            return
        for value in self._values(keyword.value, call):
            if isinstance(value, ast.Dict):
                yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))

    def _codes(self, said: ast.expr, call: ast.Call) -> list[str]:
        """A code that stands in the call must be in the catalogue; of tables, what is in it is one."""
        if isinstance(said, ast.Constant):
            return [str(said.value)]
        found = {
            n.value for v in self._values(said, call) for n in ast.walk(v) if isinstance(n, ast.Constant)
        }
        known = {str(each) for each in found if each in catalogue()}
        return sorted(known) or [ast.unparse(said)]

    def _values(
        self, said: ast.expr, call: ast.AST, known: frozenset[str] = frozenset()
    ) -> Iterator[ast.expr]:
        """What it may be: itself, and all that was assigned to the names in it, or is returned by them."""
        yield said
        names = {node.id for node in ast.walk(said) if isinstance(node, ast.Name)} - known
        function = self._inside.get(call)
        for node in (*(ast.walk(function) if function else ()), *self._tree.body):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
                    yield from self._values(value, call, known | names)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in names:
                    yield from self._values(value, call, known | names)
                case ast.For(target=target, iter=value) if names & {
                    n.id for n in ast.walk(target) if isinstance(n, ast.Name)
                }:
                    yield from self._values(value, call, known | names)
                case ast.FunctionDef(name=name) if name in names:
                    yield from (n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value)

    def _functions(self) -> Iterator[Function]:
        yield from (node for node in ast.walk(self._tree) if isinstance(node, Function))

    def _calls(self, name: str) -> Iterator[ast.Call]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


@cache
def uses() -> tuple[Use, ...]:
    root = Path(bridge.__file__).parent
    found = [use for path in sorted(root.rglob("*.py")) for use in Module(path).uses()]
    for reason in (together([because("a"), because("b")]), reason_from("a sentence")):
        found.append(Use("bridge/reasons.py", reason.code, frozenset(dict(reason.facts)), frozenset()))
    return tuple(found)


def facts_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("use", uses(), ids=lambda use: f"{use.code}:{use.where.rpartition('/')[2]}")
def test_what_is_said_of_a_reason_is_among_its_facts(use: Use) -> None:
    assert use.code in catalogue(), f"{use.where}: no entry [{use.code}]"
    entry = catalogue()[use.code]
    for text in entry.text.values():
        assert facts_of(text) <= use.facts, f"{use.where}: {use.code} lacks {facts_of(text) - use.facts}"
    assert use.personal <= entry.personal, f"{use.where}: {use.code} shows {use.personal - entry.personal}"


def test_no_reason_of_the_catalogue_is_out_of_use() -> None:
    assert catalogue().keys() == {use.code for use in uses()}


def test_no_cure_is_out_of_use() -> None:
    rows = tomllib.loads((files("bridge.texts") / "reasons.toml").read_text(encoding="utf-8"))
    cures = rows.pop("cures")
    assert cures.keys() == {row["cure"] for row in rows.values() if "cure" in row}
