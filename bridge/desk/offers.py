"""What a person can do about an order as it stands: console and terminal offer the same. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.billing.earlier import EARLIER
from bridge.billing.questions import QUESTIONS
from bridge.desk.values import State, Story


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that makes sense for an order now. `refund`: of the credit note; `reason` and `number` (of a
    document): one is asked."""

    action: str
    refund: str = ""
    reason: bool = False
    number: bool = False
    primary: bool = False


def offers(story: Story) -> list[Offer]:
    """The likeliest first."""
    state = story.order.state
    offered = []
    asks = story.order.reason.code in QUESTIONS
    if state is State.ATTENTION and (asks or any(document.differs for document in story.documents)):
        offered.append(Offer("accept", primary=True))
    if story.order.reason.code in EARLIER:
        offered.append(Offer("take-in", primary=state is State.ATTENTION))
    invoiced = any(document.kind == "invoice" and document.id for document in story.documents)
    for document in story.documents:
        due = document.kind == "credit_note" and (not document.id or document.draft)
        if due and invoiced and document.refund_id:
            offered.append(Offer("credit-note", refund=document.refund_id))
    if state is not State.IN_HAND:
        offered.append(Offer("retry", primary=not offered and state in (State.ATTENTION, State.WAITING)))
    if state not in (State.IGNORED, State.DONE):
        offered.append(Offer("ignore", reason=True))
    if state not in (State.ATTENTION, State.IGNORED):
        offered.append(Offer("send-to-person", reason=True))
    if state is not State.IN_HAND:
        offered.append(Offer("attach", number=True))
    if any(document.attached for document in story.documents):
        offered.append(Offer("detach", number=True))
    return offered
