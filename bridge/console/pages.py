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
from bridge.console.rendering import order_path, query_path
from bridge.desk.actions import Desk
from bridge.desk.offers import offers
from bridge.desk.values import (
    ActionRow,
    Balance,
    CallRow,
    Entry,
    EventRow,
    NotDone,
    Page,
    RunRow,
    State,
    Story,
    UnknownOrder,
)
from bridge.settings.loading import Settings
from bridge.sources.registry import REGISTRY
from bridge.texts import phrases

PAGE: Final = 50
STATES: Final = tuple(state.value for state in State)

ACTIONS: Final[Mapping[str, tuple[Callable[..., Awaitable[object]], tuple[str, ...]]]] = {
    "retry": (Desk.retry, ()),
    "accept": (Desk.accept, ()),
    "take-in": (Desk.accept, ()),
    "credit-note": (Desk.issue_credit_note, ("refund",)),
    "attach": (Desk.attach, ("number",)),
    "detach": (Desk.detach, ("number",)),
    "ignore": (Desk.ignore, ("reason",)),
    "send-to-person": (Desk.send_to_person, ("reason",)),
}
"""Action of an offer → what the desk does (False: it was done already), and the form's fields it takes."""


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
    return kinds.get(what, "person" if f"did.{what}" in phrases("console") else "call")


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
        since, until = between(age, visit.wording.now)
        page = await self._desk.orders(**asked, since=since, until=until, cursor=visit.cursor(), limit=PAGE)
        narrowed = asked["state"] or asked["shop"] or age
        if asked["query"] and len(page.rows) == 1 and not narrowed:
            return RedirectResponse(order_path(page.rows[0].key), 303)
        more = {"states": STATES, "shops": self._shops, "ages": tuple(AGES)}
        return _listed(visit, "orders", page, asked | {"age": age}, **more)

    async def order(self, visit: Visit) -> Response:
        """One order's story; with a form, an action on it."""
        story = await self._desk.story(visit.request.path_params["key"])
        if story is None:
            raise PageRefused(404, "error.404")
        if visit.request.method == "POST":
            return await self._act(visit, story)
        did, text, said = visit.asked("did"), visit.wording.text, None
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
        act, names = ACTIONS[action]
        first = {"dry_run": True} if "number" in names and not field(form, "sure") else {}
        try:
            done = await act(
                self._desk,
                story.order.key,
                *(field(form, name) for name in names),
                visit.session.who,
                **first,
            )
        except UnknownOrder as exc:
            raise PageRefused(404, "error.404") from exc
        except NotDone as exc:
            return self._show(
                visit, story, 409, {"kind": "fail", "text": visit.wording.reason_text(exc.reason)}
            )
        if isinstance(done, Balance) and not done.done:
            return self._show(visit, story, 200, None, sure={"action": action, "balance": done})
        did = {"did": action, "again": "" if done else "1"}
        return RedirectResponse(query_path(order_path(story.order.key), did), 303)

    def _show(
        self,
        visit: Visit,
        story: Story,
        status: int,
        said: dict[str, Any] | None,
        *,
        sure: Mapping[str, Any] | None = None,
    ) -> Response:
        return visit.page(
            "order.html",
            status,
            section="orders",
            said=said,
            sure=sure,
            story=story,
            order=story.order,
            offers=offers(story),
            timeline=[(_kind(entry), entry) for entry in story.timeline],
        )

    async def events(self, visit: Visit) -> Response:
        """All events, ignored ones too."""
        asked = {name: visit.asked(name) for name in ("topic", "shop")}
        page = await self._desk.events(**asked, cursor=visit.cursor(), limit=PAGE)
        return _listed(visit, "events", page, asked, shops=self._shops)

    async def activity(self, visit: Visit) -> Response:
        """Everything that happened: events, outcomes, what people did, alerts."""
        asked = {name: visit.asked(name) for name in ("since", "until")}
        since, until = (moment_in(asked[name]) for name in ("since", "until"))
        page = await self._desk.activity(since=since, until=until, cursor=visit.cursor(), limit=PAGE)
        return _listed(visit, "activity", page, asked, kind_of=_kind_of)

    async def event(self, visit: Visit) -> Response:
        """One event with its payload, or with `?raw=1` the payload alone, byte for byte."""
        event = await self._desk.event(visit.request.path_params["id"])
        if event is None:
            raise PageRefused(404, "error.404")
        if visit.asked("raw"):
            saved = {"Content-Disposition": 'attachment; filename="event.json"'}
            return Response(event.body, media_type="application/octet-stream", headers=saved)
        return visit.page("event.html", section="events", event=event, body=_indented(event.body))

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


def _listed(visit: Visit, name: str, page: Page[Any], asked: Mapping[str, str], **more: Any) -> Response:
    """One page of the list `name`, with the ways to its first page and to what is older, where they lead."""
    path = visit.request.url.path
    values: dict[str, Any] = {**asked, **more}
    return visit.page(
        f"{name}.html",
        section="orders" if name == "orders" else "events",
        page=page,
        first=query_path(path, asked) if visit.cursor() else "",
        older=query_path(path, {**asked, "cursor": page.cursor}) if page.cursor else "",
        **values,
    )


def _indented(body: bytes) -> str:
    """JSON, readable; anything else as it is. The exact bytes are one click away."""
    try:
        told = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        return told.encode("utf-8", "replace").decode()  # half an emoji can be spelt in JSON, not in a page
    except (ValueError, RecursionError):
        return body.decode("utf-8", errors="replace")
