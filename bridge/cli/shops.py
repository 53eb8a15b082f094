"""The commands about shops as such: how each is doing, and whether its platform sends its webhooks here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bridge.cli.looking import ShopName, platform_of
from bridge.cli.options import Json
from bridge.cli.tables import ago, print_whole, table_of
from bridge.cli.terminal import FAILED, command, open_bridge, print_json, tell
from bridge.cli.words import say, why
from bridge.desk.shops import signs_of
from bridge.errors import ConfigurationError, NeedsPerson, RetryLater
from bridge.looking.connecting import Link, Wire, look_at
from bridge.looking.connecting import connect as mend
from bridge.looking.polls import Polls
from bridge.receive import PATH
from bridge.runtime.wiring import Services, SystemClock
from bridge.settings.loading import Settings

app = typer.Typer()


@command(app, "shops")
async def shops(as_json: Json = False) -> int:
    """Each shop: its firm, its last event and poll, whether its webhooks come here."""
    async with open_bridge() as services:
        rows = [await _row(services, name) for name in sorted(services.settings.shops)]
    if as_json:
        print_json({"shops": rows})
        return 0
    names = ("shop", "platform", "firm", "last_event", "last_poll", "subscriptions", "verdict")
    table, now = table_of(*(say(f"head.{name}") for name in names)), SystemClock().now()
    for row in rows:
        shown = row | {name: ago(row[name], now) for name in ("last_event", "last_poll")}
        table.add_row(*(str(shown[name] or "-") for name in names))
    print_whole(table)
    for row in rows:
        if row["problem"]:
            tell(f"{row['shop']}: {row['problem']}")
    return 0


async def _row(services: Services, name: str) -> dict[str, Any]:
    """As `--json` shows it. `subscriptions`: "23 of 25" topics come here, "" where nobody can tell."""
    shop, redis = services.settings.shops[name], services.store.redis
    signs, poll = await signs_of(redis, name, shop.platform), await Polls(redis).state(name)
    subscriptions, problem = "", why(poll.problem) if poll.problem else ""
    if name in services.platforms and services.settings.public_url:
        try:
            wires = await look_at(services.platforms[name], address_of(services.settings, name))
            good = sum(wire.link is Link.OK for wire in wires)
            subscriptions = say("shops.topics", good=good, all=len(wires))
        except (RetryLater, NeedsPerson) as exc:
            problem = problem or why(exc.reason)
    return {
        "shop": name,
        "platform": shop.platform,
        "firm": services.settings.facturation.firm_id,
        "last_event": signs.last_event,
        "last_poll": poll.polled,
        "subscriptions": subscriptions,
        "verdict": "",
        "problem": problem,
    }


@command(app, "connect")
async def connect(
    shop: ShopName,
    check: Annotated[bool, typer.Option("--check", help="Say how it is; change nothing.")] = False,
    as_json: Json = False,
) -> int:
    """See to it that the platform sends a shop's webhooks here. Ends with 1 where some do not come."""
    async with open_bridge() as services:
        platform, address = platform_of(services, shop), address_of(services.settings, shop)
        secret = services.settings.shops[shop].secrets[0].get_secret_value()
        wires = await (look_at(platform, address) if check else mend(platform, address, secret))
    good = all(wire.link is Link.OK or wire.mended for wire in wires)
    if as_json:
        print_json({"shop": shop, "address": address, "topics": [_plain(wire) for wire in wires]})
        return 0 if good else FAILED
    table = table_of(say("head.topic"), say("head.link"))
    for wire in wires:
        table.add_row(wire.topic, _said(wire))
    print_whole(table)
    tell(say("connect.unseen", address=address))
    return 0 if good else FAILED


def address_of(settings: Settings, shop: str) -> str:
    """Where the shop's webhooks come to. Raises ConfigurationError."""
    if settings.public_url is None:
        raise ConfigurationError("public_url: is not set; write where the shops reach the bridge, https://…")
    return f"{settings.public_url}{PATH}{shop}"


def _plain(wire: Wire) -> dict[str, Any]:
    problem = why(wire.problem) if wire.problem else ""
    return {"topic": wire.topic, "state": wire.link.value, "mended": wire.mended, "problem": problem}


def _said(wire: Wire) -> str:
    was = say(f"link.{wire.link}")
    if wire.mended:
        return say("connect.mended", was=was)
    return f"{was}: {why(wire.problem)}" if wire.problem else was
