"""What README and docs/ name is there: pages, headings, commands, options, make targets, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from bridge.alerts.runbook import runbook
from bridge.cli.main import app
from docs.generate import PAGE, RUNBOOK, VAT_TABLE, page, with_alerts
from docs.vat_table import vat_table

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
every_page = pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))


def commands_of(group: TyperGroup, above: str = "") -> Iterator[tuple[str, Any]]:
    """`orders list` → its command, for all that help shows."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield above + name, command
        if isinstance(command, TyperGroup):
            yield from commands_of(command, f"{above}{name} ")


COMMANDS = dict(commands_of(typer.main.get_group(app)))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code_in(text: str) -> Iterator[str]:
    """Every code span, and every line of a code block."""
    for block in FENCE.findall(text):
        yield from block.splitlines()[1:-1]
    yield from re.findall(r"`([^`]+)`", FENCE.sub("", text))


def headings_in(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def problem_with(words: list[str]) -> str:
    """What is wrong with `bridge <words>`, or ""."""
    name = words[0]
    if name not in COMMANDS:
        return f"no command {name}"
    if isinstance(COMMANDS[name], TyperGroup) and len(words) > 1 and re.fullmatch("[a-z-]+", words[1]):
        name = f"{name} {words[1]}"
        if name not in COMMANDS:
            return f"no command {name}"
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    unknown = given - options - {"--help"}
    return f"{name} has no {', '.join(sorted(unknown))}" if unknown else ""


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m docs.generate"


def test_the_table_of_vat_is_up_to_date() -> None:
    assert VAT_TABLE.read_text() == vat_table(), "run: python -m docs.generate"


def test_the_runbook_has_every_alert_as_the_bridge_has_it() -> None:
    written = RUNBOOK.read_text()
    assert written == with_alerts(written), "run: python -m docs.generate"
    assert runbook().keys() <= headings_in(written)


@every_page
def test_every_internal_link_leads_somewhere(file: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", file.read_text()))
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        if anchor:
            assert anchor in headings_in(target.read_text()), link


@every_page
def test_every_file_of_code_named_exists(file: Path) -> None:
    """By as much of its path as is said."""
    known = [
        str(path) for room in ("bridge", "tests", "bench", "docs") for path in (ROOT / room).rglob("*.*")
    ]
    for code in code_in(file.read_text()):
        for name in re.findall(r"(?<![\w./<>-])[\w./]+\.(?:py|lua)\b", code):
            assert any(path.endswith(f"/{name}") for path in known), name


@every_page
def test_every_command_named_exists(file: Path) -> None:
    for code in code_in(file.read_text()):
        for words in re.findall(r"(?:^\s*|/|-- |&& )bridge ([a-z][^|&;#`]*)", code):
            assert problem_with(words.split()) == "", code


@every_page
def test_every_make_target_named_exists(file: Path) -> None:
    for code in code_in(file.read_text()):
        for target in re.findall(r"(?:^|&& )make ([a-z]+)", code):
            assert target in TARGETS, code


def test_the_readme_lists_every_command() -> None:
    table = (ROOT / "README.md").read_text().partition("## Commands")[2].partition("\n## ")[0]
    listed = {words.split()[0] for words in re.findall(r"`bridge ([a-z][^`]*)`", table)}
    assert listed == {name for name in COMMANDS if " " not in name}


def test_the_readme_lists_every_make_target() -> None:
    told = set(re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text()))
    described = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert described - {"help"} <= told | {"demo"}


def test_the_checks_find_what_is_wrong() -> None:
    assert problem_with(["chek"]) == "no command chek"
    assert problem_with(["check", "--jsn"]) == "check has no --jsn"
    assert problem_with(["check", "--json"]) == ""
    assert "a-heading-with-code" in headings_in("## A heading, with `code`!\n")
