"""What fixture pairs cannot say about Stripe: signatures, arrival in any order, sums, and real payloads."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge.sources.stripe as stripe
from bridge.errors import BadSignature, NeedsPerson
from bridge.orders import Event, Folded, Incomplete, Order, RefundState, ZeroTaxReason
from bridge.reasons import because
from bridge.sources.base import ANSWER, Alarm, Ignored
from bridge.sources.stripe.reading import money
from bridge.sources.stripe.topics import ignored_because
from tests.sources.test_fixtures import event_of

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = "whsec_dGVzdA=="
BODY = b'{"id": "evt_1"}'
SHARED = Path(__file__).resolve().parents[3] / "shared" / "payloads" / "stripe"
TYPE_OF = {
    "invoice": "invoice.paid",
    "credit_note": "credit_note.created",
    "charge": "charge.refunded",
    "checkout.session": "checkout.session.completed",
    "customer": "customer.created",
    "refund": "refund.created",
}


def signed(at: datetime = NOW, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), b"%d." % at.timestamp() + BODY, hashlib.sha256).hexdigest()


def verify(header: str, now: datetime = NOW) -> None:
    stripe.verify({"stripe-signature": header}, BODY, [SECRET], now)


def stamp(at: datetime = NOW) -> str:
    return f"t={int(at.timestamp())}"


def test_the_secret_is_used_with_its_prefix() -> None:
    verify(f"{stamp()},v1={signed()}")
    with pytest.raises(BadSignature):
        verify(f"{stamp()},v1={signed(secret=SECRET.removeprefix('whsec_'))}")


@pytest.mark.parametrize(
    ("secret", "code"), [("sk_live_0123456789", "stripe_secret_without_prefix"), (SECRET, "")]
)
def test_a_key_of_the_api_is_no_secret(secret: str, code: str) -> None:
    problem = stripe.secret_problem(secret)
    assert (problem.code if problem else "") == code


def test_any_v1_counts_and_other_schemes_do_not() -> None:
    verify(f"{stamp()},v1={'0' * 64},v0={'1' * 64},v1={signed()}")
    with pytest.raises(BadSignature):
        verify(f"{stamp()},v0={signed()}")
    with pytest.raises(BadSignature):
        verify(f"{stamp()},v1={'0' * 64},v0={signed()}")


@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_the_stamp_may_be_five_minutes_off_either_way(seconds: int, good: bool) -> None:
    at = NOW + timedelta(seconds=seconds)
    if good:
        verify(f"{stamp(at)},v1={signed(at)}")
    else:
        with pytest.raises(BadSignature, match="stale"):
            verify(f"{stamp(at)},v1={signed(at)}")


@pytest.mark.parametrize(
    "header",
    [
        f"{stamp()},{stamp()},v1={signed()}",
        f"v1={signed()}",
        f"t=١٢,v1={signed()}",
        f"t=-1,v1={signed()}",
        f"t={'9' * 13},v1={signed()}",
        f"{stamp()},v1={signed().upper()}",
        f"{stamp()},v1={signed()[:-1]}",
        f"{stamp()},v1={signed()},{'v1=' + '0' * 64 + ','}" * 100,
    ],
)
def test_a_header_that_is_not_stripes_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        verify(header)


@pytest.mark.parametrize(
    ("topic", "ignored"),
    [
        ("customer.updated", True),
        ("customer.subscription.trial_will_end", True),
        ("price.created", True),
        ("invoice.created", True),
        ("invoice.paid", False),
        ("invoice.unheard_of", False),
        ("customers", False),
        ("charge.dispute.funds_withdrawn", False),
        ("", False),
    ],
)
def test_families_are_ignored_by_name(topic: str, ignored: bool) -> None:
    assert bool(ignored_because(topic)) is ignored


def test_the_longest_name_gives_the_reason() -> None:
    assert ignored_because("customer.subscription.created") == because("stripe_subscription")


def test_api_requests_carry_the_key_and_go_where_they_are_told() -> None:
    request = stripe.api_request("/v1/refunds?limit=100", "sk_test_1", "")
    assert request.url == "https://api.stripe.com/v1/refunds?limit=100"
    assert request.headers == {"authorization": "Bearer sk_test_1", "stripe-version": stripe.API_VERSION}
    assert stripe.api_request("/v1/x", "k", "http://127.0.0.1:9/").url == "http://127.0.0.1:9/v1/x"


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        ("EUR", "12.34"),
        ("JPY", "1234"),
        ("KRW", "1234"),
        ("KWD", "1.234"),
        ("HUF", "12.34"),
        ("ISK", "12.34"),
    ],
)
def test_minor_units_by_currency(currency: str, expected: str) -> None:
    assert str(money(Decimal(1234), currency)) == expected


def invoice_event(**fields: Any) -> Event:
    """An invoice.paid of a shop that charges no VAT, with what a test cares about."""
    invoice = {
        "id": "in_1",
        "status": "paid",
        "currency": "eur",
        "total": 1000,
        "created": 1793520000,
        "total_taxes": [],
        "lines": {"data": [{"id": "il_1", "amount": 1000, "description": "Vase", "taxes": []}]},
        **fields,
    }
    body = {"id": "evt_1", "type": "invoice.paid", "created": 1793520000, "data": {"object": invoice}}
    return Event(id="evt_1", topic="invoice.paid", body=json.dumps(body).encode(), received_at=NOW)


def rate_answer(body: bytes) -> Event:
    return Event(id="/v1/tax_rates/txr_1", topic="answer", body=body, received_at=NOW)


def taxed_line(amount: int, tax: int, reason: str | None = "standard_rated") -> dict[str, Any]:
    rate = {"tax_rate_details": {"tax_rate": "txr_1"}, "taxability_reason": reason}
    taxes = [{"amount": tax, "tax_behavior": "exclusive", **rate}]
    return {"id": f"il_{amount}", "amount": amount, "description": "Vase", "taxes": taxes}


def order_of(*events: Event) -> Order:
    folded = fold(*events)
    assert isinstance(folded, Order)
    return folded


def fold(*events: Event) -> Folded:
    return stripe.fold("boutique", "stripe:boutique:invoice:in_1", events)


@pytest.mark.parametrize("reason", [None, "not_available"])
def test_the_shops_own_rate_of_0_is_asked_for_by_its_id(reason: str | None) -> None:
    sold = invoice_event(lines={"data": [taxed_line(1000, 0, reason)]})
    asked = fold(sold)
    assert isinstance(asked, Incomplete)
    assert (asked.path, asked.needed) == ("/v1/tax_rates/txr_1", False)
    named = rate_answer(b'{"id": "txr_1", "percentage": 0.0, "display_name": "Exonere"}')
    (tax,) = order_of(sold, named).lines[0].taxes
    assert (tax.rate, tax.title, tax.reason) == (Decimal(0), "Exonere", ZeroTaxReason.ZERO_RATED)
    (tax,) = order_of(sold, rate_answer(b"{}")).lines[0].taxes
    assert (tax.rate, tax.id, tax.reason) == (None, "txr_1", None)


@pytest.mark.parametrize(
    "lines",
    [
        [taxed_line(2000, 400), taxed_line(2, 0)],
        [taxed_line(1000, 0, "not_subject_to_tax")],
        [taxed_line(0, 0)],
    ],
)
def test_stripe_is_not_asked_for_rates_that_are_told(lines: list[dict[str, Any]]) -> None:
    vat = sum(tax["amount"] for line in lines for tax in line["taxes"])
    total = vat + sum(line["amount"] for line in lines)
    taxes = [{"amount": vat}]
    assert order_of(invoice_event(lines={"data": lines}, total=total, total_taxes=taxes)).problems == ()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Camille Durand", "Camille", "Durand"),
        ("Marie de La Tour", "", "Marie de La Tour"),
        ("Madonna", "", "Madonna"),
        (None, "", ""),
    ],
)
def test_only_a_name_of_two_words_is_split(name: str | None, first: str, last: str) -> None:
    customer = order_of(invoice_event(customer_name=name)).customer
    assert (customer.first_name, customer.last_name, customer.company) == (first, last, "")


@pytest.mark.parametrize(("type_", "company"), [("eu_vat", "Dupont & fils"), ("fr_spi", "")])
def test_a_tax_id_makes_a_company_unless_it_is_a_persons(type_: str, company: str) -> None:
    tax_ids = [{"type": type_, "value": "FR1"}]
    assert (
        order_of(invoice_event(customer_name="Dupont & fils", customer_tax_ids=tax_ids)).customer.company
        == company
    )


def test_a_payment_without_status_and_its_time_is_dated_by_its_event() -> None:
    order = order_of(invoice_event(status=None, paid=True))
    assert order.paid_at == datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def test_several_allowed_methods_name_none() -> None:
    settings = {"payment_method_types": ["card", "link"]}
    (payment,) = order_of(invoice_event(payment_settings=settings)).movements
    assert (payment.method.value, payment.gateway) == ("other", "stripe")


def test_an_invoice_that_never_speaks_of_tax_is_not_taken_as_untaxed() -> None:
    lines = {"data": [{"id": "il_1", "amount": 1000, "description": "Vase"}]}
    assert order_of(invoice_event(lines=lines)).problems == ()
    silent = json.loads(invoice_event(lines=lines).body)
    del silent["data"]["object"]["total_taxes"]
    event = Event(id="evt_1", topic="invoice.paid", body=json.dumps(silent).encode(), received_at=NOW)
    assert order_of(event).problems == (because("stripe_silent_on_tax", id="in_1"),)


PATH = "/v1/invoices/in_1/lines?limit=100"


def page(path: str, *ids: str, more: bool = True) -> Event:
    data = [{"id": id_, "amount": 500, "description": "Vase", "taxes": []} for id_ in ids]
    body = json.dumps({"object": "list", "data": data, "has_more": more}).encode()
    return Event(id=path, topic=ANSWER, body=body, received_at=NOW)


def test_an_invoice_event_without_lines_asks_for_them() -> None:
    folded = fold(invoice_event(lines=None))
    assert isinstance(folded, Incomplete)
    assert folded.path == PATH
    assert folded.reason == because("stripe_invoice_cut", invoice="in_1", shop="boutique")


def test_fewer_lines_than_the_total_count_are_fetched_too() -> None:
    lines = {"data": [{"id": "il_1", "amount": 1000, "taxes": []}], "has_more": False, "total_count": 2}
    assert isinstance(fold(invoice_event(lines=lines)), Incomplete)


def test_pages_that_go_round_in_circles_ask_a_person() -> None:
    circle = [
        page(PATH, "il_a"),
        page(f"{PATH}&starting_after=il_a", "il_b"),
        page(f"{PATH}&starting_after=il_b", "il_a"),
    ]
    with pytest.raises(NeedsPerson, match="stripe_endless_list"):
        fold(invoice_event(lines=None), *circle)


def test_an_answer_that_is_no_list_asks_a_person() -> None:
    answer = Event(id=PATH, topic=ANSWER, body=b'{"error": {"type": "api_error"}}', received_at=NOW)
    with pytest.raises(NeedsPerson, match="payload_not_understood"):
        fold(invoice_event(lines=None), answer)


def test_the_later_of_two_answers_counts() -> None:
    early, late = page(PATH, "il_a", more=False), page(PATH, "il_a", "il_b", more=False)
    answers = [early, Event(id=PATH, topic=ANSWER, body=late.body, received_at=NOW + timedelta(seconds=1))]
    for order in permutations([invoice_event(lines=None), *answers]):
        assert len(order_of(*order).lines) == 2


def test_two_shapes_of_one_invoice_make_one_order() -> None:
    """Two addresses of one account can be pinned to different API versions."""
    new = json.loads(event_of("stripe/invoice.paid__old_exclusive").body)
    new["id"] = "evt_other"
    line = new["data"]["object"]["lines"]["data"][0]
    entry = {"amount": 2000, "tax_behavior": "exclusive", "tax_rate_details": {"tax_rate": "txr_fr20"}}
    del line["tax_amounts"], new["data"]["object"]["payment_intent"], new["data"]["object"]["charge"]
    line["taxes"] = [entry]
    basil = Event(id="evt_other", topic="invoice.paid", body=json.dumps(new).encode(), received_at=NOW)
    old = event_of("stripe/invoice.paid__old_exclusive")
    both = order_of(old, basil)
    assert both == order_of(basil, old)
    assert (both.total, both.lines[0].gross, both.lines[0].tax) == (Decimal(120), Decimal(120), Decimal(20))


REFUND_STORIES = [
    [
        "refund.created__partial",
        "credit_note.created__old_with_refund",
        "charge.refunded__cumulative_explained",
    ],
    ["refund.created__pending", "refund.updated__succeeded", "refund.failed__bank"],
    ["refund.created__partial", "charge.refunded__embedded", "charge.refund.updated__partial"],
    ["credit_note.created__mixed", "refund.created__partial", "charge.refunded__cumulative"],
    ["credit_note.created__out_of_band", "refund.created__partial"],
    ["credit_note.updated__balance_and_refund_unclear", "refund.created__partial"],
]


@pytest.mark.parametrize("story", REFUND_STORIES)
def test_what_was_credited_on_the_way_is_known_at_the_end(story: list[str]) -> None:
    """Whatever came first and was acted on at once, the end knows it by one of its ids, and what had its
    lines by the same amount."""
    events = [event_of(f"stripe/{name}") for name in ["invoice.paid__old_exclusive", *story]]
    end = {name: each.amount for each in order_of(*events).reductions for name in (each.id, *each.refunds)}
    for arrival in permutations(events):
        for count in range(1, len(arrival) + 1):
            folded = fold(*arrival[:count])
            if isinstance(folded, Order):
                done = [one for one in folded.reductions if one.state is RefundState.DONE]
                assert all(end[one.id] >= one.amount for one in done)
                assert all(end[one.id] == one.amount for one in done if not one.heard_at)


def test_an_old_note_shared_with_the_balance_is_one_reduction_with_or_without_its_refund() -> None:
    note = json.loads(event_of("stripe/credit_note.updated__balance_and_refund_unclear").body)
    note["data"]["object"]["total"] = 4000
    events = [
        event_of("stripe/invoice.paid__old_exclusive"),
        Event(id="evt_cn", topic="credit_note.updated", body=json.dumps(note).encode(), received_at=NOW),
    ]
    for more, paid_back in (((), 0), ((event_of("stripe/refund.created__partial"),), 30)):
        (note_of_40,) = order_of(*events, *more).reductions
        assert (note_of_40.id, note_of_40.refunds, note_of_40.amount) == ("cn_g", ("re_part",), Decimal(40))
        assert note_of_40.paid_back == paid_back


def test_nothing_follows_a_voided_note() -> None:
    late = json.loads(event_of("stripe/credit_note.created__pre_payment").body)
    late["created"] += 999_999
    events = [
        event_of("stripe/invoice.finalized__open"),
        event_of("stripe/credit_note.voided__pre_payment"),
        Event(id="evt_l", topic="credit_note.updated", body=json.dumps(late).encode(), received_at=NOW),
    ]
    assert [refund.state for refund in order_of(*events).reductions] == [RefundState.FAILED]


@given(
    amounts=st.lists(st.integers(1, 100_000), min_size=1, max_size=8),
    percent=st.decimals("0.5", "100", places=1),
)
def test_an_old_coupon_is_spread_to_the_cent(amounts: list[int], percent: Decimal) -> None:
    off = round(sum(amounts) * percent / 100)
    lines = [{"id": f"il_{n}", "amount": amount, "tax_amounts": []} for n, amount in enumerate(amounts)]
    coupon = {"object": "discount", "coupon": {"id": "C", "percent_off": float(percent)}}
    total = sum(amounts) - off
    order = order_of(invoice_event(total=total, lines={"data": lines}, discount=coupon))
    assert order.problems == ()
    assert sum(line.gross for line in order.lines) == order.total
    assert sum(line.discount for line in order.lines) == money(Decimal(off), "EUR")


@given(
    lines=st.lists(
        st.tuples(
            st.integers(-50_000, 100_000), st.integers(0, 5_000), st.integers(0, 20_000), st.booleans()
        ),
        min_size=1,
        max_size=6,
    )
)
def test_gross_is_what_stripe_charges_in_both_shapes(lines: list[tuple[int, int, int, bool]]) -> None:
    """amount − discounts + exclusive taxes, inclusive ones being inside, old shape and new."""
    total = sum(amount - off + (0 if inside else tax) for amount, off, tax, inside in lines)
    new, old = [], []
    for number, (amount, off, tax, inside) in enumerate(lines):
        common = {
            "id": f"il_{number}",
            "amount": amount,
            "discount_amounts": [{"amount": off, "discount": "di_1"}],
        }
        behavior = "inclusive" if inside else "exclusive"
        rate = {"tax_rate_details": {"tax_rate": "txr_1"}}
        new.append({**common, "taxes": [{"amount": tax, "tax_behavior": behavior, **rate}]})
        old.append({**common, "tax_amounts": [{"amount": tax, "inclusive": inside, "tax_rate": "txr_1"}]})
    unknown = rate_answer(b"{}")
    orders = [
        order_of(invoice_event(total=total, lines={"data": data}, total_taxes=None), unknown)
        for data in (new, old)
    ]
    assert orders[0] == orders[1]
    assert orders[0].problems == ()
    assert sum(line.tax for line in orders[0].lines) == money(Decimal(sum(line[2] for line in lines)), "EUR")


def real_payloads() -> list[Path]:
    return sorted(SHARED.glob("*.json"))


def real_event(path: Path) -> bytes:
    content = json.loads(path.read_text())
    if content.get("object") == "event":
        return path.read_bytes()
    thing = content["object"] if isinstance(content["object"], dict) else content
    event = {
        "id": "evt_real",
        "object": "event",
        "type": TYPE_OF[thing["object"]],
        "created": 1793520000,
        "data": {"object": thing},
    }
    return json.dumps(event).encode()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the corpus of real payloads is not beside the repository")
@pytest.mark.parametrize("path", real_payloads(), ids=lambda path: path.stem)
def test_every_real_payload_is_understood_and_adds_up(path: Path) -> None:
    body = real_event(path)
    identity = stripe.identify("boutique", {}, body)
    assert not isinstance(identity, Alarm)
    if isinstance(identity, Ignored):
        return
    event = Event(id=identity.event_id, topic=identity.topic, body=body, received_at=NOW)
    folded = stripe.fold("boutique", identity.key("stripe", "boutique"), [event])
    if isinstance(folded, Order):
        assert folded.problems == ()
        assert sum(line.gross for line in folded.lines) == folded.total


@pytest.mark.skipif(not SHARED.is_dir(), reason="the corpus of real payloads is not beside the repository")
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("credit_note_2019_with_refund", 1),
        ("credit_note_2025_clover_custom_line", 0),
        ("credit_note_EUR_exclusive_21pct_post_payment", 1),
        ("credit_note_USD_pre_payment", 0),
    ],
)
def test_real_credit_notes_are_one_refund_of_their_total(name: str, lines: int) -> None:
    body = real_event(SHARED / f"{name}.json")
    note = json.loads(body)["data"]["object"]
    event = Event(id="evt_cn", topic="credit_note.created", body=body, received_at=NOW)
    (refund,) = order_of(invoice_event(currency=note["currency"]), event).reductions
    assert (refund.amount, len(refund.lines)) == (money(Decimal(note["total"]), "EUR"), lines)
