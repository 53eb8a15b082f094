"""The console script. A command's module is imported when the command is used: that keeps help quick."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

from bridge.cli.words import LANG
from bridge.texts import language_of

COMMANDS: Final = {
    "up": ("serving", "Web and worker on one machine; a private Valkey where no redis_url is set."),
    "web": ("serving", "The web role alone: receives webhooks, answers health."),
    "worker": ("serving", "The worker role alone: turns stored events into invoices."),
    "sandbox": ("serving", "The Facturation.pro sandbox alone. User 4242, key sandbox-key."),
    "demo": (
        "demo",
        "The whole system here, on a sandbox, with an order of each platform.",
    ),
    "check": ("upkeep", "Preflight: configuration, Redis and its durability, credentials and firm, shops."),
    "restored": ("upkeep", "Say that an old copy of Redis' data was put back."),
    "calibrate": ("upkeep", "Find out how Facturation.pro rounds totals, and keep the answer."),
    "preview": ("preview", "Dry run: the customer and the documents that a payload would become, and why."),
    "replay": ("events", "Look again at many orders. Nothing is made twice."),
    "stats": ("watch", "The system in figures."),
    "tail": ("watch", "What happens, as it happens, or what happened between two times."),
    "import": ("looking", "Bring all sales of a range of a shop's past. Nothing is made twice."),
    "orders": ("orders", "Look at orders, and decide about them."),
    "events": ("events", "Look at webhooks as they came."),
    "alerts": ("alerts", "What somebody must look at now."),
    "privacy": ("privacy", "What the law asks about people."),
}
"""Each command, in the order of help: its module in bridge/cli, and what help says of it."""


class Commands(Mapping[str, Any]):
    """`COMMANDS`, imported one by one."""

    def __getitem__(self, name: str) -> Any:
        module, _ = COMMANDS[name]
        part = import_module(f"bridge.cli.{module}").app
        part.rich_markup_mode = app.rich_markup_mode
        return get_group(part).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Bridge(TyperGroup):
    """The group of all commands, which lists them without importing any."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given | {"commands": Commands()})

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Their names and summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


app = typer.Typer(
    name="bridge",
    cls=Bridge,
    help="Signed webhooks of Shopify, WooCommerce and Stripe become invoices in Facturation.pro.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Say the version and exit.")] = False,
    lang: Annotated[
        str, typer.Option(help="fr or en, for what is said of orders; else LC_ALL or LANG.")
    ] = "",
) -> None:
    """Configuration: bridge.toml here, or the file named by BRIDGE_CONFIG, or BRIDGE_* variables."""
    wishes = (lang, *(os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")))
    LANG.set(language_of(next(filter(None, wishes), "")))
    if show_version:
        typer.echo(version("facturation-bridge"))
        raise typer.Exit


def main() -> None:
    """Entry point."""
    app()
