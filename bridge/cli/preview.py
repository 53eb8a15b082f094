"""`bridge preview`: what a payload would become."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bridge.cli.options import Json
from bridge.cli.terminal import FAILED, command, err, out, print_json, settings_here, tell
from bridge.cli.words import LANG
from bridge.desk.preview import as_json as rendered
from bridge.desk.preview import preview as look
from bridge.errors import ConfigurationError
from bridge.sources.registry import REGISTRY

app = typer.Typer()


@command(app, "preview")
async def preview(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A payload as the platform sends it.", exists=True, dir_okay=False
        ),
    ],
    shop: Annotated[str, typer.Option(help="Whose rules apply: its name in the configuration.")],
    topic: Annotated[
        str,
        typer.Option(
            help="The event's topic (orders/paid, refunds/create), which is in a header and not in the file."
        ),
    ] = "",
    as_json: Json = False,
) -> int:
    """Dry run: the customer and the documents that this payload would become, and why. Writes nothing."""
    shops = settings_here().shops
    if shop not in shops:
        raise ConfigurationError(f"--shop: {shop} is none of {', '.join(sorted(shops))}")
    chosen = shops[shop]
    result = look(
        REGISTRY[chosen.platform], shop, chosen.rules(), file.read_bytes(), datetime.now(UTC), topic
    )
    if as_json:
        print_json(rendered(result, LANG.get()))
    else:
        _show_preview(rendered(result, LANG.get()))
        if result.guessed:
            told = f"taken for {result.topic}: a payload does not say its topic; --topic gives another one"
            tell(told, err)
    return 0 if result.usable else FAILED


def _show_preview(shown: dict[str, Any]) -> None:
    tell(shown["verdict"], style="bold")
    customer = shown.get("customer")
    if customer:
        out.print("\ncustomer", style="bold")
        for name, value in customer.items():
            if value not in ("", []) and name != "why":
                said = ("yes" if value else "no") if isinstance(value, bool) else value
                tell(f"  {name:<11} {said}")
        _show_why(customer["why"])
    for document in [shown["invoice"]] if "invoice" in shown else []:
        _show_document("invoice", document)
    for document in shown.get("credit_notes", []):
        _show_document("credit note", document)


def _show_document(kind: str, document: dict[str, Any]) -> None:
    tell(f"\n{kind}  {document['key']}", style="bold")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("line")
    for heading in ("quantity", "unit price excl. VAT", "VAT"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in document["lines"]:
        rate = f"{(Decimal(line['vat']) * 100).normalize():f} %"
        table.add_row(escape(line["title"]), line["quantity"], line["unit_price"], rate)
    if document["lines"]:
        out.print(table)
    tell(f"total including VAT: {document['total']} {document['currency']}")
    if document["vat_exemption"]:
        tell(document["vat_exemption"])
    _show_why(document["why"])


def _show_why(why: list[str]) -> None:
    for reason in why:
        tell(f"  · {reason}", style="dim")
