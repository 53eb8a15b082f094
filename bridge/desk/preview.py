"""`bridge preview`: what a payload would become, and why. Writes nothing, asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bridge.billing.documents import documents_for
from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, Documents, InvoiceDraft
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import DocumentPolicy, Rules
from bridge.desk.plain import plain
from bridge.errors import NeedsPerson, UnreadableBody
from bridge.orders import Event, Folded, Incomplete, Order, Unfinished
from bridge.reasons import Reason, because, together
from bridge.sources.base import NOTHING, Alarm, Delivery, Ignored, Source, answer_to
from bridge.sources.reading import whole
from bridge.sources.registry import REGISTRY
from bridge.texts import text_of

VERDICTS: Final = {
    DocumentPolicy.FINAL: "preview_final",
    DocumentPolicy.DRAFT: "preview_draft",
    DocumentPolicy.EXTERNAL: "preview_external",
}
"""What the shop's documents become → what is said of it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What came out, in one `verdict`; `order` and `documents` where it came so far.

    `usable`: it is JSON, and not another platform's. `topic`: what it was taken for; `guessed`: by its shape.
    """

    verdict: Reason
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
        return Preview(because("preview_refused", why=str(exc)), usable=False)
    if not source.recognise(data):
        others = (each for each in REGISTRY.values() if each.recognise(data))
        if other := next(others, None):
            mistaken = because("looks_like_another", other=other.TITLE, shop=shop, platform=source.TITLE)
            return Preview(mistaken, usable=False)
    result = _look(source, shop, rules, delivery, now)
    return replace(result, topic=delivery.topic, guessed=delivery.guessed)


def _look(source: Source, shop: str, rules: Rules, delivery: Delivery, now: datetime) -> Preview:
    headers = source.sign(delivery.body, "", delivery.topic, "preview", now)
    identity = source.identify(shop, headers, delivery.body)
    if isinstance(identity, Ignored):
        return Preview(because("preview_ignored", why=identity.reason))
    if isinstance(identity, Alarm):
        return Preview(because("preview_attention", why=identity.reason))
    event = Event(
        id=identity.event_id, topic=identity.topic, body=delivery.body, received_at=now, headers=headers
    )
    return preview_of_event(source, shop, rules, identity.key(source.PLATFORM, shop), event)


def preview_of_event(source: Source, shop: str, rules: Rules, order_key: str, event: Event) -> Preview:
    """What the order would become of which nothing but this event is known."""
    try:
        return _judge(_folded(source, shop, order_key, event), rules)
    except NeedsPerson as exc:
        return Preview(because("preview_attention", why=exc.reason))


def _folded(source: Source, shop: str, order_key: str, event: Event) -> Folded:
    """As far as it comes without the platform's API."""
    events = [event]
    folded = source.fold(shop, order_key, events)
    while isinstance(folded, Incomplete) and not folded.needed:
        events.append(answer_to(folded, NOTHING, event.received_at))
        folded = source.fold(shop, order_key, events)
    return folded


def _judge(folded: Folded, rules: Rules) -> Preview:
    match folded:
        case Order():
            return _documents(folded, rules)
        case Unfinished():
            return Preview(because("preview_waits", why=folded.reason))
        case Incomplete():
            return Preview(because("preview_incomplete", path=folded.path, why=folded.reason))
        case _:
            return Preview(because("preview_ignored", why=folded.reason))


def _documents(folded: Order, rules: Rules) -> Preview:
    documents = documents_for(folded, rules, UNKNOWN)
    invoice, held = documents.invoice, documents.hold_refunds
    if documents.hold:
        verdict = because("preview_attention", why=documents.hold)
    elif invoice is None and documents.ignore:
        verdict = because("preview_ignored", why=documents.ignore)
    elif invoice is None:
        verdict = because("preview_waits", why=documents.wait)
    else:
        when = because("preview_at_once" if invoice.agreed else "preview_after_draft")
        verdict = because(VERDICTS[invoice.policy], total=invoice.total, currency=folded.currency, when=when)
        if held:
            verdict = because("preview_and_attention", invoice=verdict, why=together(held))
    return Preview(verdict, folded, documents)


def as_json(result: Preview, lang: str = "en") -> dict[str, Any]:
    """For scripts; the verdict in words."""
    shown: dict[str, Any] = {"verdict": text_of(result.verdict, lang), "topic": result.topic}
    documents = result.documents
    if documents and documents.customer:
        shown["customer"] = plain(CustomerDraft, documents.customer)
    if documents and documents.invoice:
        invoice = plain(InvoiceDraft, documents.invoice)
        shown["invoice"] = invoice | {"final_at_once": documents.invoice.agreed}
        if documents.credit_notes:
            shown["credit_notes"] = plain(tuple[CreditNoteDraft, ...], documents.credit_notes)
    return shown
