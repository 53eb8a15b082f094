"""`bridge preview`: what a payload would become, and why. Writes nothing, asks nobody."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.billing.documents import documents_for
from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, Documents, InvoiceDraft
from bridge.billing.rules import Rules
from bridge.billing.totals import ALL
from bridge.desk.plain import plain
from bridge.errors import NeedsPerson, UnreadableBody
from bridge.orders import Event, Folded, Ignored, Incomplete, Order, Unfinished
from bridge.reasons import as_reason, together
from bridge.sources.base import Source, whole
from bridge.texts import text_of


@dataclass(frozen=True, slots=True)
class Preview:
    """What came out: `verdict` in one sentence; `order` and `documents` where it came so far.

    `readable`: it is JSON; what is not is refused with 400. `topic`: what it was taken for.
    """

    verdict: str
    order: Order | None = None
    documents: Documents | None = None
    readable: bool = True
    topic: str = ""


TOPICS = {"shopify": "orders/updated", "woocommerce": "order.updated"}
"""The topic of a bare order. Stripe's is in the body."""


def preview(source: Source, shop: str, rules: Rules, body: bytes, now: datetime, topic: str = "") -> Preview:
    """What this payload alone would become. Raises nothing that a person can cause."""
    try:
        body, topic = _as_event(source.PLATFORM, body, topic)
        result = _look(source, shop, rules, body, now, topic)
    except UnreadableBody as exc:
        return Preview(f"refused with 400: {exc}", readable=False)
    return replace(result, topic=topic)


def _look(source: Source, shop: str, rules: Rules, body: bytes, now: datetime, topic: str) -> Preview:
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": "preview", "x-wc-webhook-topic": topic}
    identity = source.identify(shop, headers, body)
    if identity.ignored:
        return Preview(f"ignored: {identity.ignored}")
    if identity.alarm:
        return Preview(f"attention: {identity.alarm}")
    event = Event(id=identity.event_id, topic=identity.topic, body=body, received_at=now, headers=headers)
    try:
        return _judge(source.fold(shop, identity.order_key, [event]), rules)
    except NeedsPerson as exc:
        return Preview(f"attention: {text_of(exc.reason)}")


def _judge(folded: Folded, rules: Rules) -> Preview:
    if isinstance(folded, Ignored):
        return Preview(f"ignored: {text_of(as_reason(folded.reason))}")
    if isinstance(folded, Unfinished):
        return Preview(f"waits: {text_of(as_reason(folded.reason))}")
    if isinstance(folded, Incomplete):
        return Preview(
            f"would be fetched from the platform ({folded.path}): {text_of(as_reason(folded.reason))}"
        )
    documents = documents_for(folded, rules, ALL)
    if documents.hold:
        return Preview(f"attention: {text_of(documents.hold)}", folded, documents)
    if documents.invoice is None:
        said = (
            f"ignored: {text_of(documents.ignore)}"
            if documents.ignore
            else f"waits: {text_of(documents.wait)}"
        )
        return Preview(said, folded, documents)
    sure = "at once" if documents.invoice.agreed else "after its total was read back from a draft"
    verdict = (
        f"{documents.invoice.policy.value} invoice of {documents.invoice.total} {folded.currency}, {sure}"
    )
    if documents.hold_refunds:
        verdict += f"; attention: {text_of(together(documents.hold_refunds))}"
    return Preview(verdict, folded, documents)


def _as_event(platform: str, body: bytes, topic: str) -> tuple[bytes, str]:
    """The body as the platform would have sent it, and its topic: the given one, or what its shape tells.

    Raises UnreadableBody.
    """
    data = whole(body)
    if not isinstance(data, dict):
        return body, topic or TOPICS.get(platform, "")
    if platform == "stripe":
        return _stripe_event(body, data, topic)
    return body, topic or _shape(data) or TOPICS.get(platform, "")


def _shape(data: dict[str, Any]) -> str:
    """What is no order although it has an id: a refund and a draft order of Shopify."""
    if "refund_line_items" in data:
        return "refunds/create"
    return "draft_orders/update" if "invoice_sent_at" in data else ""


def _stripe_event(body: bytes, data: dict[str, Any], topic: str) -> tuple[bytes, str]:
    """A bare object is put into the event that would have carried it."""
    if data.get("object") == "event":
        return body, str(data.get("type", ""))
    bare = data["object"] if isinstance(data.get("object"), dict) else data
    kind = str(bare.get("object", ""))
    types = {
        "invoice": "invoice.paid",
        "credit_note": "credit_note.created",
        "checkout.session": "checkout.session.completed",
        "charge": "charge.refunded",
        "refund": "refund.created",
    }
    wrapped = {
        "id": "evt_preview",
        "object": "event",
        "type": topic or types.get(kind, f"{kind}.updated"),
        "created": bare.get("created", 0),
        "livemode": bool(bare.get("livemode")),
        "data": {"object": bare},
    }
    return json.dumps(wrapped).encode(), str(wrapped["type"])


def as_json(result: Preview) -> dict[str, Any]:
    """For scripts."""
    shown: dict[str, Any] = {"verdict": result.verdict, "topic": result.topic}
    documents = result.documents
    if documents and documents.customer:
        shown["customer"] = plain(CustomerDraft, documents.customer)
    if documents and documents.invoice:
        invoice = plain(InvoiceDraft, documents.invoice)
        shown["invoice"] = invoice | {"final_at_once": documents.invoice.agreed}
        if documents.credit_notes:
            shown["credit_notes"] = plain(tuple[CreditNoteDraft, ...], documents.credit_notes)
    return shown
