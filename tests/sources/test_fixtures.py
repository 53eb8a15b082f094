"""Every fixture pair: `<topic>__<case>.json` is a webhook's body, the `.expected.json` beside it its meaning.

The topic is the part before `__`, with `-` for `/`. The expected file holds `identity` (the fields of
`Identity` that are set) and `outcome` (the folded value without its defaults, under the name of its class).
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
from bridge.sources import REGISTRY
from tests.sources.signers import SIGNERS

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SHOP = "boutique"
CASES = sorted(
    f"{path.parent.name}/{path.stem}"
    for path in FIXTURES.glob("*/*.json")
    if not path.stem.endswith(".expected") and not path.stem.startswith("fetched__")
)


def plain(value: Any) -> Any:
    """A domain value as JSON, defaults left out."""
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


def event_of(case: str) -> Event:
    platform, name = case.split("/")
    body = (FIXTURES / platform / f"{name}.json").read_bytes()
    topic = name.split("__")[0].replace("-", "/")
    if topic == "fetched":
        path = json.loads(body)["path"]
        return Event(
            id=path, topic=topic, body=json.dumps(json.loads(body)["answer"]).encode(), received_at=NOW
        )
    headers = SIGNERS[platform](body, "secret", topic, f"delivery-{name}", NOW)
    identity = REGISTRY[platform].identify(SHOP, headers, body)
    kept = {k: v for k, v in headers.items() if k in REGISTRY[platform].KEPT_HEADERS}
    return Event(id=identity.event_id, topic=identity.topic, body=body, received_at=NOW, headers=kept)


def identity_of(case: str) -> dict[str, Any]:
    platform, name = case.split("/")
    body = (FIXTURES / platform / f"{name}.json").read_bytes()
    topic = name.split("__")[0].replace("-", "/")
    headers = SIGNERS[platform](body, "secret", topic, f"delivery-{name}", NOW)
    shown: dict[str, Any] = plain(REGISTRY[platform].identify(SHOP, headers, body))
    return shown


def outcome_of(platform: str, order_key: str, events: list[Event]) -> dict[str, Any]:
    try:
        folded = REGISTRY[platform].fold(SHOP, order_key, events)
    except NeedsPerson as exc:
        return {"NeedsPerson": exc.reason}
    return {type(folded).__name__: plain(folded)}


def result_of(case: str, along: list[str]) -> dict[str, Any]:
    platform = case.split("/")[0]
    identity = identity_of(case)
    key = identity.get("order_key", "")
    result: dict[str, Any] = {"identity": identity}
    if along:
        result["with"] = along
    if key or identity.get("links"):
        events = [event_of(case), *(event_of(f"{platform}/{name}") for name in along)]
        result["outcome"] = outcome_of(platform, key, events)
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
    key = expected["identity"].get("order_key", "")
    for shuffled in list(permutations([*events, events[0]]))[:200]:
        assert outcome_of(platform, key, list(shuffled)) == expected["outcome"]


if __name__ == "__main__":
    print(json.dumps(result_of(sys.argv[1], sys.argv[2:]), indent=1, ensure_ascii=False))
