"""`preview`: what a payload would become; writes nothing, raises nothing that a person can cause."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.billing.rules import Rules
from bridge.desk.preview import as_json, preview
from bridge.reasons import because
from bridge.sources.registry import REGISTRY
from tests.sources.test_fixtures import CASES, FIXTURES

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
RULES = Rules()


def look(platform: str, body: bytes, topic: str = "") -> Any:
    return preview(REGISTRY[platform], "boutique", RULES, body, NOW, topic)


def body_of(case: str) -> tuple[str, bytes, str]:
    platform, name = case.split("/")
    topic = name.split("__")[0].replace("-", "/")
    return platform, (FIXTURES / platform / f"{name}.json").read_bytes(), topic


@pytest.mark.parametrize("case", CASES)
def test_every_fixture_has_a_verdict(case: str) -> None:
    result = look(*body_of(case))
    assert result.verdict.code
    json.dumps(as_json(result))


@pytest.mark.parametrize(
    ("case", "total", "currency"),
    [
        ("shopify/orders-paid__simple", "53.90", "EUR"),
        ("woocommerce/order.updated__paid_20", None, "EUR"),
        ("stripe/invoice.paid__basil_exclusive", None, "EUR"),
    ],
)
def test_a_sale_shows_its_customer_and_documents(case: str, total: str | None, currency: str) -> None:
    result = look(*body_of(case))
    shown = as_json(result)
    assert shown["verdict"].startswith("final invoice of ")
    assert shown["customer"]["key"].startswith(f"{case.split('/')[0]}:boutique:customer:")
    assert shown["invoice"]["currency"] == currency
    assert shown["invoice"]["total"] == (total or str(result.order.total))
    assert shown["invoice"]["lines"]
    assert shown["invoice"]["why"]


@pytest.mark.parametrize("platform", sorted(REGISTRY))
@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"null", b"[]", b"{}", b'{"id": 3}', b'{"object": {"a": 1}}']
)
def test_nonsense_is_a_verdict_too(platform: str, body: bytes) -> None:
    result = look(platform, body)
    expected = {"preview_attention", "preview_ignored", "preview_waits"}
    assert result.verdict.code in (expected if result.usable else {"preview_refused"})
    assert result.usable is (body not in (b"", b"nonsense"))


@pytest.mark.parametrize(
    "body", [b'{"object": []}', b'{"object": null}', b'{"object": {"object": "invoice"}}']
)
def test_a_bare_stripe_object_may_be_odd(body: bytes) -> None:
    assert look("stripe", body).verdict.code


def test_a_bare_stripe_invoice_is_taken_as_paid() -> None:
    event = json.loads((FIXTURES / "stripe" / "invoice.paid__basil_exclusive.json").read_bytes())
    bare = look("stripe", json.dumps(event["data"]["object"]).encode())
    whole = look("stripe", json.dumps(event).encode())
    assert bare.documents == whole.documents


def test_a_shopify_refund_is_recognised() -> None:
    body = (FIXTURES / "shopify" / "refunds-create__full.json").read_bytes()
    assert look("shopify", body).verdict.code == "preview_waits"


def test_a_shopify_draft_order_is_no_order() -> None:
    draft = look("shopify", b'{"id": 3, "invoice_sent_at": null, "line_items": []}')
    assert draft.verdict == because("preview_ignored", why=because("shopify_draft_order"))


def test_it_says_what_it_was_taken_for() -> None:
    assert look("shopify", b'{"id": 3}').topic == "orders/updated"
    assert look("shopify", b'{"id": 3}').guessed
    assert not look("shopify", b'{"id": 3}', "orders/delete").guessed
    assert look("shopify", b'{"id": 3}', "orders/delete").topic == "orders/delete"
    assert look("stripe", b'{"object": "invoice", "id": "in_1"}').topic == "invoice.paid"
    assert not look("stripe", b'{"object": "event", "type": "invoice.paid"}').guessed


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    look(*body_of("shopify/orders-paid__simple"))
    assert list(tmp_path.iterdir()) == []
