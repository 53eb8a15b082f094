"""What every source promises, by being in the registry."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bridge.errors import BadSignature, NeedsPerson, UnreadableBody
from bridge.orders import Event
from bridge.sources import REGISTRY
from tests.sources.signers import SIGNERS

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
A_TOPIC = {"shopify": "orders/paid", "stripe": "invoice.paid", "woocommerce": "order.updated"}
SIGNATURE = {
    "shopify": "x-shopify-hmac-sha256",
    "stripe": "stripe-signature",
    "woocommerce": "x-wc-webhook-signature",
}
A_SALE = {
    "shopify": b'{"id": 12, "note": "@"}',
    "stripe": b'{"id": "evt_1", "object": "event", "type": "invoice.paid", "livemode": true, "data": '
    b'{"object": {"id": "in_12", "object": "invoice", "description": "@"}}}',
    "woocommerce": b'{"id": 12, "date_modified_gmt": "2026-11-22T09:00:00", "customer_note": "@"}',
}
BODY = b'{"id": 1, "note": "caf\xc3\xa9"}'

pytestmark = pytest.mark.parametrize("platform", sorted(REGISTRY))


def test_every_source_has_a_signer(platform: str) -> None:
    assert platform in SIGNERS


def test_a_good_signature_passes_with_any_of_the_secrets(platform: str) -> None:
    headers = SIGNERS[platform](BODY, "new", A_TOPIC[platform], "d1", NOW)
    REGISTRY[platform].verify(headers, BODY, ["old", "new"], NOW)


@pytest.mark.parametrize("header", [None, "", "é", "====", "t=,v1=", "t=x,v1=00", "v1=", "a" * 5000, "\x00"])
def test_a_missing_or_malformed_signature_is_refused(platform: str, header: str | None) -> None:
    headers = SIGNERS[platform](BODY, "secret", A_TOPIC[platform], "d1", NOW)
    del headers[SIGNATURE[platform]]
    if header is not None:
        headers[SIGNATURE[platform]] = header
    with pytest.raises(BadSignature):
        REGISTRY[platform].verify(headers, BODY, ["secret"], NOW)


def test_a_forged_or_tampered_body_is_refused(platform: str) -> None:
    headers = SIGNERS[platform](BODY, "secret", A_TOPIC[platform], "d1", NOW)
    with pytest.raises(BadSignature):
        REGISTRY[platform].verify(headers, BODY + b" ", ["secret"], NOW)
    with pytest.raises(BadSignature):
        REGISTRY[platform].verify(headers, BODY, ["another"], NOW)


def test_no_secret_verifies_nothing(platform: str) -> None:
    headers = SIGNERS[platform](BODY, "secret", A_TOPIC[platform], "d1", NOW)
    with pytest.raises(BadSignature):
        REGISTRY[platform].verify(headers, BODY, [], NOW)


def test_a_stale_stamp_is_refused_where_there_is_one(platform: str) -> None:
    headers = SIGNERS[platform](BODY, "secret", A_TOPIC[platform], "d1", NOW - timedelta(hours=1))
    if platform == "stripe":
        with pytest.raises(BadSignature):
            REGISTRY[platform].verify(headers, BODY, ["secret"], NOW)
    else:
        REGISTRY[platform].verify(headers, BODY, ["secret"], NOW)


@pytest.mark.parametrize("body", [b"", b"not json", b"{", b"\xff\xfe", b'{"id": 1'])
def test_what_is_not_json_is_unreadable(platform: str, body: bytes) -> None:
    headers = SIGNERS[platform](body, "secret", A_TOPIC[platform], "d1", NOW)
    with pytest.raises(UnreadableBody):
        REGISTRY[platform].identify("boutique", headers, body)


ODD = [
    "null",
    "[]",
    "3",
    '"text"',
    "{}",
    '{"id": null}',
    '{"id": {}}',
    '{"id": [1]}',
    '{"id": true}',
    "[" * 900 + "]" * 900,
    '{"note": ' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"id": 1e400}',
    '{"note": NaN}',
    '{"data": []}',
    '{"data": {"object": []}}',
    '{"note": "\\ud800"}',
]


@pytest.mark.parametrize("text", ODD)
def test_json_that_is_no_order_is_named_not_dropped(platform: str, text: str) -> None:
    body = text.encode()
    headers = SIGNERS[platform](body, "secret", A_TOPIC[platform], "d1", NOW)
    identity = REGISTRY[platform].identify("boutique", headers, body)
    assert identity.event_id
    assert identity.alarm or identity.ignored
    assert not identity.order_key


@pytest.mark.parametrize("text", ODD)
def test_fold_answers_odd_events_with_a_person_not_a_crash(platform: str, text: str) -> None:
    event = Event(id="e", topic=A_TOPIC[platform], body=text.encode(), received_at=NOW)
    with pytest.raises(NeedsPerson) as caught:
        REGISTRY[platform].fold("boutique", f"{platform}:boutique:order:1", [event])
    assert len(caught.value.reason) < 400


def test_ids_are_read_past_what_nobody_looks_at(platform: str) -> None:
    """The quick reader steps over what it is not asked for; where it cannot, the body is read whole."""
    invoice = {"id": "in_1", "object": "invoice"}
    thing: dict[str, object] = {"id": 9007199254740993, "data": {"object": invoice}}
    if platform == "stripe":
        thing |= {"id": "evt_1", "object": "event", "type": "invoice.paid"}
    source, found = REGISTRY[platform], set()
    for extra in ({}, {"x": [{"y": 1.5}]}, {"x": "\ud800"}, {"x": float("nan")}, {"x": "é" * 9000}):
        body = json.dumps(thing | extra).encode()
        headers = SIGNERS[platform](body, "secret", A_TOPIC[platform], "d1", NOW)
        found.add(source.identify("boutique", headers, body).order_key)
    assert found == {
        f"{platform}:boutique:" + ("invoice:in_1" if platform == "stripe" else "order:9007199254740993")
    }


def test_an_unknown_topic_alarms(platform: str) -> None:
    body = json.dumps(
        {"id": "evt_1", "object": "event", "type": "planets.aligned", "data": {"object": {"id": 1}}}
    ).encode()
    headers = SIGNERS[platform](body, "secret", "planets.aligned", "d1", NOW)
    assert "planets.aligned" in REGISTRY[platform].identify("boutique", headers, body).alarm


def test_topics_are_handled_or_ignored_never_both(platform: str) -> None:
    source = REGISTRY[platform]
    assert source.HANDLED
    assert not source.HANDLED & set(source.IGNORED)
    assert all(reason for reason in source.IGNORED.values())


@pytest.mark.parametrize("odd", [b"\\ud83d", b"\xe9", b'", "n": ' + b"9" * 5_000 + b', "m": "'])
def test_what_a_cut_text_or_a_giant_number_surrounds_still_names_its_order(platform: str, odd: bytes) -> None:
    body = A_SALE[platform].replace(b"@", odd)
    headers = SIGNERS[platform](body, "secret", A_TOPIC[platform], "d1", NOW)
    identity = REGISTRY[platform].identify("boutique", headers, body)
    assert identity.order_key.endswith(":12") or identity.order_key.endswith(":in_12")
    assert (identity.order_key + identity.event_id).encode()
