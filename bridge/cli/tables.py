"""How the desk's values look in a terminal: 80 columns where it can be, and no key ever cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bridge.cli.terminal import out

if TYPE_CHECKING:
    from bridge.alerts.rules import Alert
    from bridge.desk import DocumentRow, Entry, EventRow, Happening, OrderRow, ShopSigns, Stats, Story

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

ENDED = {"waiting": "had to wait", "attention": "asked for a person"}
OFFERED = {
    "accept": ("accept {name}", "take the document's total as it is; a draft becomes final"),
    "credit-note": ("credit {name} {refund}", "issue this refund's credit note"),
    "retry": ("retry {name}", "look again, once the cause is mended"),
    "ignore": ("ignore {name} --reason TEXT", "leave it alone: it was settled by hand"),
}
"""What the console offers too → the command, and what it does."""


def _zone() -> str:
    return f"times in {datetime.now().astimezone():%Z}"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in headings:
        right = heading in ("total", "bytes", "7 days", "events today", "invoices today")
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    return table


def _print(table: Table) -> None:
    """Whole, however narrow the terminal: what is piped on must not be cut."""
    unbounded = out.options.update(max_width=10_000)
    wide = Console(highlight=False, width=Measurement.get(out, unbounded, table).maximum)
    wide.print(table, soft_wrap=True)


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if abs(seconds) >= size:
            return f"{seconds // size}{unit} ago" if seconds > 0 else f"in {-seconds // size}{unit}"
    return f"{seconds}s ago" if seconds >= 0 else f"in {-seconds}s"


def _time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def _state(row: OrderRow) -> str:
    colour = COLOURS.get(row.state, "default")
    return f"[{colour}]{row.state}[/]" + (" (set aside)" if row.set_aside else "")


def _total(row: OrderRow) -> str:
    return f"{row.total} {row.currency}" if row.total is not None else "-"


def show_orders(rows: Sequence[OrderRow]) -> None:
    """A list of orders; what waits for somebody says why on a line of its own."""
    if not rows:
        out.print("no orders")
        return
    now = datetime.now(UTC)
    table = _table("order", "number", "state", "total", "invoice", "active")
    for row in rows:
        invoice = row.invoice or (f"draft {row.invoice_id}" if row.invoice_id else "-")
        cells = (_state(row), _total(row), escape(invoice), _ago(row.active_at, now))
        table.add_row(escape(row.key), escape(row.number or "-"), *cells)
    _print(table)
    for row in rows:
        if row.state in ("attention", "waiting"):
            wait = f" (next try {_ago(row.next_at, now)})" if row.next_at else ""
            out.print(f"\n{row.key}{wait}\n  {row.reason}", markup=False, soft_wrap=True)


def show_story(story: Story) -> None:
    """One order, whole."""
    order, now = story.order, datetime.now(UTC)
    out.print(f"[bold]{escape(order.key)}[/]  {escape(order.number)}", soft_wrap=True)
    working = ", a worker is at it" if story.working else ""
    out.print(f"{_state(order)}  {escape(order.reason)}{working}", soft_wrap=True)
    out.print(f"total {_total(order)}, placed {_time(order.placed_at)}, since {_time(order.since)}")
    if order.next_at:
        out.print(f"next try {_time(order.next_at)} ({_ago(order.next_at, now)}), attempts {order.attempts}")
    if story.documents:
        out.print("\ndocuments", style="bold")
    for document in story.documents:
        _show_document(document, order.currency)
    if story.timeline:
        out.print(f"\nwhat happened ({_zone()})", style="bold")
    for entry in story.timeline:
        out.print(_told_of(entry), soft_wrap=True)
    _show_offers(story)


def _told_of(entry: Entry) -> Text:
    """One line of a story."""
    from bridge.desk import ActionRow, CallRow, EventRow, RunRow

    match entry:
        case EventRow():
            gone = "" if entry.kept == "kept" else f", {entry.kept}"
            at, style, said = entry.received_at, "cyan", f"event {entry.topic} ({entry.id}{gone})"
        case CallRow():
            style = "red" if entry.failed else "green"
            at, said = entry.at, f"{entry.call}: {entry.outcome} ({entry.milliseconds} ms)"
        case RunRow():
            at, style, said = entry.at, COLOURS[entry.outcome], f"{ENDED[entry.outcome]}: {entry.reason}"
        case ActionRow():
            said = f"{entry.who}: {entry.what.replace('_', ' ')}" + (
                f": {entry.reason}" if entry.reason else ""
            )
            at, style = entry.at, "magenta"
    return Text.assemble((f"{_time(at)}  ", "dim"), (said, style))


def _show_offers(story: Story) -> None:
    """The commands for what may be done about an order that waits for somebody."""
    from bridge.desk import State, offers

    order = story.order
    if order.state not in (State.ATTENTION, State.WAITING):
        return
    name = f"'{order.number}'" if order.number else order.key
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for offer in offers(story):
        if offer.action in OFFERED:
            words, meaning = OFFERED[offer.action]
            table.add_row(escape(f"bridge orders {words.format(name=name, refund=offer.refund)}"), meaning)
    out.print("\nwhat you can do", style="bold")
    _print(table)


def _show_document(document: DocumentRow, currency: str) -> None:
    name = document.number or (
        f"{'draft ' if document.draft else ''}{document.id}" if document.id else "missing"
    )
    amounts = f"  {document.total} {currency}" if document.total is not None else ""
    if document.differs:
        amounts += f", should be {document.wanted}"
    if document.accepted is not None:
        amounts += f", accepted in place of {document.wanted}"
    refund = f" for refund {document.refund_id}" if document.refund_id else ""
    kind = document.kind.replace("_", " ")
    out.print(f"{kind} {name}{refund}{amounts}  {document.url}", markup=False, soft_wrap=True)
    for line in document.why:
        out.print(f"  · {line}", markup=False, style="dim", soft_wrap=True)


def show_events(rows: Sequence[EventRow]) -> None:
    """A list of events."""
    if rows:
        _events(rows)
    else:
        out.print("no events")


def _events(rows: Sequence[EventRow]) -> None:
    table = _table("event", "received", "bytes", "order")
    for row in rows:
        size = str(row.size) if row.kept == "kept" else str(row.kept)
        order = row.order_key or f"ignored: {row.note}"
        table.add_row(escape(row.id), _time(row.received_at), size, escape(order))
    _print(table)


def many(count: int, name: str) -> str:
    """ "1 order", "2 orders"."""
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def show_stats(stats: Stats, alerts: Sequence[Alert], signs: Mapping[str, ShopSigns]) -> None:
    """The system in figures."""
    states = ("waiting", "attention", "open", "ignored", "done")
    counts = {str(state): count for state, count in stats.orders.items()}
    out.print("orders   " + ", ".join(f"{counts.get(state, 0)} {state}" for state in states))
    if stats.oldest:
        out.print(
            f"oldest   {stats.oldest.key}, {_ago(stats.oldest_since, stats.now)}",
            markup=False,
            soft_wrap=True,
        )
    day = stats.hours[-24:]
    events, invoices = (sum(hour.events for hour in day), sum(hour.invoices for hour in day))
    calls = many(sum(hour.api_calls for hour in day), "API call")
    out.print(f"24 hours {many(events, 'event')}, {many(invoices, 'invoice')}, {calls}")
    if stats.latency:
        said = (
            f"{p} % within {'over 5 min' if ms is None else f'{ms} ms'}" for p, ms in stats.latency.items()
        )
        out.print("latency  from event to invoice: " + ", ".join(said))
    if stats.quota:
        left = f"{stats.quota['left_five']} of {stats.quota['limit_five']} in 5 minutes"
        out.print(f"quota    {left}, {stats.quota['left_day']} of {stats.quota['limit_day']} today are left")
    told = ", ".join(f"{alert.name} {alert.shop}".strip() for alert in alerts)
    out.print(f"alerts   {told + ': bridge alerts says what to do' if told else 'none'}", soft_wrap=True)
    out.print()
    table = _table("shop", "events today", "7 days", "invoices today", "7 days", "last event")
    for name, shop in stats.shops.items():
        numbers = (shop.events_today, shop.events_week, shop.invoices_today, shop.invoices_week)
        table.add_row(escape(name), *map(str, numbers), _ago(shop.last_event, stats.now))
    _print(table)
    for name, seen in signs.items():
        if seen.refused:
            last = _ago(seen.refused_at, stats.now)
            out.print(
                f"{name}: deliveries in a row without a valid signature: {seen.refused}, the last {last}",
                markup=False,
                soft_wrap=True,
            )


def told(entry: Happening) -> Text:
    """One line of the feed."""
    local, today = entry.at.astimezone(), datetime.now().astimezone().date()
    line = Text(f"{local:%H:%M:%S}  " if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}  ")
    line.append(f"{entry.what.replace('_', ' '):<10} ", style=COLOURS.get(entry.what, "magenta"))
    line.append(f"{entry.order_key}  {entry.text}" if entry.order_key else entry.text)
    return line
