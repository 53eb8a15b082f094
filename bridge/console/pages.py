"""The pages of orders, events and shops, and the forms that act on an order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from bridge.alerts.runbook import runbook
from bridge.console.ages import AGES, between, moment_in
from bridge.console.login import PageRefused, Visit, field
from bridge.console.rendering import event_path, order_path, query_path, texts
from bridge.desk.actions import Desk
from bridge.desk.offers import offers
from bridge.desk.values import (
    ActionRow,
    CallRow,
    Entry,
    EventRow,
    NotDone,
    RunRow,
    State,
    Story,
    UnknownOrder,
)
from bridge.settings.loading import Settings
from bridge.sources.registry import REGISTRY

PAGE: Final = 50
STATES: Final = tuple(state.value for state in State)

Act = Callable[[Desk, Story, str, Mapping[str, Any]], Awaitable[bool]]
"""(desk, order, who, form) → False when it was done already."""


async def _replay(desk: Desk, story: Story, who: str, _form: Mapping[str, Any]) -> bool:
    replayed = await desk.replay(who, events=[story.events[-1].id])
    if replayed.refused:
        raise NotDone(*replayed.refused.values())
    return bool(replayed.resumed)


ACTIONS: Final[Mapping[str, Act]] = {
    "retry": lambda desk, story, who, _: desk.retry(story.order.key, who),
    "replay": _replay,
    "accept": lambda desk, story, who, _: desk.accept(story.order.key, who),
    "credit-note": lambda desk, story, who, form: desk.issue_credit_note(
        story.order.key, field(form, "refund"), who
    ),
    "ignore": lambda desk, story, who, form: desk.ignore(story.order.key, field(form, "reason"), who),
    "send-to-person": lambda desk, story, who, form: desk.send_to_person(
        story.order.key, field(form, "reason"), who
    ),
}


def timeline(story: Story) -> list[tuple[str, Entry]]:
    """Everything that happened to the order, in order, each with its kind."""
    return [(_kind(entry), entry) for entry in story.timeline]


def _kind(entry: Entry) -> str:
    match entry:
        case EventRow():
            return "event"
        case CallRow():
            return "failed" if entry.failed else "call"
        case RunRow():
            return "rest"
        case ActionRow():
            return "person"


def _kind_of(what: str) -> str:
    """How an entry of the activity looks in a timeline."""
    kinds = {"event": "event", "attention": "failed", "alert": "failed", "alert_over": "call"}
    return kinds.get(what, "person" if f"did.{what}" in texts("en") else "call")


class Pages:
    """Everything but the overview."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self._desk = desk
        self._settings = settings
        self._shops = sorted(settings.shops)

    async def orders(self, visit: Visit) -> Response:
        """Search and lists."""
        asked = {name: visit.asked(name) for name in ("query", "state", "shop")}
        if asked["state"] not in STATES:
            asked["state"] = ""
        age = visit.asked("age") if visit.asked("age") in AGES else ""
        cursor = visit.cursor()
        since, until = between(age, visit.wording.now)
        page = await self._desk.orders(**asked, since=since, until=until, cursor=cursor, limit=PAGE)
        narrowed = asked["state"] or asked["shop"] or age
        if asked["query"] and len(page.rows) == 1 and not narrowed:
            return RedirectResponse(order_path(page.rows[0].key), 303)
        return visit.page(
            "orders.html",
            section="orders",
            page=page,
            cursor=cursor,
            first=query_path("/console/orders", **asked, age=age),
            older=query_path("/console/orders", **asked, age=age, cursor=page.cursor),
            states=STATES,
            shops=self._shops,
            query=asked["query"],
            state=asked["state"],
            shop=asked["shop"],
            ages=tuple(AGES),
            age=age,
        )

    async def order(self, visit: Visit) -> Response:
        """One order's story; with a form, an action on it."""
        story = await self._desk.story(visit.request.path_params["key"])
        if story is None:
            raise PageRefused(404, "error.404")
        if visit.request.method == "POST":
            return await self._act(visit, story)
        did, text = visit.asked("did"), visit.wording.text
        said = None
        if did in ACTIONS:
            again = bool(visit.asked("again"))
            told = text("do.already" if again else "do.done", action=text(f"do.{did}"))
            said = {"kind": "waiting" if again else "done", "text": told}
        return self._show(visit, story, 200, said)

    async def _act(self, visit: Visit, story: Story) -> Response:
        form = await visit.form()
        action = field(form, "action")
        if action not in ACTIONS:
            raise PageRefused(400, "error.form")
        try:
            done = await ACTIONS[action](self._desk, story, visit.session.who, form)
        except UnknownOrder as exc:
            raise PageRefused(404, "error.404") from exc
        except NotDone as exc:
            return self._show(visit, story, 409, {"kind": "fail", "text": exc.reason})
        again = "" if done else "1"
        return RedirectResponse(query_path(order_path(story.order.key), did=action, again=again), 303)

    def _show(self, visit: Visit, story: Story, status: int, said: dict[str, Any] | None) -> Response:
        return visit.page(
            "order.html",
            status,
            section="orders",
            said=said,
            story=story,
            order=story.order,
            offers=offers(story),
            timeline=timeline(story),
        )

    async def events(self, visit: Visit) -> Response:
        """All events, ignored ones too."""
        asked = {name: visit.asked(name) for name in ("topic", "shop")}
        cursor = visit.cursor()
        page = await self._desk.events(**asked, cursor=cursor, limit=PAGE)
        return visit.page(
            "events.html",
            section="events",
            page=page,
            cursor=cursor,
            first=query_path("/console/events", **asked),
            older=query_path("/console/events", **asked, cursor=page.cursor),
            shops=self._shops,
            topic=asked["topic"],
            shop=asked["shop"],
        )

    async def activity(self, visit: Visit) -> Response:
        """Everything that happened: events, outcomes, what people did, alerts."""
        asked = {name: visit.asked(name) for name in ("since", "until")}
        since, until = (moment_in(asked[name]) for name in ("since", "until"))
        cursor = visit.cursor()
        page = await self._desk.activity(since=since, until=until, cursor=cursor, limit=PAGE)
        return visit.page(
            "activity.html",
            section="events",
            page=page,
            cursor=cursor,
            first=query_path("/console/activity", **asked),
            older=query_path("/console/activity", **asked, cursor=page.cursor),
            kind_of=_kind_of,
            since=asked["since"],
            until=asked["until"],
        )

    async def event(self, visit: Visit) -> Response:
        """One event with its payload, or with `?raw=1` the payload alone, byte for byte."""
        event = await self._desk.event(visit.request.path_params["id"])
        if event is None:
            raise PageRefused(404, "error.404")
        if visit.asked("raw"):
            saved = {"Content-Disposition": 'attachment; filename="event.json"'}
            return Response(event.body, media_type="application/octet-stream", headers=saved)
        raw = query_path(event_path(event.row.id), raw="1")
        return visit.page("event.html", section="events", event=event, body=_indented(event.body), raw=raw)

    async def alerts(self, visit: Visit) -> Response:
        """What stands, with its cure; then every alert there is."""
        alerts = await self._desk.alerts()
        return visit.page(
            "alerts.html", section="overview", alerts=alerts, runbook=runbook(visit.wording.lang)
        )

    async def shops(self, visit: Visit) -> Response:
        """How each shop is set up, and what it sent last."""
        base = str(visit.request.base_url).rstrip("/")
        if visit.secure:
            base = base.replace("http://", "https://", 1)
        stats, standing = await asyncio.gather(self._desk.stats(), self._desk.alerts())
        shown = [
            {
                "name": name,
                "shop": shop,
                "url": f"{base}/webhooks/{name}",
                "topics": sorted(REGISTRY[shop.platform].HANDLED),
                "signs": await self._desk.signs(name),
                "alerts": [alert for alert in standing if alert.shop == name],
                "stats": stats.shops[name],
            }
            for name, shop in sorted(self._settings.shops.items())
        ]
        return visit.page("shops.html", section="shops", shown=shown)


def _indented(body: bytes) -> str:
    """JSON, readable; anything else as it is. The exact bytes are one click away."""
    try:
        told = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        return told.encode("utf-8", "replace").decode()  # half an emoji can be spelt in JSON, not in a page
    except (ValueError, RecursionError):
        return body.decode("utf-8", errors="replace")
