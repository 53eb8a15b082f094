"""`bridge preview`: what a payload would become, and why. Writes nothing, asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.billing.documents import documents_for
from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, Documents, InvoiceDraft
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import Rules
from bridge.desk.plain import plain
from bridge.errors import NeedsPerson, UnreadableBody
from bridge.orders import Event, Folded, Incomplete, Order, Unfinished
from bridge.reasons import because, together
from bridge.sources.base import Alarm, Delivery, Ignored, Source
from bridge.sources.reading import whole
from bridge.sources.registry import REGISTRY
from bridge.texts import text_of


@dataclass(frozen=True, slots=True)
class Preview:
    """What came out: `verdict` in one sentence; `order` and `documents` where it came so far.

    `usable`: it is JSON, and not another platform's. `topic`: what it was taken for; `guessed`: by its shape.
    """

    verdict: str
    order: Order | None = None
    documents: Documents | None = None
    usable: bool = True
    topic: str = ""
    guessed: bool = False


def preview(source: Source, shop: str, rules: Rules, body: bytes, now: datetime, topic: str = "") -> Preview:
    """What this payload alone would become. Raises nothing that a person can cause."""
    try:
        data, delivery = whole(body), source.as_delivered(body, topic)
    except UnreadableBody as exc:
        return Preview(f"refused with 400: {exc}", usable=False)
    if not source.recognise(data):
        others = (each for each in REGISTRY.values() if each.recognise(data))
        if other := next(others, None):
            mistaken = because("looks_like_another", other=other.TITLE, shop=shop, platform=source.TITLE)
            return Preview(text_of(mistaken), usable=False)
    result = _look(source, shop, rules, delivery, now)
    return replace(result, topic=delivery.topic, guessed=delivery.guessed)


def _look(source: Source, shop: str, rules: Rules, delivery: Delivery, now: datetime) -> Preview:
    headers = source.sign(delivery.body, "", delivery.topic, "preview", now)
    identity = source.identify(shop, headers, delivery.body)
    if isinstance(identity, Ignored):
        return Preview(f"ignored: {text_of(identity.reason)}")
    if isinstance(identity, Alarm):
        return Preview(f"attention: {text_of(identity.reason)}")
    event = Event(
        id=identity.event_id, topic=identity.topic, body=delivery.body, received_at=now, headers=headers
    )
    try:
        return _judge(source.fold(shop, identity.key(source.PLATFORM, shop), [event]), rules)
    except NeedsPerson as exc:
        return Preview(f"attention: {text_of(exc.reason)}")


def _judge(folded: Folded, rules: Rules) -> Preview:
    match folded:
        case Order():
            return _documents(folded, rules)
        case Unfinished():
            return Preview(f"waits: {text_of(folded.reason)}")
        case Incomplete():
            fetched = f"would be fetched from the platform ({folded.path})"
            return Preview(f"{fetched}: {text_of(folded.reason)}")
        case _:
            return Preview(f"ignored: {text_of(folded.reason)}")


def _documents(folded: Order, rules: Rules) -> Preview:
    documents = documents_for(folded, rules, UNKNOWN)
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
