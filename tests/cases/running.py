"""One case is lived through: its events come, everything comes to rest, and what exists then is read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.cases.folder import Case, in_runs
from tests.cases.found import Found
from tests.cases.judging import differences
from tests.cases.system import System, open_system


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case went. No `differences`: it is right."""

    case: Case
    differences: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        return not self.differences


async def judge_all(redis_url: str, cases: Sequence[Case]) -> list[Verdict]:
    """Every case, those of one number one after the other over the same store and firm."""
    verdicts = []
    for run in in_runs(cases):
        async with open_system(redis_url) as system:
            for case in run:
                began = time.perf_counter()
                found = await live_through(system, case)
                seconds = time.perf_counter() - began
                verdicts.append(Verdict(case, tuple(differences(case.expected, found)), seconds))
    return verdicts


async def live_through(system: System, case: Case) -> Found:
    """What the case made, and what it touched."""
    made_before = {document.id for document in system.documents()}
    orders_before = await system.orders()
    system.platform.answers |= case.api
    refused = []
    for event in case.events:
        refused.append(await system.deliver(event.shop, event.topic, event.body, whole=event.whole))
        if event.pause:
            await system.come_to_rest()
        await system.live_for(timedelta(seconds=case.gap))
    await system.come_to_rest()
    orders = await system.orders()
    return Found(
        tuple(document for document in system.documents() if document.id not in made_before),
        {key: order for key, order in orders.items() if order != orders_before.get(key)},
        tuple(filter(None, refused)),
    )
