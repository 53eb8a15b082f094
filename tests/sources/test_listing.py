"""What every platform that can be asked for its sales promises: nothing here names one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from bridge.errors import UnreadableBody
from bridge.orders import PARIS, Event, Order
from bridge.sources.base import Alarm, ForOrder, Sample, Source
from bridge.sources.listing import Changed, Created, Listed, Listing, Named, Page, Question
from bridge.sources.registry import REGISTRY
from tests.sources.test_contract import NOW, ODD, event_of, key_of

HOST = "https://shop.example"
QUESTIONS: list[Question] = [
    Changed(since=NOW - timedelta(hours=1)),
    Created(since=NOW - timedelta(days=30), until=NOW),
    Named(name="1001"),
    Named(name="#1001 é&?/../x"),
    Named(name="in_1?x=/../.."),
]

pytestmark = pytest.mark.parametrize(
    "platform", [name for name in sorted(REGISTRY) if REGISTRY[name].LISTING]
)


@pytest.fixture
def source(platform: str) -> Source:
    return REGISTRY[platform]


@pytest.fixture
def listing(source: Source) -> Listing:
    assert source.LISTING
    return source.LISTING


@pytest.fixture
def sale(source: Source) -> Sample:
    return source.sample(NOW)


def first_path(listing: Listing) -> str:
    return listing.paths(QUESTIONS[0])[0]


def pages_with(listing: Listing, *entries: bytes) -> Iterator[Page]:
    """The page that holds these, in whatever form this platform reads."""
    content = b"[" + b",".join(entries) + b"]"
    for form in (b"%s", b'{"orders": %s}', b'{"object": "list", "has_more": false, "data": %s}'):
        try:
            yield listing.page("boutique", first_path(listing), {}, form % content)
        except UnreadableBody:
            continue


def listed(listing: Listing, entry: bytes) -> Listed:
    (page,) = pages_with(listing, entry)
    (found,) = page.listed
    return found


@pytest.mark.parametrize("question", QUESTIONS, ids=repr)
def test_the_key_goes_nowhere_but_to_the_shops_own_host(
    source: Source, listing: Listing, question: Question
) -> None:
    asked = listing.paths(question)
    assert len(asked) == len(set(asked)) > 0
    for path in asked:
        request = source.api_request(path, "the-key", HOST)
        assert urlsplit(request.url).hostname == urlsplit(HOST).hostname
        assert ".." not in urlsplit(request.url).path


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/x?page_info=1", "//evil.example/a", "x@evil.example"]
)
def test_no_answer_leads_the_key_to_another_host(
    source: Source, listing: Listing, sale: Sample, elsewhere: str
) -> None:
    headers = {"link": f'<{elsewhere}>; rel="next"', "x-wp-totalpages": "9"}
    entry = json.dumps(json.loads(sale.body) | {"id": elsewhere})
    for body in (f"[{entry}]", f'{{"orders": [{entry}], "has_more": true, "data": [{entry}]}}'):
        try:
            page = listing.page("boutique", first_path(listing), headers, body.encode())
        except UnreadableBody:
            continue
        if page.next:
            url = source.api_request(page.next, "the-key", HOST).url
            assert urlsplit(url).hostname == urlsplit(HOST).hostname


def test_a_listed_sale_is_the_order_that_its_webhook_tells(
    source: Source, listing: Listing, sale: Sample
) -> None:
    found = listed(listing, sale.body)
    assert isinstance(found.identity, ForOrder)
    key = key_of(source, sale.body, sale.topic)
    assert found.identity.order_key == key
    assert found.at == NOW
    event = Event(id=found.identity.event_id, topic=found.identity.topic, body=found.body, received_at=NOW)
    for events in ([event], [event_of(source, sale), event], [event, event]):
        order = source.fold("boutique", key, events)
        assert isinstance(order, Order)
        assert (order.number, order.total, order.paid, order.problems) == (sale.number, sale.paid, True, ())


def test_the_same_state_is_a_duplicate_and_another_is_not(listing: Listing, sale: Sample) -> None:
    again, changed = (
        listed(listing, sale.body),
        sale.body.replace(b'"EUR"', b'"USD"').replace(b'"eur"', b'"usd"'),
    )
    assert listed(listing, sale.body).identity == again.identity
    data = json.loads(changed)
    if data.get("object") == "event":
        data["id"] += "x"  # the platform itself tells events apart
    assert listed(listing, json.dumps(data).encode()).identity.event_id != again.identity.event_id


def test_amounts_keep_every_digit(listing: Listing, sale: Sample) -> None:
    """Also where the quick reader gives up: half an emoji somewhere on the page."""
    exact = b'{"zz": 0.10000000000000000555, ' + sale.body[1:]
    odd = b'{"zz": 0.10000000000000000555, "half": "\\ud83d", ' + sale.body[1:]
    for entry in (exact, odd):
        kept = json.loads(listed(listing, entry).body, parse_float=Decimal)
        assert Decimal(kept["zz"]) == Decimal("0.10000000000000000555")


@pytest.mark.parametrize("text", ODD)
def test_odd_entries_are_rows_and_no_stop(listing: Listing, sale: Sample, text: str) -> None:
    try:
        json.loads(text)
    except RecursionError:
        pytest.skip("no page that holds it is read at all")
    for page in pages_with(listing, text.encode(), sale.body):
        *_, good = page.listed
        assert isinstance(good.identity, ForOrder)
        assert all(isinstance(each.identity, Alarm) for each in page.listed[:-1])


@pytest.mark.parametrize(
    "body", [b"", b"x", b"3", b"null", b'{"errors": "no"}', b'{"orders": 1, "data": {}}']
)
def test_what_is_no_list_is_unreadable(listing: Listing, body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        listing.page("boutique", first_path(listing), {}, body)


def test_a_moment_is_asked_for_whatever_its_zone(listing: Listing) -> None:
    paris = NOW.astimezone(PARIS)
    assert listing.paths(Changed(since=paris)) == listing.paths(Changed(since=NOW))
