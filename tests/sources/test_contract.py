"""What every platform promises, by being in the registry: nothing here names one.

That a new one is a package and a line is shown by the toy, which stands in the tests and is registered here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bridge.billing.rules import Rules
from bridge.desk.preview import preview
from bridge.errors import BadSignature, NeedsPerson, UnreadableBody
from bridge.orders import Event, Order
from bridge.runtime.check import findings
from bridge.runtime.wiring import open_services
from bridge.sources.base import Alarm, ForOrder, Ignored, Sample, Source
from bridge.sources.registry import REGISTRY
from bridge.texts import LANGUAGES, catalogue, text_of
from tests.sources import toy_platform
from tests.worlds import in_process
from tests.worlds.in_process import bridge_here, served, settings_for

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CORPUS = Path(__file__).parents[3] / "shared" / "payloads"
SECRET = "whsec_0123456789abcdef"
PLATFORMS = sorted([*REGISTRY, toy_platform.PLATFORM])

pytestmark = pytest.mark.parametrize("platform", PLATFORMS)


@pytest.fixture(scope="module", autouse=True)
def _toy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, toy_platform.PLATFORM, toy_platform)
        yield


@pytest.fixture
def source(platform: str) -> Source:
    return REGISTRY[platform]


@pytest.fixture
def sale(source: Source) -> Sample:
    return source.sample(NOW)


def signed(
    source: Source, body: bytes, topic: str, *, secret: str = SECRET, at: datetime = NOW
) -> dict[str, str]:
    return source.sign(body, secret, topic, "d1", at)


def identified(source: Source, body: bytes, topic: str) -> ForOrder | Ignored | Alarm:
    return source.identify("boutique", signed(source, body, topic), body)


def event_of(source: Source, sale: Sample) -> Event:
    """As it comes out of the store: of its headers, only those that the source asks to keep."""
    headers = signed(source, sale.body, sale.topic)
    kept = {name: headers[name] for name in source.KEPT_HEADERS if name in headers}
    found = identified(source, sale.body, sale.topic)
    return Event(id=found.event_id, topic=found.topic, body=sale.body, received_at=NOW, headers=kept)


def key_of(source: Source, body: bytes, topic: str) -> str:
    found = identified(source, body, topic)
    assert isinstance(found, ForOrder), found
    assert found.order_key
    return found.order_key


def with_member(sale: Sample, text: bytes) -> bytes:
    """The sale with one member more, first of all; `text` is its JSON, or what should be."""
    return sale.body.replace(b"{", b'{"zz": ' + text + b", ", 1)


# --- signatures


def signature_headers(source: Source, sale: Sample) -> list[str]:
    """Those that depend on the secret."""
    one = signed(source, sale.body, sale.topic)
    other = signed(source, sale.body, sale.topic, secret="another")
    return [name for name in one if one[name] != other[name]]


def test_a_good_signature_passes_with_any_of_the_secrets(source: Source, sale: Sample) -> None:
    headers = signed(source, sale.body, sale.topic, secret="new")
    source.verify(headers, sale.body, ["old", "new"], NOW)


@pytest.mark.parametrize("header", [None, "", "é", "====", "t=,v1=", "t=x,v1=00", "v1=", "a" * 5000, "\x00"])
def test_a_bad_signature_is_refused(source: Source, sale: Sample, header: str | None) -> None:
    names = signature_headers(source, sale)
    assert names
    for name in names:
        headers = signed(source, sale.body, sale.topic)
        del headers[name]
        if header is not None:
            headers[name] = header
        with pytest.raises(BadSignature):
            source.verify(headers, sale.body, [SECRET], NOW)


def test_a_forged_or_tampered_body_is_refused(source: Source, sale: Sample) -> None:
    headers = signed(source, sale.body, sale.topic)
    for body, secrets in ((sale.body + b" ", [SECRET]), (sale.body, ["another"]), (sale.body, [])):
        with pytest.raises(BadSignature):
            source.verify(headers, body, secrets, NOW)


def test_a_stale_stamp_is_refused_where_one_is_signed(source: Source, sale: Sample) -> None:
    old = signed(source, sale.body, sale.topic, at=NOW - timedelta(hours=1))
    new = signed(source, sale.body, sale.topic)
    if all(old[name] == new[name] for name in signature_headers(source, sale)):
        source.verify(old, sale.body, [SECRET], NOW)
    else:
        with pytest.raises(BadSignature):
            source.verify(old, sale.body, [SECRET], NOW)


# --- which event


@pytest.mark.parametrize("body", [b"", b"not json", b"{", b"\xff\xfe", b'{"id": 1'])
def test_what_is_not_json_is_unreadable(source: Source, sale: Sample, body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        identified(source, body, sale.topic)
    with pytest.raises(UnreadableBody):
        source.as_delivered(body, "")


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
def test_json_that_is_no_order_is_named_not_dropped(source: Source, sale: Sample, text: str) -> None:
    found = identified(source, text.encode(), sale.topic)
    assert found.event_id
    assert not isinstance(found, ForOrder)
    assert all(text_of(found.reason, lang) for lang in LANGUAGES)


@pytest.mark.parametrize("text", ODD)
def test_fold_answers_odd_events_with_a_person_not_a_crash(source: Source, sale: Sample, text: str) -> None:
    event = replace(event_of(source, sale), body=text.encode())
    with pytest.raises(NeedsPerson) as caught:
        source.fold("boutique", f"{source.PLATFORM}:boutique:order:1", [event])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "odd",
    [
        b"1",
        b'[{"y": 1.5}]',
        b'"\\ud800"',
        b'"\\ud83d cut"',
        b"NaN",
        b'"\xe9"',
        b'"' + b"\xc3\xa9" * 9000 + b'"',
        b"9" * 5_000,
    ],
    ids=lambda odd: repr(odd[:12]),
)
def test_ids_are_read_past_what_nobody_looks_at(source: Source, sale: Sample, odd: bytes) -> None:
    """The quick reader steps over what it is not asked for; where it cannot, the body is read whole."""
    key = key_of(source, with_member(sale, odd), sale.topic)
    assert key == key_of(source, sale.body, sale.topic)
    assert identified(source, with_member(sale, odd), sale.topic).event_id.encode()


def test_an_unknown_topic_alarms_and_is_named(source: Source) -> None:
    delivery = source.as_delivered(b'{"id": 1}', "planets.aligned")
    found = identified(source, delivery.body, delivery.topic)
    assert isinstance(found, Alarm)
    assert "planets.aligned" in text_of(found.reason)


def test_topics_are_handled_or_ignored_never_both(source: Source) -> None:
    assert source.HANDLED
    assert not source.HANDLED & set(source.IGNORED)
    assert {reason.code for reason in source.IGNORED.values()} <= catalogue().keys()


# --- what it means


def test_the_sample_is_a_paid_order(source: Source, sale: Sample) -> None:
    key = key_of(source, sale.body, sale.topic)
    assert key.startswith(f"{source.PLATFORM}:boutique:")
    event = event_of(source, sale)
    folded = source.fold("boutique", key, [event])
    assert isinstance(folded, Order)
    assert (folded.key, folded.platform, folded.shop) == (key, source.PLATFORM, "boutique")
    assert (folded.number, folded.total, folded.paid, folded.problems) == (sale.number, sale.paid, True, ())
    assert source.fold("boutique", key, [event, event]) == folded


# --- a payload out of a file


def test_the_sample_is_recognised_by_its_own_platform_alone(source: Source, sale: Sample) -> None:
    data = json.loads(sale.body)
    assert [name for name, each in REGISTRY.items() if each.recognise(data)] == [source.PLATFORM]
    assert source.recognise(data) in source.HANDLED
    assert [source.recognise(json.loads(text)) for text in ("null", "[]", "{}", '{"id": 3}')] == [""] * 4


def test_no_real_payload_is_taken_for_another_platforms(source: Source) -> None:
    files = sorted((CORPUS / source.PLATFORM).glob("*.json"))
    if not files:
        pytest.skip("there are no real payloads beside the repository")
    for path in files:
        takers = {name for name, each in REGISTRY.items() if each.recognise(json.loads(path.read_bytes()))}
        assert takers <= {source.PLATFORM}, path.stem


def test_a_preview_of_the_sample_shows_its_invoice(source: Source, sale: Sample) -> None:
    seen = preview(source, "boutique", Rules(), sale.body, NOW)
    assert seen.usable
    assert seen.documents
    assert seen.documents.invoice
    assert seen.documents.invoice.total == sale.paid
    assert seen.topic in source.HANDLED


def test_a_preview_of_another_platforms_sample_says_whose_it_is(source: Source) -> None:
    for other in REGISTRY.values():
        if other is not source:
            seen = preview(source, "boutique", Rules(), other.sample(NOW).body, NOW)
            assert not seen.usable
            said = f"this looks like a {other.TITLE} order; shop boutique is {source.TITLE}"
            assert text_of(seen.verdict) == said


# --- the running bridge


@pytest.fixture
def one_shop(platform: str, sale: Sample, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bridges of this test serve one shop, which is on this platform."""
    monkeypatch.setattr(in_process, "SHOPS", {sale.shop: platform})
    monkeypatch.setattr(in_process, "SECRETS", {sale.shop: (SECRET,)})
    return sale.shop


async def test_a_signed_sample_is_received_counted_and_invoiced(
    source: Source, one_shop: str, redis: Any, redis_url: str
) -> None:
    sale = source.sample(datetime.now(UTC))
    async with bridge_here(redis_url) as here:
        key = await here.accept(sale.body, sale.topic, shop=one_shop)
        labels = f'outcome="accepted",platform="{source.PLATFORM}",topic="{sale.topic}"'
        assert f"bridge_events_total{{{labels}}} 1.0" in here.services.metrics.render().decode()
        assert (await here.sync(key))["state"] == "done"
        (invoice,) = here.invoices(key)
        assert invoice.totals.total_with_vat == sale.paid


@pytest.mark.parametrize(("secret", "state"), [(SECRET, "ok"), ("whsec_short", "warn")])
async def test_bridge_check_looks_at_the_shops_secret(
    one_shop: str, redis: Any, redis_url: str, secret: str, state: str
) -> None:
    async with served() as (url, _):
        changed: dict[str, Any] = {one_shop: {"secrets": (SecretStr(secret),)}}
        settings = settings_for(Path("unused"), url, **changed)
        async with open_services(settings, redis_url) as services:
            seen = [each async for each in findings(settings, services) if each.name == f"shop {one_shop}"]
    assert [each.state for each in seen] == [state]
