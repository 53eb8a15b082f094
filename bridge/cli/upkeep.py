"""The commands of who keeps an installation: would it work, what was restored, how totals are rounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape

from bridge.cli.options import Json
from bridge.cli.terminal import FAILED, command, err, has_data, open_bridge, out, print_json
from bridge.runtime.check import Finding, findings

app = typer.Typer()

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


NO_DATA = (
    "no data under {folder} yet: `bridge up` makes them at its first start. "
    "If it runs already, data_dir is another folder"
)


@command(app, "check")
async def check(as_json: Json = False) -> int:
    """Preflight: configuration, Redis and its durability, credentials and firm, each shop's secrets."""
    found = []
    async with open_bridge(beforehand=True) as services:
        async for finding in findings(services.settings, services):
            if finding.name == "redis" and not has_data(services.settings):
                said = NO_DATA.format(folder=services.settings.data_dir)
                finding = replace(finding, state="warn", text=said)
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
async def calibrate(
    seed: Annotated[int | None, typer.Option(help="Take the drafts that this number gives again.")] = None,
    as_json: Json = False,
) -> int:
    """Find out how Facturation.pro rounds totals, with drafts that are deleted again; keep the answer."""
    async with open_bridge() as services:
        calibrator = services.calibrator if seed is None else services.calibrator.with_seed(seed)
        found = await calibrator.ask()
    rule = found.rule.name if found.rule else ""
    if as_json:
        drafts = [{"total": str(seen.net or ""), "total_with_vat": str(seen.with_vat)} for seen in found.seen]
        print_json({"rule": rule or None, "left": sorted(each.name for each in found.left), "drafts": drafts})
    elif rule:
        out.print(f"Facturation.pro rounds by {rule}: {len(found.seen)} drafts came to what it gives; kept.")
    else:
        out.print("No rule that the bridge can follow explains the totals of its drafts:")
        for seen in found.seen:
            out.print(f"  {seen.with_vat} with VAT, {seen.net} without, of {len(seen.lines)} lines")
            for line in seen.lines:
                out.print(f"    {line.quantity} x {line.unit_price}, VAT {line.vat}")
        out.print("Nothing was kept. Orders go on as drafts that are read back; please report these figures.")
    return 0 if rule else FAILED
