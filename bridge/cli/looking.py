"""The commands that ask the platforms: a range of a shop's past, one sale of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from bridge.billing.rules import Rules
from bridge.cli.options import Json
from bridge.cli.tables import print_whole, table_of
from bridge.cli.terminal import command, err, open_bridge, print_json, tell
from bridge.cli.words import LANG, say
from bridge.desk.actions import Desk
from bridge.desk.preview import preview_of_event
from bridge.errors import ConfigurationError
from bridge.looking.asking import Platform
from bridge.looking.importing import Import, Survey, entries_between, known_of, survey
from bridge.orders import PARIS, Event
from bridge.runtime.wiring import Services
from bridge.sources.listing import Listed, Sale
from bridge.texts import text_of

app = typer.Typer()
ROWS: Final = 200
"""So many new sales are looked up at a time by a dry run."""

ShopName = Annotated[str, typer.Argument(metavar="SHOP", help="Its name in the configuration.")]


@command(app, "import")
async def import_(
    shop: ShopName,
    since: Annotated[str, typer.Option(help="First day that sales were placed on, in Paris: 2026-01-31.")],
    until: Annotated[str, typer.Option(help="Last such day; left out: until now.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come of each; bring none.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> int:
    """Bring all sales of a range into Facturation.pro, whatever invoice_from says. Nothing is made twice."""
    first, last = _day("--since", since), _day("--until", until)
    if last and first and last < first:
        raise ConfigurationError(f"--until: {until} is before --since {since}")
    begin = _midnight(first or date.min)
    end = _midnight(last + timedelta(days=1)) if last else None
    async with open_bridge() as services:
        platform = platform_of(services, shop)
        if dry_run:
            return await _rehearse(services, platform, begin, end or datetime.now(UTC), as_json=as_json)
        task = Import(services.store, platform, begin, end)
        upto = await task.until(datetime.now(UTC))
        with _counting("counting") as hear:
            found = await survey(services.store, platform, begin, upto, hear)
        if not yes:
            typer.confirm(_question(shop, found), abort=True, err=True)
        with _counting("importing", len(found.sales)) as hear:
            arrivals = await task.run(upto, hear)
    told = {"orders": len(found.sales), "sums": _plain(found), "recorded": arrivals.fates["accepted"]}
    if as_json:
        print_json(told | {"duplicates": arrivals.fates["duplicate"]})
    else:
        tell(say("import.done", count=len(found.sales), sum=_sums(found), recorded=told["recorded"]))
    return 0


def platform_of(services: Services, shop: str) -> Platform:
    """The API of this shop. Raises ConfigurationError where there is none, naming the key to set."""
    if shop not in services.settings.shops:
        known = ", ".join(sorted(services.settings.shops))
        raise ConfigurationError(f"--shop: {shop} is none of {known}")
    if shop not in services.platforms:
        raise ConfigurationError(f"shops.{shop}.platform_api_key: is not set; the platform is asked with it")
    return services.platforms[shop]


def _day(option: str, written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        raise ConfigurationError(f"{option}: {written!r} is no day: write 2026-01-31") from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)


def _question(shop: str, found: Survey) -> str:
    count, new = len(found.sales), len(found.sales.keys() - found.known)
    return say("import.question", shop=shop, count=count, sum=_sums(found), known=count - new, new=new)


def _sums(found: Survey) -> str:
    return ", ".join(f"{total:,.2f} {currency}" for currency, total in sorted(found.sums.items())) or "0.00"


def _plain(found: Survey) -> dict[str, Decimal]:
    return dict(sorted(found.sums.items()))


@contextmanager
def _counting(doing: str, of: int | None = None) -> Iterator[Callable[[int], None]]:
    """Shows how many sales were seen so far, to who watches."""
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed}"))
    more = (TextColumn("of {task.total}"),) if of else ()
    with Progress(*columns, *more, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(doing, total=of)
        yield lambda done: bar.update(task, completed=done)


# ------------------------------------------------------------------------------------------ dry run


async def _rehearse(
    services: Services, platform: Platform, since: datetime, until: datetime, *, as_json: bool
) -> int:
    """Each sale, and what would come of it."""
    found, rows = Survey(), []
    desk = Desk(services.store, services.settings, services.quota, services.client)
    rules = services.settings.shops[platform.shop].rules()
    async for batch in _batches(platform, since, until):
        found.known |= await known_of(services.store.redis, [sale.key for _, sale in batch])
        for entry, sale in batch:
            if sale.key not in found.sales:
                found.sales[sale.key] = sale
                rows.append(await _row(desk, rules, platform, entry, sale, known=sale.key in found.known))
    if as_json:
        print_json({"orders": rows, "sums": _plain(found), "known": len(found.known)})
        return 0
    if rows:
        table = table_of(*(say(f"head.{name}") for name in ("order", "number", "total", "becomes")))
        for row in rows:
            table.add_row(row["key"], row["number"], f"{row['total']} {row['currency']}", row["becomes"])
        print_whole(table)
    count, new = len(found.sales), len(found.sales.keys() - found.known)
    tell(say("import.dry", count=count, sum=_sums(found), known=count - new, new=new))
    return 0


async def _batches(
    platform: Platform, since: datetime, until: datetime
) -> AsyncIterator[list[tuple[Listed, Sale]]]:
    batch: list[tuple[Listed, Sale]] = []
    async for entry in entries_between(platform, since, until):
        if entry.sale:
            batch.append((entry, entry.sale))
        if len(batch) >= ROWS:
            yield batch
            batch = []
    yield batch


async def _row(
    desk: Desk, rules: Rules, platform: Platform, entry: Listed, sale: Sale, *, known: bool
) -> dict[str, str]:
    if known:
        order = next(row for row in (await desk.orders(query=sale.key)).rows if row.key == sale.key)
        becomes = say("import.known", state=say(f"state.{order.state}"), invoice=order.invoice or "–")
    else:
        event = Event(
            id=entry.identity.event_id,
            topic=entry.identity.topic,
            body=entry.body,
            received_at=datetime.now(UTC),
        )
        seen = preview_of_event(platform.source, platform.shop, rules, sale.key, event)
        becomes = text_of(seen.verdict, LANG.get())
    return {
        "key": sale.key,
        "number": sale.number,
        "placed": sale.placed_at.isoformat(),
        "total": f"{sale.total:.2f}",
        "currency": sale.currency,
        "becomes": becomes,
    }
