"""`python -m tests.cases [NAME…]`: each case with its kind and what differs, then how many are right."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tests.cases.folder import folder, known_wrong, number_of, read_cases
from tests.cases.running import Verdict, judge_all
from tests.cases.system import dropped_keys, private_valkey


def main(names: Sequence[str]) -> int:
    """0 when exactly the known ones are wrong."""
    out = Console()
    cases = read_cases()
    if not cases:
        out.print(f"NO CASES in {folder()}: name their folder in BRIDGE_CASES")
        return 1
    unknown = set(names) - {case.name for case in cases}
    if unknown:
        out.print(f"no such case: {', '.join(sorted(unknown))}")
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    numbers = set(map(number_of, names))
    wanted = [case for case in cases if not names or number_of(case.name) in numbers]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as data, private_valkey(Path(data)) as valkey:
        verdicts = asyncio.run(judge_all(valkey.url, wanted))
    seconds = time.perf_counter() - began
    shown = [verdict for verdict in verdicts if not names or verdict.case.name in names]
    out.print(_table(shown))
    return _summary(out, shown, seconds)


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table("case", Column("kind", ratio=1), Column("ok, or what differs", ratio=3))
    for verdict in verdicts:
        said = "\n".join(verdict.differences)
        shown = f"[red]{escape(said)}" if said else "[green]ok"
        table.add_row(verdict.case.name, escape(verdict.case.kind), shown)
    return table


def _summary(out: Console, verdicts: Sequence[Verdict], seconds: float) -> int:
    if dropped := dropped_keys():
        out.print(f"keys that the bridge does not know yet: {', '.join(sorted(dropped))}")
    wrong = {verdict.case.name for verdict in verdicts if not verdict.right}
    listed = known_wrong() & {verdict.case.name for verdict in verdicts}
    out.print(f"{len(verdicts) - len(wrong)} right, {len(wrong)} wrong; {seconds:.1f} s")
    if broken := sorted(wrong - listed):
        out.print(f"[red]wrong, and not in known_wrong.txt: {', '.join(broken)}")
    if mended := sorted(listed - wrong):
        out.print(f"[yellow]right: take them out of known_wrong.txt: {', '.join(mended)}")
    return 1 if broken or mended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
