"""Every fixture pair: `<topic>__<case>.json` is a webhook's body, the `.expected.json` beside it its meaning.

The topic is the part before `__`, with `-` for `/`. The expected file holds `identity` and `outcome` (the
folded value), each without its defaults and under the name of its class; reasons as they are stored.
`with` lists further fixtures that are folded along. To see what a new fixture gives:
`python -m tests.sources.test_fixtures <platform>/<topic>__<case>`; check it by hand before you keep it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import NeedsPerson
from bridge.orders import Event
from bridge.reasons import Reason
from bridge.sources.base import ANSWER, ForOrder, Identity
from bridge.sources.registry import REGISTRY

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SHOP = "boutique"
CASES = sorted(
    f"{path.parent.name}/{path.stem}"
    for path in FIXTURES.glob("*/*.json")
    if not path.stem.endswith(".expected") and not path.stem.startswith("answer__")
)


def plain(value: Any) -> Any:
    """A domain value as JSON, defaults left out."""
    if isinstance(value, Reason):
        return value.as_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {}
        for item in dataclasses.fields(value):
            content = getattr(value, item.name)
            if item.default is dataclasses.MISSING or content != item.default:
                shown[item.name] = plain(content)
        return shown
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def body_of(case: str) -> tuple[bytes, str]:
    """A fixture's body and topic."""
    name = case.partition("/")[2]
    return (FIXTURES / f"{case}.json").read_bytes(), name.partition("__")[0].replace("-", "/")


def identity_of(case: str) -> tuple[Identity, dict[str, str]]:
    """Which event it is, and what is kept of its headers."""
    platform, name = case.split("/")
    body, topic = body_of(case)
    source = REGISTRY[platform]
    headers = source.sign(body, "secret", topic, f"delivery-{name}", NOW)
    kept = {k: v for k, v in headers.items() if k in source.KEPT_HEADERS}
    return source.identify(SHOP, headers, body), kept


def event_of(case: str) -> Event:
    body, topic = body_of(case)
    if topic == ANSWER:
        content = json.loads(body)
        answer = json.dumps(content["answer"]).encode()
        return Event(id=content["path"], topic=topic, body=answer, received_at=NOW)
    identity, kept = identity_of(case)
    return Event(id=identity.event_id, topic=identity.topic, body=body, received_at=NOW, headers=kept)


def outcome_of(platform: str, order_key: str, events: list[Event]) -> dict[str, Any]:
    try:
        folded = REGISTRY[platform].fold(SHOP, order_key, events)
    except NeedsPerson as exc:
        return {"NeedsPerson": plain(exc.reason)}
    return {type(folded).__name__: plain(folded)}


def result_of(case: str, along: list[str]) -> dict[str, Any]:
    platform = case.split("/")[0]
    identity, _ = identity_of(case)
    result: dict[str, Any] = {"identity": {type(identity).__name__: plain(identity)}}
    if along:
        result["with"] = along
    if isinstance(identity, ForOrder):
        events = [event_of(case), *(event_of(f"{platform}/{name}") for name in along)]
        result["outcome"] = outcome_of(platform, identity.key(platform, SHOP), events)
    return result


@pytest.mark.parametrize("case", CASES)
def test_fixture(case: str) -> None:
    platform, name = case.split("/")
    expected = json.loads((FIXTURES / platform / f"{name}.expected.json").read_text())
    assert result_of(case, expected.get("with", [])) == expected


@pytest.mark.parametrize("case", CASES)
def test_any_order_and_repetition_folds_to_the_same(case: str) -> None:
    platform, name = case.split("/")
    expected = json.loads((FIXTURES / platform / f"{name}.expected.json").read_text())
    if "outcome" not in expected:
        return
    events = [event_of(case), *(event_of(f"{platform}/{other}") for other in expected.get("with", []))]
    identity, _ = identity_of(case)
    assert isinstance(identity, ForOrder)
    key = identity.key(platform, SHOP)
    for shuffled in list(permutations([*events, events[0]]))[:200]:
        assert outcome_of(platform, key, list(shuffled)) == expected["outcome"]


if __name__ == "__main__":
    print(json.dumps(result_of(sys.argv[1], sys.argv[2:]), indent=1, ensure_ascii=False))
