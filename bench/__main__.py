"""`python -m bench [PART …] [--json]`: speed and cost as ratios against baselines of the same run.

The machine is shared and its speed moves; ratios move less. Nothing here is asserted by a test: the goals
are printed with what was reached.
"""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import time

from rich.console import Console
from rich.table import Table as Shown

from bench.ground import ground
from bench.table import Table

PARTS = ("ack", "latency", "calls", "worker", "burst", "flat", "memory")


def main() -> None:
    """Runs the parts asked for, each on an empty Valkey."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--json", action="store_true", help="for scripts")
    given = parser.parse_args()
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    tables: list[Table] = []
    out, err = Console(highlight=False), Console(stderr=True, highlight=False)
    for part in given.parts or PARTS:
        began = time.monotonic()
        with ground() as here:
            found = importlib.import_module(f"bench.{part}").run(here)
        tables += found
        err.print(f"{part}: {time.monotonic() - began:.0f} s", style="dim")
        if not given.json:
            for table in found:
                show(table, out)
    if given.json:
        print(json.dumps([table.as_json() for table in tables], indent=1))


def show(table: Table, out: Console) -> None:
    """Prints one table and its goals."""
    shown = Shown(title=table.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in table.headings:
        shown.add_column(heading, justify="right")
    for row in table.rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(shown)
    colours = {"goal": "green", "required": "yellow", "missed": "red"}
    for goal in table.goals:
        word = "≥" if goal.at_least else "≤"
        out.print(
            f"  {goal.name}: {goal.value:.2f} (required {word} {goal.required:g}, goal {word} {goal.goal:g}) "
            f"[{colours[goal.verdict]}]{goal.verdict}[/]"
        )
    out.print()


if __name__ == "__main__":
    main()
