"""What the fixture pairs cannot say of WooCommerce: signatures, clocks, odd shapes, and real payloads."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge.sources.woocommerce as woocommerce
from bridge.errors import BadSignature, NeedsPerson
from bridge.movements import PaymentMethod
from bridge.orders import Event, Ignored, Incomplete, Order
from bridge.reasons import because
from bridge.sources.base import Alarm, Identity
from bridge.sources.woocommerce import sign
from bridge.texts import text_of

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parent / "fixtures" / "woocommerce"
PAYLOADS = Path(__file__).parents[3] / "shared" / "payloads" / "woocommerce"
FORM = "application/x-www-form-urlencoded"


def body_of(name: str, **changed: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text(), parse_float=str)
    return loaded | changed


def event_of(body: object, topic: str = "order.updated", received_at: datetime = NOW) -> Event:
    return Event(id="e", topic=topic, body=json.dumps(body).encode(), received_at=received_at)


def fold(*events: Event, number: int = 1001) -> Any:
    return woocommerce.fold("boutique", f"woocommerce:boutique:order:{number}", events)


def order(*events: Event) -> Order:
    folded = fold(*events)
    assert isinstance(folded, Order)
    return folded


PAID = body_of("order.updated__paid_20")
PENDING = body_of("order.created__pending", id=1001)
DELETION = {"id": 1001}


# --- receiving ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "ping"),
    [
        ({"content-type": FORM}, b"webhook_id=7", True),
        ({"content-type": f"{FORM}; charset=UTF-8"}, b"webhook_id=7", True),
        ({"content-type": FORM, "x-wc-webhook-topic": "order.created"}, b"webhook_id=7", False),
        ({"content-type": "application/json"}, b"webhook_id=7", False),
        ({}, b"webhook_id=7", False),
        ({"content-type": FORM}, b"webhook_id=7&x=1", False),
        ({"content-type": FORM}, b"webhook_id=7\n", False),
        ({"content-type": FORM}, b"webhook_id=", False),
        ({"content-type": FORM}, b"", False),
    ],
)
def test_only_the_bare_form_of_a_new_webhook_is_a_ping(
    headers: dict[str, str], body: bytes, ping: bool
) -> None:
    assert woocommerce.is_ping(headers, body) is ping


def test_a_signature_that_openssl_made_passes() -> None:
    """`printf '{"id": 1}' | openssl dgst -sha256 -hmac secret -binary | base64`"""
    signature = "HmaC4Bw8oKa+/A6Wm3oTLEyqJmv+tDIzcqPNO7NS3Do="
    woocommerce.verify({"x-wc-webhook-signature": signature}, b'{"id": 1}', ["secret"], NOW)


@pytest.mark.parametrize(("secret", "code"), [("cs_0123456789abcdef", "woo_secret_is_api_key"), ("x", "")])
def test_a_key_of_the_api_is_no_secret(secret: str, code: str) -> None:
    problem = woocommerce.secret_problem(secret)
    assert (problem.code if problem else "") == code


@pytest.mark.parametrize(
    ("typed", "signs_with"),
    [
        ("plain", "plain"),
        ("a&amp;b&quot;c", 'a&b"c'),
        ("it&#039;s &lt;it&#x27;&#38;", "it's <it'&"),
        ("&amp;lt;", "&lt;"),
        ("caf&eacute;", "caf&eacute;"),
    ],
)
def test_a_secret_signs_as_wordpress_decodes_it(typed: str, signs_with: str) -> None:
    body = b'{"id": 1}'
    headers = sign(body, signs_with, "order.updated", "d", NOW)
    woocommerce.verify(headers, body, ["other", typed], NOW)
    woocommerce.verify(sign(body, typed, "order.updated", "d", NOW), body, [typed], NOW)
    with pytest.raises(BadSignature):
        woocommerce.verify(headers, body, ["other"], NOW)


def test_wordpress_decodes_only_its_five_characters() -> None:
    headers = sign(b"{}", "café", "order.updated", "d", NOW)
    with pytest.raises(BadSignature):
        woocommerce.verify(headers, b"{}", ["caf&eacute;"], NOW)


def identify(body: object, topic: str = "order.updated", delivery: str = "d") -> Identity:
    raw = json.dumps(body).encode()
    return woocommerce.identify("boutique", sign(raw, "s", topic, delivery, NOW), raw)


def alarm_of(body: object, topic: str = "order.updated") -> str:
    identity = identify(body, topic)
    assert isinstance(identity, Alarm)
    return text_of(identity.reason)


def test_two_orders_in_one_second_are_two_events_and_one_repeated_is_one() -> None:
    assert identify(PAID).event_id != identify(PAID | {"id": 1002}).event_id
    assert identify(PAID).event_id != identify(PAID | {"status": "completed"}).event_id
    assert identify(PAID).event_id != identify(PAID, "order.created").event_id
    assert identify(PAID, delivery="x").event_id == identify(PAID, delivery="y").event_id


def test_a_second_deletion_of_the_same_order_is_another_event() -> None:
    assert (
        identify(DELETION, "order.deleted", "x").event_id != identify(DELETION, "order.deleted", "y").event_id
    )


@pytest.mark.parametrize("number", [0, -1, 10**20, 10**4000, 1.5, "", "0", "x1", "٣", "1" * 21])
def test_an_impossible_id_is_no_order(number: object) -> None:
    assert alarm_of({"id": number})


def test_an_action_webhook_and_an_old_api_are_explained() -> None:
    action = {"action": "woocommerce_new_order", "arg": 5}
    assert "Order created" in alarm_of(action, "action.woocommerce_new_order")
    assert "API Integration v3" in alarm_of({"order": {"id": 5}})


def test_an_error_code_from_outside_is_not_repeated_unless_it_is_a_code() -> None:
    assert "<b>" not in alarm_of({"code": "<b>x</b>", "message": ""})


def test_the_api_is_asked_with_the_key() -> None:
    request = woocommerce.api_request(
        "/wp-json/wc/v3/x?per_page=100", "ck_1:cs_2", "https://boutique.example/"
    )
    assert request.url == "https://boutique.example/wp-json/wc/v3/x?per_page=100"
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"ck_1:cs_2"
    with pytest.raises(NeedsPerson):
        woocommerce.api_request("/x", "ck_1:cs_2", "")


# --- the order's history --------------------------------------------------------------------------------


def test_the_orders_own_clock_rules_not_the_arrival() -> None:
    late = event_of(
        PAID | {"date_paid_gmt": None, "date_modified_gmt": "2026-11-20T09:14:03"}, received_at=NOW
    )
    early = event_of(PAID, received_at=NOW - timedelta(hours=1))
    assert order(early, late).paid


def test_in_the_same_second_the_paid_and_the_refunded_state_are_the_later_ones() -> None:
    unpaid = event_of(PAID | {"date_paid_gmt": None, "zz": 1})
    assert order(event_of(PAID), unpaid).paid
    refunded = event_of(
        PAID | {"refunds": [{"id": 5, "total": "-48.00", "reason": ""}], "status": "refunded"}
    )
    (reduction,) = order(refunded, event_of(PAID | {"zz": 1})).reductions
    assert reduction.amount == 48


def test_what_lives_after_its_deletion_was_restored() -> None:
    created = event_of(PENDING, "order.created", NOW)
    deleted = event_of(DELETION, "order.deleted", NOW + timedelta(hours=1))
    restored = event_of(PENDING, "order.restored", NOW + timedelta(hours=2))
    again = event_of(DELETION, "order.deleted", NOW + timedelta(hours=3))
    assert order(created, deleted).cancelled_at == NOW + timedelta(hours=1)
    assert order(created, deleted, restored).cancelled_at is None
    assert order(created, deleted, restored, again).cancelled_at == NOW + timedelta(hours=3)


def test_the_bin_cancels_what_was_not_paid_and_leaves_what_was() -> None:
    binned = {"status": "trash", "date_modified_gmt": "2026-11-25T08:00:00"}
    assert order(event_of(PENDING), event_of(PENDING | binned)).cancelled_at == datetime(
        2026, 11, 25, 8, tzinfo=UTC
    )
    kept = order(event_of(PAID), event_of(PAID | binned))
    assert kept.paid
    assert kept.cancelled_at is None
    assert isinstance(fold(event_of(PENDING | binned)), Ignored)


def test_a_cancellation_keeps_its_first_day_and_ends_when_the_order_comes_back() -> None:
    first = event_of(PENDING | {"status": "cancelled", "date_modified_gmt": "2026-11-21T08:00:00"})
    second = event_of(PENDING | {"status": "cancelled", "date_modified_gmt": "2026-11-23T08:00:00"})
    back = event_of(PENDING | {"status": "pending", "date_modified_gmt": "2026-11-24T08:00:00"})
    assert order(event_of(PENDING), first, second).cancelled_at == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert order(event_of(PENDING), first, second, back).cancelled_at is None


@pytest.mark.parametrize("status", ["pending", "on-hold", "processing", "completed", "failed", "wc-expediee"])
def test_no_status_proves_a_payment(status: str) -> None:
    assert not order(event_of(PENDING | {"status": status})).paid


def test_a_custom_status_does_not_hide_a_payment() -> None:
    assert order(event_of(PAID | {"status": "expediee"})).paid


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"status": "failed"}, "woo_payment_failed"),
        ({"status": "refunded"}, "woo_refunded_without_refund"),
        ({"date_paid_gmt": None, "date_modified_gmt": "2026-11-23T08:00:00"}, "woo_payment_gone"),
    ],
)
def test_contradictions_ask_for_a_person(changed: dict[str, Any], code: str) -> None:
    problems = order(event_of(PAID), event_of(PAID | {"date_modified_gmt": "2026-11-22T08:00:00"} | changed))
    assert because(code, order=1001, shop="boutique") in problems.problems


def test_a_body_without_the_orders_clock_names_the_cure() -> None:
    with pytest.raises(NeedsPerson, match="woo_no_clock"):
        fold(event_of(PAID | {"date_modified_gmt": None}))


# --- refunds --------------------------------------------------------------------------------------------

PARTIAL = body_of("order.updated__partial_refund", id=1001)
ANSWER = body_of("answer__partial_refund")["answer"]
PATH = "/wp-json/wc/v3/orders/1001/refunds?per_page=100"


def fetched(answer: object) -> Event:
    return Event(id=PATH, topic="answer", body=json.dumps(answer).encode(), received_at=NOW)


def test_an_answer_older_than_the_newest_refund_is_not_enough() -> None:
    more = [*PARTIAL["refunds"], {"id": 1600, "reason": "", "total": "-1.00"}]
    second = PARTIAL | {"refunds": more, "date_modified_gmt": "2026-11-22T08:00:00"}
    folded = fold(event_of(PARTIAL), event_of(second), fetched(ANSWER))
    assert isinstance(folded, Incomplete)
    assert folded.path == PATH
    assert folded.reason == because("woo_refund_lines_unknown", order=1001, shop="boutique")
    both = [*ANSWER, {"id": 1600, "date_created_gmt": "2026-11-22T08:00:00", "amount": "1.00"}]
    assert [refund.id for refund in order(event_of(second), fetched(both)).reductions] == ["1500", "1600"]


def test_an_answer_that_is_no_list_goes_to_a_person() -> None:
    with pytest.raises(NeedsPerson):
        fold(event_of(PARTIAL), fetched({"code": "woocommerce_rest_cannot_view", "message": "no"}))


def test_money_that_all_went_back_without_the_status_is_asked_for() -> None:
    back = {"refunds": [{"id": 5, "reason": "", "total": "-48.00"}], "status": "completed"}
    assert isinstance(fold(event_of(PAID | back)), Incomplete)
    assert isinstance(fold(event_of(PAID | back | {"status": "refunded"})), Order)


def test_a_refund_of_nothing_is_none() -> None:
    assert order(event_of(PAID | {"refunds": [{"id": 5, "reason": "", "total": "0.00"}]})).reductions == ()


def test_a_deleted_refund_is_named() -> None:
    later = PARTIAL | {"refunds": [], "date_modified_gmt": "2026-11-22T08:00:00"}
    folded = order(event_of(PARTIAL), event_of(later))
    assert folded.reductions == ()
    assert because("woo_refund_deleted", refund=1500, order=1001, shop="boutique") in folded.problems


def test_a_full_refund_is_dated_by_the_first_snapshot_that_shows_it() -> None:
    full = PAID | {"refunds": [{"id": 5, "reason": "", "total": "-48.00"}], "status": "refunded"}
    first = event_of(full | {"date_modified_gmt": "2026-11-21T08:00:00"})
    later = event_of(full | {"date_modified_gmt": "2026-11-29T08:00:00"})
    assert order(later, first).reductions[0].at == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_refund_of_a_line_rounded_at_the_subtotal_comes_to_its_money() -> None:
    sale = body_of("order.updated__rounded_at_the_subtotal", id=1001)
    bought = sale["line_items"][0]
    item = bought | {
        "id": 900,
        "quantity": -3,
        "total": "-24.98",
        "total_tax": "-5.00",
        "taxes": [{"id": 1, "total": "-4.995"}],
        "meta_data": [{"key": "_refunded_item_id", "value": str(bought["id"])}],
    }
    note = {"refunds": [{"id": 5, "reason": "", "total": "-29.97"}]}
    refund = order(event_of(sale | note), fetched([{"id": 5, "line_items": [item]}])).reductions[0]
    assert [(line.id, line.quantity, line.gross) for line in refund.lines] == [
        ("201", Decimal(3), Decimal("29.97"))
    ]


# --- odd shapes -----------------------------------------------------------------------------------------


def test_php_arrays_and_missing_parts_are_read() -> None:
    lean = {key: PAID[key] for key in ("id", "status", "currency", "total", "date_modified_gmt")}
    assert order(event_of(lean | {"total": "0.00"})).lines == ()
    gaps = PAID | {
        "line_items": {"3": PAID["line_items"][0]},
        "billing": [],
        "shipping": [],
        "meta_data": {"1": {"key": "_billing_siret", "value": 73282932000074}, "4": "odd"},
        "tax_lines": {"0": PAID["tax_lines"][0]},
        "refunds": None,
    }
    folded = order(event_of(gaps))
    assert folded.lines == order(event_of(PAID)).lines
    assert folded.customer.billing is None
    assert folded.customer.fields == (("_billing_siret", "73282932000074"),)


def test_fields_of_plugins_are_kept_by_name_and_never_where_they_are_no_text() -> None:
    odd: tuple[object, ...] = (None, [], {"number": "FR83404833048"}, "")
    for value in odd:
        meta = [{"key": "_vat_number", "value": value}, {"key": "_vat_number_is_valid", "value": "true"}]
        assert order(event_of(PAID | {"meta_data": meta})).customer.fields == (
            ("_vat_number_is_valid", "true"),
        )
    billing = PAID["billing"] | {"eu_vat_number": "FR83404833048"}
    assert ("eu_vat_number", "FR83404833048") in order(event_of(PAID | {"billing": billing})).customer.fields


def test_a_gift_card_that_pays_everything_is_the_only_payment() -> None:
    cards = [{"id": 5, "code": "AAAA", "amount": "48.00"}]
    folded = order(event_of(PAID | {"total": "0.00", "gift_cards": cards}))
    assert folded.total == 48
    assert [payment.method for payment in folded.movements] == [PaymentMethod.GIFT_CARD]
    assert not any("AAAA" in payment.reference for payment in folded.movements)


def test_an_unknown_gateway_is_kept_by_its_name() -> None:
    (payment,) = order(event_of(PAID | {"payment_method": "acme_pay"})).movements
    assert (payment.method, payment.gateway) == (PaymentMethod.OTHER, "acme_pay")


def test_tax_that_its_rates_do_not_make_asks_for_a_person() -> None:
    item = PAID["line_items"][0] | {"taxes": [{"id": 1, "total": "5"}]}
    (problem,) = order(event_of(PAID | {"line_items": [item]})).problems
    assert (problem.code, problem.fact("stated"), problem.fact("made")) == ("woo_tax_differs", "8.00", "5")


def test_a_rate_that_charged_nothing_is_not_believed() -> None:
    item = PAID["line_items"][0] | {"total_tax": "0.00", "taxes": [{"id": 1, "total": "0"}]}
    (tax,) = order(event_of(PAID | {"line_items": [item], "total": "40.00"})).lines[0].taxes
    assert tax.amount == 0
    assert tax.rate is None


def test_a_rate_that_makes_nothing_beside_one_that_does_is_left_out() -> None:
    item = PAID["line_items"][0] | {"taxes": [{"id": 2, "total": "0"}, {"id": 1, "total": "8"}]}
    (tax,) = order(event_of(PAID | {"line_items": [item]})).lines[0].taxes
    assert (tax.title, tax.amount) == ("TVA 20 %", Decimal("8.00"))


def test_vat_rounded_once_for_each_rate_is_no_problem() -> None:
    """2.006 + 1.998 at 20 % make 4.00, 1.004 at 10 % makes 1.00; by line it would be 5.01 in all."""
    sums = [("10.03", "2.01", "2.006", 1), ("9.99", "2.00", "1.998", 1), ("10.04", "1.00", "1.004", 2)]
    items = [
        {"id": place, "name": "x", "total": net, "total_tax": tax, "taxes": [{"id": rate, "total": exact}]}
        for place, (net, tax, exact, rate) in enumerate(sums)
    ]
    rates = [{"rate_id": 1, "rate_percent": 20}, {"rate_id": 2, "rate_percent": 10}]
    sale = PAID | {"line_items": items, "tax_lines": rates, "total_tax": "5.00"}
    folded = order(event_of(sale | {"total": "35.06"}))
    assert folded.problems == ()
    assert [line.tax for line in folded.lines] == [Decimal("2.006"), Decimal("1.998"), Decimal("1.004")]
    assert order(event_of(sale | {"total": "35.05"})).problems


@given(
    parts=st.lists(st.decimals(min_value=-500, max_value=500, places=6), min_size=1, max_size=5),
)
def test_the_shares_of_the_rates_make_the_lines_tax_to_the_cent(parts: list[Decimal]) -> None:
    tax = sum(parts, Decimal(0)).quantize(Decimal("0.01"))
    item = {
        "id": 1,
        "name": "x",
        "quantity": 1,
        "total": "100.00",
        "total_tax": f"{tax:f}",
        "taxes": [{"id": place, "total": f"{part:f}"} for place, part in enumerate(parts)],
    }
    line = order(event_of(PAID | {"line_items": [item], "total": f"{100 + tax:f}"})).lines[0]
    assert line.tax == tax
    assert line.net == 100
    assert all(share.amount == share.amount.quantize(Decimal("0.01")) for share in line.taxes)


@given(
    cents=st.lists(st.integers(min_value=1, max_value=100_000), min_size=1, max_size=4),
    percent=st.sampled_from(["20", "10", "5.5"]),
)
def test_prices_with_tax_rounded_at_the_subtotal_come_to_the_total(cents: list[int], percent: str) -> None:
    """Each price includes its VAT; WooCommerce keeps six decimals and sends two."""
    items = []
    for place, gross in enumerate(Decimal(cent) / 100 for cent in cents):
        net = (gross / (1 + Decimal(percent) / 100)).quantize(Decimal("0.000001"))
        tax = gross - net
        items.append(
            {
                "id": place,
                "name": "x",
                "quantity": 1,
                "price": float(net),
                "total": f"{net:.2f}",
                "total_tax": f"{tax:.2f}",
                "taxes": [{"id": 1, "total": f"{tax:f}"}],
            }
        )
    total = sum(Decimal(cent) for cent in cents) / 100
    rate = {"rate_id": 1, "label": "TVA", "rate_percent": percent}
    folded = order(event_of(PAID | {"line_items": items, "tax_lines": [rate], "total": f"{total:f}"}))
    assert folded.problems == ()
    assert sum(line.gross for line in folded.lines) == total


# --- real payloads --------------------------------------------------------------------------------------


def test_real_payloads_are_understood_or_explained() -> None:
    if not PAYLOADS.is_dir():
        pytest.skip("the shared payloads are not here")
    seen = set()
    for path in sorted(PAYLOADS.glob("*.json")):
        content = json.loads(path.read_text())
        if isinstance(content, list):
            assert alarm_of(content)
            continue
        event = Event(id="e", topic="order.updated", body=path.read_bytes(), received_at=NOW)
        if "status" in content and "line_items" in content:
            folded = fold(event, number=content["id"])
            seen.add(type(folded))
            if isinstance(folded, Order) and not folded.problems:
                assert sum(line.gross for line in folded.lines) == folded.total
        else:
            with pytest.raises(NeedsPerson):
                fold(event, number=content["id"])
    assert seen == {Order, Incomplete, Ignored}


def test_a_real_answer_gives_four_refunds_with_their_lines() -> None:
    if not PAYLOADS.is_dir():
        pytest.skip("the shared payloads are not here")
    sale = Event(
        id="e",
        topic="order.updated",
        body=(PAYLOADS / "order_560_with_four_refunds.json").read_bytes(),
        received_at=NOW,
    )
    answer = replace(sale, topic="answer", body=(PAYLOADS / "order_560_refunds_list.json").read_bytes())
    folded = fold(sale, answer, number=560)
    assert isinstance(folded, Order)
    assert [(refund.id, refund.amount) for refund in folded.reductions] == [
        ("562", Decimal("27.00")),
        ("590", Decimal("18.00")),
        ("1025", Decimal("117.00")),
        ("1172", Decimal("63.00")),
    ]
    ids = {line.id for line in folded.lines}
    for refund in folded.reductions:
        assert sum(line.gross for line in refund.lines) == refund.amount
        assert {line.id for line in refund.lines} <= ids
