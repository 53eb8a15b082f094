"""Options that several commands take, each checked as it is read."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli.terminal import settings_here
from bridge.desk.values import State
from bridge.errors import ConfigurationError


def _shops() -> list[str]:
    """The configured shops, or none where the configuration cannot be read, which the command then says."""
    try:
        return sorted(settings_here().shops)
    except ConfigurationError:
        return []


def _states() -> list[str]:
    return list(State)


def _known_shop(given: str) -> str:
    shops = _shops()
    if given and shops and given not in shops:
        raise typer.BadParameter(f"{given} is none of {', '.join(shops)}")
    return given


Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Shop = Annotated[str, typer.Option(help="Of this shop only.", autocompletion=_shops, callback=_known_shop)]
EarlierOf = Annotated[
    str,
    typer.Option(
        help="All of this shop that were placed before its invoice_from and paid since.",
        autocompletion=_shops,
        callback=_known_shop,
    ),
]
Since = Annotated[str, typer.Option(help="Not older than this: 90m, 2h, 3d, 03:00 or 2026-11-22T03:00.")]
Until = Annotated[str, typer.Option(help="Not newer than this, written likewise.")]
Who = Annotated[str, typer.Option(help="Who decides; written down with the order.")]
OrderName = Annotated[str, typer.Argument(metavar="ORDER", help="Its key, or its number if that is unique.")]
OrderNames = Annotated[
    list[str], typer.Argument(metavar="ORDER", help="Keys, or numbers if they are unique.")
]
EventName = Annotated[str, typer.Argument(metavar="EVENT", help="Its id, as events list says.")]

ASKED = {
    "state": Annotated[
        str,
        typer.Option(
            help="in_hand, waiting, attention, open, ignored or done.",
            autocompletion=_states,
        ),
    ],
    "shop": Shop,
    "query": Annotated[
        str,
        typer.Option("--find", help="An order's or invoice's number, or an e-mail address or its SHA-256."),
    ],
    "topic": Annotated[str, typer.Option(help="Of this topic only.")],
    "since": Since,
    "until": Until,
    "limit": Annotated[int, typer.Option(min=1, max=1000, help="So many at the most.")],
    "cursor": Annotated[str, typer.Option(help="Go on where the last page ended.")],
    "who": Who,
    "reason": Annotated[str, typer.Option(help="Why; written down with the order.")],
    "refund": Annotated[str, typer.Argument(metavar="REFUND", help="The refund's id, as orders show says.")],
}
"""What operations are asked → how it is said in a terminal."""
DEFAULTS = {"limit": 20}
