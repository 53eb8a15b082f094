"""Any order, any repetition, any interleaving of an order's events ends in the same documents."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.billing.documents import documents_for
from bridge.billing.drafts import Documents
from bridge.billing.rounding import UNKNOWN
from bridge.billing.rules import InvoiceWhen, Rules
from bridge.errors import NeedsPerson
from bridge.orders import Event, Order
from bridge.reasons import Reason
from bridge.sources.registry import REGISTRY
from tests.sources.test_fixtures import CASES, FIXTURES, SHOP, event_of

RULES = (Rules(), Rules(invoice_when=InvoiceWhen.CREATED))


@dataclass(frozen=True, slots=True)
class Story:
    """All fixture events of one order."""

    platform: str
    key: str
    events: tuple[Event, ...]


def stories() -> list[Story]:
    """Every fixture that names companions, with them: the orders that several events tell."""
    told = []
    for case in CASES:
        platform, name = case.split("/")
        expected = json.loads((FIXTURES / platform / f"{name}.expected.json").read_text())
        along = expected.get("with", [])
        order_key = expected["identity"].get("ForOrder", {}).get("order_key")
        if along and order_key:
            events = (event_of(case), *(event_of(f"{platform}/{other}") for other in along))
            told.append(Story(platform, order_key, events))
    return told


def documents_of(story: Story, events: list[Event], rules: Rules) -> Documents | Reason | str:
    try:
        folded = REGISTRY[story.platform].fold(SHOP, story.key, events)
    except NeedsPerson as exc:
        return exc.reason
    return documents_for(folded, rules, UNKNOWN) if isinstance(folded, Order) else repr(folded)


STORIES = stories()


def test_there_are_stories_of_every_platform() -> None:
    assert {story.platform for story in STORIES} == set(REGISTRY)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.platform}-{story.events[0].id}"[:60])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_same_documents(story: Story, data: st.DataObject) -> None:
    every = list(range(len(story.events)))
    extra = data.draw(st.lists(st.sampled_from(every), max_size=5))
    order = data.draw(st.permutations(every + extra))
    rules = data.draw(st.sampled_from(RULES))
    shuffled = [story.events[index] for index in order]
    assert documents_of(story, shuffled, rules) == documents_of(story, list(story.events), rules)
