"""The pages of orders, events and shops, and the forms that act on an order."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from bridge.console.door import Refused, Visit, field
from bridge.console.rendering import event_path, order_path, query_path
from bridge.console.shops import Deliveries
from bridge.desk import ActionRow, CallRow, Desk, EventRow, NotDone, State, Story, UnknownOrder
from bridge.settings import Settings
from bridge.sources import REGISTRY

PAGE: Final = 50
STATES: Final = tuple(state.value for state in State)

Act = Callable[[Desk, Story, str, Mapping[str, Any]], Awaitable[bool]]
"""(desk, order, who, form) → False when it was done already."""


async def _replay(desk: Desk, story: Story, who: str, _form: Mapping[str, Any]) -> bool:
    replayed = await desk.replay(who, events=[story.events[-1].id])
    if replayed.refused:
        raise NotDone(" ".join(replayed.refused.values()))
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


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that makes sense for an order now. `refund`: of the credit note; `reason`: one is asked."""

    action: str
    refund: str = ""
    reason: bool = False
    primary: bool = False


def offers(story: Story) -> list[Offer]:
    """What a person can do about this order, the likeliest first."""
    state = story.order.state
    offered = []
    if state is State.ATTENTION and any(document.differs for document in story.documents):
        offered.append(Offer("accept", primary=True))
    invoiced = any(document.kind == "invoice" and document.id for document in story.documents)
    for document in story.documents:
        due = document.kind == "credit_note" and (not document.id or document.draft)
        if due and invoiced and document.refund_id:
            offered.append(Offer("credit-note", refund=document.refund_id))
    if state is not State.IN_HAND:
        offered.append(Offer("retry", primary=not offered and state in (State.ATTENTION, State.WAITING)))
    if story.events:
        offered.append(Offer("replay"))
    if state not in (State.IGNORED, State.DONE):
        offered.append(Offer("ignore", reason=True))
    if state not in (State.ATTENTION, State.IGNORED):
        offered.append(Offer("send-to-person", reason=True))
    return offered


def timeline(story: Story) -> list[tuple[datetime | None, str, EventRow | CallRow | ActionRow]]:
    """Everything that happened to the order, in order."""
    told: list[tuple[datetime | None, str, EventRow | CallRow | ActionRow]] = [
        *((event.received_at, "event", event) for event in story.events),
        *((call.at, "failed" if _failed(call) else "call", call) for call in story.calls),
        *((action.at, "person", action) for action in story.actions),
    ]
    return sorted(told, key=lambda entry: entry[0].timestamp() if entry[0] else 0.0)


def _failed(call: CallRow) -> bool:
    return not call.outcome.startswith("2")


class Pages:
    """Everything but the overview."""

    def __init__(self, desk: Desk, deliveries: Deliveries, settings: Settings) -> None:
        self._desk = desk
        self._deliveries = deliveries
        self._settings = settings
        self._shops = sorted(settings.shops)

    async def orders(self, visit: Visit) -> Response:
        """Search and lists."""
        asked = {name: visit.asked(name) for name in ("query", "state", "shop")}
        if asked["state"] not in STATES:
            asked["state"] = ""
        cursor = visit.cursor()
        page = await self._desk.orders(**asked, cursor=cursor, limit=PAGE)
        if asked["query"] and len(page.rows) == 1 and not asked["state"] and not asked["shop"]:
            return RedirectResponse(order_path(page.rows[0].key), 303)
        return visit.page(
            "orders.html",
            section="orders",
            page=page,
            cursor=cursor,
            first=query_path("/console/orders", **asked),
            older=query_path("/console/orders", **asked, cursor=page.cursor),
            states=STATES,
            shops=self._shops,
            query=asked["query"],
            state=asked["state"],
            shop=asked["shop"],
        )

    async def order(self, visit: Visit) -> Response:
        """One order's story; with a form, an action on it."""
        story = await self._desk.story(visit.request.path_params["key"])
        if story is None:
            raise Refused(404, "error.404")
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
            raise Refused(400, "error.form")
        try:
            done = await ACTIONS[action](self._desk, story, visit.session.who, form)
        except UnknownOrder as exc:
            raise Refused(404, "error.404") from exc
        except NotDone as exc:
            return self._show(visit, story, 409, {"kind": "fail", "text": str(exc)})
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

    async def event(self, visit: Visit) -> Response:
        """One event with its payload, or with `?raw=1` the payload alone, byte for byte."""
        event = await self._desk.event(visit.request.path_params["id"])
        if event is None:
            raise Refused(404, "error.404")
        if visit.asked("raw"):
            saved = {"Content-Disposition": 'attachment; filename="event.json"'}
            return Response(event.body, media_type="application/octet-stream", headers=saved)
        raw = query_path(event_path(event.row.id), raw="1")
        return visit.page("event.html", section="events", event=event, body=_indented(event.body), raw=raw)

    async def shops(self, visit: Visit) -> Response:
        """How each shop is set up, and what it sent last."""
        base = str(visit.request.base_url).rstrip("/")
        if visit.secure:
            base = base.replace("http://", "https://", 1)
        stats = await self._desk.stats()
        shown = [
            {
                "name": name,
                "shop": shop,
                "url": f"{base}/webhooks/{name}",
                "topics": sorted(REGISTRY[shop.platform].HANDLED),
                "last": await self._deliveries.by_topic(name),
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
