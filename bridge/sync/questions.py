"""A question that many orders of a shop raise: one of them asks it, the others wait for its answer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from bridge.billing.questions import QUESTIONS
from bridge.keys import Key
from bridge.orders import Order
from bridge.reasons import Reason, because
from bridge.store.values import Asked, HeldOrder, Outcome
from bridge.sync.ending import Ending


class Questions(Protocol):
    """What it needs of the store."""

    async def ask(self, shop: str, kind: str, order_key: str, amount: Decimal) -> Asked | None: ...
    async def settle_question(self, shop: str, kind: str, order_key: str) -> None: ...


async def put(store: Questions, question: Reason, order: Order, view: HeldOrder) -> Ending | None:
    """How the order ends that raises it; None where a person has answered it for the shop."""
    asked = await store.ask(order.shop, question.code, order.key, order.total)
    if asked is None:
        return None
    await settle(store, order, view, asks=question.code)
    if asked.asker != order.key:
        asker = Key.parse(asked.asker).id
        return Ending(
            Outcome.OPEN, because("asked_elsewhere", kind=question.code, asker=asker, question=question)
        )
    counted = {"orders": str(asked.orders), "amount": f"{asked.amount:f}"}
    facts = tuple((name, counted.get(name, fact)) for name, fact in question.facts)
    return Ending(Outcome.ATTENTION, replace(question, facts=facts))


async def settle(store: Questions, order: Order, view: HeldOrder, *, asks: str = "") -> None:
    """What the order asked before, it asks no more. `asks`: what it asks now."""
    before = view.reason.fact("kind") or view.reason.code
    if before in QUESTIONS and before != asks:
        await store.settle_question(order.shop, before, order.key)
