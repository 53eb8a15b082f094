"""How the desk's values look in a terminal: 80 columns where it can be, and no key ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bridge.alerts.rules import Alert
from bridge.cli.terminal import FAILED, failed, out, print_json, tell
from bridge.cli.words import LANG, say, why
from bridge.desk.figures import Stats
from bridge.desk.offers import offers
from bridge.desk.shops import ShopSigns
from bridge.desk.values import (
    ActionRow,
    Balance,
    CallRow,
    DocumentRow,
    Entry,
    EventRow,
    Happening,
    Kept,
    OrderRow,
    Page,
    Replayed,
    RunRow,
    State,
    Story,
)
from bridge.texts import cure_of, phrases

COLOURS = {
    "done": "green",
    "attention": "red",
    "waiting": "yellow",
    "in_hand": "cyan",
    "open": "blue",
    "ignored": "dim",
    "event": "cyan",
    "alert": "red",
    "alert_over": "green",
}

OFFERED = {
    "accept": "accept {name}",
    "credit-note": "credit {name} {refund}",
    "take-in": "accept {name}",
    "retry": "retry {name}",
    "ignore": "ignore {name} --reason TEXT",
}
"""What the console offers too → the command."""
RESTING = (State.ATTENTION, State.WAITING)


def table_of(*headings: str, right: Sequence[str] = ()) -> Table:
    """A table without lines; the columns of these headings are flush right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
    return table


def print_whole(table: Table) -> None:
    """However narrow the terminal: what is piped on must not be cut."""
    unbounded = out.options.update(max_width=10_000)
    wide = Console(highlight=False, width=Measurement.get(out, unbounded, table).maximum)
    wide.print(table, soft_wrap=True)


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = int((now - moment).total_seconds())
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m")) if abs(seconds) >= size),
        (1, "s"),
    )
    span = f"{abs(seconds) // size}{say(f'unit.{unit}')}"
    return say("ago" if seconds >= 0 else "in", span=span)


def _time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def _state(row: OrderRow) -> str:
    aside = say("set_aside") if row.set_aside else ""
    return f"[{COLOURS[row.state]}]{say(f'state.{row.state}')}[/]{aside}"


def _total(row: OrderRow) -> str:
    return f"{row.total} {row.currency}" if row.total is not None else "-"


def show_orders(page: Page[OrderRow]) -> None:
    """A list of orders; what waits for somebody says why on a line of its own."""
    if not page.rows:
        out.print(say("orders.none"))
        return
    now = datetime.now(UTC)
    headings = [say(f"head.{name}") for name in ("order", "number", "state", "total", "invoice", "active")]
    table = table_of(*headings, right=(say("head.total"),))
    for row in page.rows:
        draft = say("draft", id=row.invoice_id) if row.invoice_id else "-"
        cells = (_state(row), _total(row), escape(row.invoice or draft), _ago(row.active_at, now))
        table.add_row(escape(row.key), escape(row.number or "-"), *cells)
    print_whole(table)
    for row in page.rows:
        if row.state in RESTING:
            again = f" ({say('next_try', at=_ago(row.next_at, now))})" if row.next_at else ""
            tell(f"\n{row.key}{again}\n  {why(row.reason)}")


def show_story(story: Story) -> None:
    """One order, whole."""
    order, now = story.order, datetime.now(UTC)
    out.print(f"[bold]{escape(order.key)}[/]  {escape(order.number)}", soft_wrap=True)
    working = say("working") if story.working else ""
    out.print(f"{_state(order)}  {escape(why(order.reason))}{working}", soft_wrap=True)
    cure = cure_of(order.reason, LANG.get()) if order.state in RESTING else ""
    if cure:
        tell(say("cure", cure=cure))
    out.print(say("facts", total=_total(order), placed=_time(order.placed_at), since=_time(order.since)))
    if order.next_at:
        when = say("next_try", at=f"{_time(order.next_at)} ({_ago(order.next_at, now)})")
        out.print(f"{when}, {say('attempts', count=order.attempts)}")
    if story.documents:
        out.print(f"\n{say('documents')}", style="bold")
    for document in story.documents:
        _show_document(document, order.currency)
    if story.timeline:
        out.print(f"\n{say('happened', zone=f'{datetime.now().astimezone():%Z}')}", style="bold")
    for entry in story.timeline:
        out.print(_told_of(entry), soft_wrap=True)
    if order.state in RESTING:
        _show_offers(story)


def show_balance(found: Balance) -> None:
    """What the books of an order come to, and whether they do so now."""
    amounts = {name: str(getattr(found, name)) for name in ("sale", "documents", "left", "currency")}
    tell(
        say(
            "balance" if found.done else "balance.would",
            order=found.order,
            document=found.document,
            **amounts,
        )
    )


def show_replayed(result: Replayed, *, as_json: bool) -> int:
    """What a replay did, or the like; the exit status."""
    if as_json:
        print_json(result, Replayed)
    else:
        more = f", {len(result.already)} were in hand already" if result.already else ""
        out.print(f"{many(len(result.resumed), 'order')} will be looked at again{more}")
        for reason in result.refused.values():
            failed(why(reason))
    return FAILED if result.refused else 0


def _told_of(entry: Entry) -> Text:
    """One line of a story."""
    match entry:
        case EventRow():
            gone = "" if entry.kept is Kept.KEPT else f", {say(f'kept.{entry.kept}')}"
            at, style = entry.received_at, "cyan"
            said = say("entry.event", topic=entry.topic, id=entry.id, gone=gone)
        case CallRow():
            style = "red" if entry.failed else "green"
            at, said = entry.at, f"{entry.call}: {entry.outcome} ({entry.milliseconds} ms)"
        case RunRow():
            at, style = entry.at, COLOURS[entry.outcome]
            said = say(f"entry.{entry.outcome}", why=why(entry.reason))
        case ActionRow():
            at, style, did = entry.at, "magenta", f"did.{entry.what}"
            said = f"{entry.who}: {say(did) if did in phrases('terminal') else entry.what}"
            said += f": {why(entry.reason)}" if entry.reason else ""
    return Text.assemble((f"{_time(at)}  ", "dim"), (said, style))


def _show_offers(story: Story) -> None:
    """The commands for what may be done about an order that waits for somebody."""
    name = f"'{story.order.number}'" if story.order.number else story.order.key
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for offer in offers(story):
        if offer.action in OFFERED:
            words = OFFERED[offer.action].format(name=name, refund=offer.refund)
            table.add_row(escape(f"bridge orders {words}"), say(f"offer.{offer.action}"))
    out.print(f"\n{say('can_do')}", style="bold")
    print_whole(table)


def _show_document(document: DocumentRow, currency: str) -> None:
    name = document.number or str(document.id)
    if not document.id:
        name = say("missing")
    elif document.draft and not document.number:
        name = say("draft", id=document.id)
    refund = say("for_refund", refund=document.refund_id) if document.refund_id else ""
    amounts = f"  {document.total} {currency}" if document.total is not None else ""
    amounts += say("should_be", wanted=document.wanted) if document.differs else ""
    amounts += say("accepted", wanted=document.wanted) if document.accepted is not None else ""
    tell(f"{say(f'kind.{document.kind}')} {name}{refund}{amounts}  {document.url}")
    for line in document.why:
        tell(f"  · {line}", style="dim")


def show_events(page: Page[EventRow]) -> None:
    """A list of events."""
    if not page.rows:
        out.print(say("events.none"))
        return
    headings = [say(f"head.{name}") for name in ("event", "received", "bytes", "order")]
    table = table_of(*headings, right=(say("head.bytes"),))
    for row in page.rows:
        size = str(row.size) if row.kept is Kept.KEPT else say(f"kept.{row.kept}")
        order = row.order_key or say("ignored", why=why(row.note))
        table.add_row(escape(row.id), _time(row.received_at), size, escape(order))
    print_whole(table)


def many(count: int, name: str) -> str:
    """ "1 order", "2 orders"."""
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def show_stats(stats: Stats, alerts: Sequence[Alert], signs: Sequence[ShopSigns]) -> None:
    """The system in figures."""
    states = ("waiting", "attention", "open", "ignored", "done")
    counts = {str(state): count for state, count in stats.orders.items()}
    out.print("orders   " + ", ".join(f"{counts.get(state, 0)} {state}" for state in states))
    if stats.oldest:
        tell(f"oldest   {stats.oldest.key}, {_ago(stats.oldest_since, stats.now)}")
    day = stats.hours[-24:]
    events, invoices = (sum(hour.events for hour in day), sum(hour.invoices for hour in day))
    calls = many(sum(hour.api_calls for hour in day), "API call")
    out.print(f"24 hours {many(events, 'event')}, {many(invoices, 'invoice')}, {calls}")
    if stats.latency:
        said = (
            f"{p} % within {'over 5 min' if ms is None else f'{ms} ms'}" for p, ms in stats.latency.items()
        )
        out.print("latency  from event to invoice: " + ", ".join(said))
    quota = stats.quota
    left = f"{quota['left_five']} of {quota['limit_five']} in 5 minutes"
    out.print(f"quota    {left}, {quota['left_day']} of {quota['limit_day']} today are left")
    names = ", ".join(f"{alert.name} {alert.shop}".strip() for alert in alerts)
    out.print(f"alerts   {names + ': bridge alerts says what to do' if names else 'none'}", soft_wrap=True)
    out.print()
    columns = ("events today", "7 days", "invoices today", "7 days")
    table = table_of("shop", *columns, "last event", right=columns)
    for name, shop in stats.shops.items():
        numbers = (shop.events_today, shop.events_week, shop.invoices_today, shop.invoices_week)
        table.add_row(escape(name), *map(str, numbers), _ago(shop.last_event, stats.now))
    print_whole(table)
    for seen in signs:
        if seen.refused:
            last = _ago(seen.refused_at, stats.now)
            rejected = f"deliveries in a row without a valid signature: {seen.refused}"
            tell(f"{seen.name}: {rejected}, the last {last}")


def told(entry: Happening) -> Text:
    """One line of the feed."""
    local, today = entry.at.astimezone(), datetime.now().astimezone().date()
    line = Text(f"{local:%H:%M:%S}  " if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}  ")
    line.append(f"{entry.what.replace('_', ' '):<10} ", style=COLOURS.get(entry.what, "magenta"))
    said = why(entry.text)
    line.append(f"{entry.order_key}  {said}" if entry.order_key else said)
    return line
