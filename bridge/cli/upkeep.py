"""The commands of who keeps an installation: would it work, what was restored, how totals are rounded."""

from __future__ import annotations

from datetime import UTC, datetime

import typer
from rich.markup import escape

from bridge.cli.options import Json
from bridge.cli.terminal import FAILED, command, err, open_bridge, out, print_json
from bridge.orders import legal_date
from bridge.runtime.check import Finding, findings
from bridge.sync.calibration import calibrate as find_rule

app = typer.Typer()

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@command(app, "check")
async def check(as_json: Json = False) -> int:
    """Preflight: configuration, Redis and its durability, credentials and firm, each shop's secrets."""
    found = []
    async with open_bridge() as services:
        async for finding in findings(services.settings, services):
            found.append(finding)
            if not as_json:
                mark = f"[{COLOURS[finding.state]}]{finding.state:<4}[/]"
                out.print(f"{mark} {finding.name:<14} {escape(finding.text)}", soft_wrap=True)
    if as_json:
        print_json(found, list[Finding])
    return FAILED if any(finding.state == "fail" for finding in found) else 0


@command(app, "restored")
async def restored() -> int:
    """Say that an old copy of Redis' data was put back: older orders are looked up before creation."""
    async with open_bridge() as services:
        workers = (await services.store.vitals()).workers
        before, now = await services.store.mark_restored()
    out.print(f"What was begun before {now:%Y-%m-%d %H:%M:%S} UTC may have been forgotten: from now on it")
    out.print("is looked up in Facturation.pro before anything is created.")
    out.print(f"So far that went for what was begun before {before:%Y-%m-%d %H:%M:%S} UTC.")
    if workers:
        err.print(f"Workers heard of in the last 15 s: {workers}. Look for documents that they made twice.")
    return 0


@command(app, "calibrate")
async def calibrate(as_json: Json = False) -> int:
    """Find out how Facturation.pro rounds totals, with one draft that is deleted again; keep the answer."""
    async with open_bridge() as services:
        found = await find_rule(services.client, services.store, legal_date(datetime.now(UTC)))
    if as_json:
        print_json({"rule": found.rule, "seen": found.seen})
    elif found.rule:
        out.print(f"Facturation.pro rounds by {found.rule} (its draft came to {found.seen}); kept.")
    else:
        out.print(f"No single rule explains the draft's total of {found.seen}:")
        for rule, total in found.expected:
            out.print(f"  {rule:<16} {total}")
        out.print("Orders go on as drafts that are read back; please report these figures.")
    return 0 if found.rule else FAILED
