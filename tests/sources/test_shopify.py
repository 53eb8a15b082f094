"""Shopify, beyond what a fixture pair can say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge.sources.shopify as shopify
from bridge.errors import NeedsPerson
from bridge.movements import PaymentMethod
from bridge.orders import Event, Folded, Ignored, LineKind, Order, RefundState, Tax, Unfinished
from bridge.reasons import because
from bridge.sources.base import Alarm, ForOrder
from bridge.sources.privacy import Wanted
from bridge.sources.reading import digest
from bridge.sources.shopify import privacy
from bridge.sources.shopify.payloads import slug
from bridge.sources.shopify.payments import GATEWAYS
from bridge.sources.shopify.refunded_lines import _split
from bridge.sources.shopify.topics import ALARMING
from bridge.texts import text_of

FIXTURES = Path(__file__).parent / "fixtures" / "shopify"
CORPUS = Path(__file__).parents[3] / "shared" / "payloads" / "shopify"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEY = "shopify:boutique:order:6100000000001"

Body = dict[str, Any]


def body_of(name: str, **changes: Any) -> Body:
    body: Body = json.loads((FIXTURES / f"{name}.json").read_text(), parse_float=str)
    return {**body, **changes}


def event(topic: str, body: Body) -> Event:
    raw = json.dumps(body).encode()
    return Event(id=digest(raw), topic=topic, body=raw, received_at=NOW)


def folded(*events: Event) -> Folded:
    """Folds in every order, and once with repetitions: they must agree."""
    results: list[Folded] = [shopify.fold("boutique", KEY, list(each)) for each in permutations(events)]
    results.append(shopify.fold("boutique", KEY, [*events, *reversed(events)]))
    assert all(result == results[0] for result in results)
    return results[0]


def order_of(*events: Event) -> Order:
    result = folded(*events)
    assert isinstance(result, Order)
    return result


def codes(order: Order) -> list[str]:
    return [problem.code for problem in order.problems]


def paid(**changes: Any) -> Event:
    return event("orders/paid", body_of("orders-paid__simple", **changes))


def refund_with(*transactions: Body, **changes: Any) -> Event:
    moves = [{"id": n, "kind": "refund", **move} for n, move in enumerate(transactions, 1)]
    body = body_of("refunds-create__shipping_adjustment_only", transactions=moves, **changes)
    return event("refunds/create", body)


# --- signature ---------------------------------------------------------------------------------------------


def test_a_signature_that_openssl_made_passes() -> None:
    """`printf '{"id": 1}' | openssl dgst -sha256 -hmac secret -binary | base64`"""
    signature = "HmaC4Bw8oKa+/A6Wm3oTLEyqJmv+tDIzcqPNO7NS3Do="
    shopify.verify({"x-shopify-hmac-sha256": signature}, b'{"id": 1}', ["secret"], NOW)


@pytest.mark.parametrize(
    ("secret", "code"), [("shpat_0123456789abcdef", "shopify_secret_is_token"), ("x", "")]
)
def test_a_token_of_the_api_is_no_secret(secret: str, code: str) -> None:
    problem = shopify.secret_problem(secret)
    assert (problem.code if problem else "") == code


# --- identify ----------------------------------------------------------------------------------------------


def alarm_of(given: dict[str, str], body: bytes) -> str:
    identity = shopify.identify("boutique", given, body)
    assert isinstance(identity, Alarm)
    return text_of(identity.reason)


def headers(topic: str, delivery: str = "d1", **more: str) -> dict[str, str]:
    return {"x-shopify-topic": topic, "x-shopify-webhook-id": delivery, **more}


def test_a_delivery_is_known_by_topic_and_delivery_id_never_by_the_action() -> None:
    one, other = ({"x-shopify-event-id": "action"}, {"x-shopify-event-id": "other"})
    created = shopify.identify("boutique", {**headers("orders/create"), **one}, b'{"id": 1}')
    again = shopify.identify("boutique", {**headers("orders/create"), **other}, b'{"id": 1}')
    sent_too = shopify.identify("boutique", {**headers("orders/paid"), **one}, b'{"id": 1}')
    assert created.event_id == again.event_id == "orders/create:d1"
    assert sent_too.event_id == "orders/paid:d1"


def test_without_delivery_id_the_body_is_the_identity() -> None:
    bare = {"x-shopify-topic": "orders/paid"}
    first, again, other = (
        shopify.identify("b", bare, body) for body in (b'{"id":1}', b'{"id":1}', b'{"id":2}')
    )
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize("text", ["9007199254740993", '"9007199254740993"'])
def test_an_id_past_2_to_the_53_stays_exact(text: str) -> None:
    identity = shopify.identify("boutique", headers("orders/paid"), f'{{"id": {text}}}'.encode())
    assert isinstance(identity, ForOrder)
    assert identity.order_key == "shopify:boutique:order:9007199254740993"


@pytest.mark.parametrize(
    "text", ["9.007199254740993e15", "1.0", '"gid://shopify/Order/1"', "-4", '"²"', '""']
)
def test_an_id_that_is_no_whole_number_alarms(text: str) -> None:
    identity = shopify.identify("boutique", headers("orders/paid"), f'{{"id": {text}}}'.encode())
    assert isinstance(identity, Alarm)


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact", "shop/redact"])
def test_privacy_requests_alarm_with_their_term(topic: str) -> None:
    assert "30 days" in alarm_of(headers(topic), b"{}")


REQUEST: dict[str, Any] = {
    "shop_id": 954001,
    "shop_domain": "b.myshopify.com",
    "customer": {"id": 9007199254740993, "email": " Camille@Example.com "},
    "orders_to_redact": [299938, "280263"],
}


def test_a_request_names_buyer_and_orders_by_their_keys() -> None:
    body = json.dumps(REQUEST).encode()
    asked = privacy.request_of("boutique", "customers/redact", body)
    assert asked.wanted is Wanted.ERASE_BUYER
    assert asked.customer == "shopify:boutique:customer:9007199254740993"
    assert asked.email == "camille@example.com"
    assert asked.orders == ("shopify:boutique:order:299938", "shopify:boutique:order:280263")
    assert "camille" not in repr(asked)


def test_what_a_person_is_told_of_a_request_names_nobody_and_is_a_command() -> None:
    body = json.dumps(REQUEST).encode()
    given = {"x-shopify-topic": "customers/redact", "x-shopify-webhook-id": "w1; rm -rf ~"}
    alarm = alarm_of(given, body)
    assert "customer 9007199254740993 with orders 299938, 280263 within 30 days" in alarm
    # The id is the sender's word, and is not signed.
    assert "`bridge privacy carry-out 'shopify:boutique:event:customers/redact:w1; rm -rf ~'`" in alarm
    assert "camille" not in alarm.lower()


CHANGES: list[dict[str, Any]] = [
    {"customer": None},
    {"customer": {}},
    {"customer": {"id": 1.5}},
    {"customer": {"id": True}},
    {"customer": {"email": "nobody"}},
    {"orders_to_redact": None},
    {"orders_to_redact": 299938},
    {"orders_to_redact": [299938, "gid://shopify/Order/1"]},
    {"orders_requested": []},
]


@pytest.mark.parametrize("change", CHANGES, ids=json.dumps)
def test_a_request_of_another_shape_is_not_carried_out(change: dict[str, Any]) -> None:
    with pytest.raises(NeedsPerson):
        privacy.request_of("boutique", "customers/redact", json.dumps(REQUEST | change).encode())


@pytest.mark.parametrize("topic", privacy.TERMS)
@pytest.mark.parametrize("case", ["customers-data_request", "customers-redact", "shop-redact"])
def test_the_body_of_one_request_is_none_of_another_topic(topic: str, case: str) -> None:
    """The topic is a header, which nobody signed: what was sent once must not become an erasure."""
    body = (FIXTURES / f"{case}__compliance.json").read_bytes()
    if topic == case.replace("-", "/"):
        privacy.request_of("boutique", topic, body)
    else:
        with pytest.raises(NeedsPerson, match="shopify_request_shape"):
            privacy.request_of("boutique", topic, body)


@pytest.mark.parametrize("case", ["orders-paid__simple", "orders-delete__alone"])
@pytest.mark.parametrize("topic", privacy.TERMS)
def test_the_body_of_an_order_is_no_request(topic: str, case: str) -> None:
    with pytest.raises(NeedsPerson, match="shopify_request_shape"):
        privacy.request_of("boutique", topic, (FIXTURES / f"{case}.json").read_bytes())


@pytest.mark.parametrize(
    ("topic", "payload", "own"),
    [
        ("customers/update", {"id": 9007199254740993}, True),
        ("customers/update", {"id": 7001}, False),
        ("checkouts/update", {"customer": {"id": 9007199254740993}}, True),
        ("customers_marketing_consent/update", {"customer_id": 9007199254740993}, True),
        ("carts/update", {"email": "CAMILLE@example.com"}, True),
        ("products/update", {"id": 9007199254740993}, False),
        ("checkouts/update", {"id": 1, "note": "a gift for camille@example.com"}, False),
        ("checkouts/update", [9007199254740993], False),
    ],
)
def test_an_event_is_the_buyers_own_or_only_mentions_them(topic: str, payload: Any, own: bool) -> None:
    asked = privacy.request_of("boutique", "customers/redact", json.dumps(REQUEST).encode())
    assert privacy.is_about(asked, topic, json.dumps(payload).encode()) is own


@pytest.mark.parametrize("topic", ["disputes/create", "app/uninstalled", "", "orders/imagined"])
def test_what_cannot_be_done_alone_alarms(topic: str) -> None:
    assert alarm_of(headers(topic), b'{"id": 1}')


def test_alarming_topics_are_in_no_other_set() -> None:
    alarming = set(ALARMING)
    assert not (alarming | set(privacy.TERMS)) & (shopify.HANDLED | set(shopify.IGNORED))
    assert not alarming & set(privacy.TERMS)


def test_shopify_is_asked_at_the_shops_own_address() -> None:
    request = shopify.api_request("/orders/1.json", "shpat_x", "https://b.myshopify.com/")
    assert request.url == f"https://b.myshopify.com/admin/api/{shopify.API_VERSION}/orders/1.json"
    assert request.headers == {"x-shopify-access-token": "shpat_x"}
    with pytest.raises(NeedsPerson):
        shopify.api_request("orders/1.json", "shpat_x", "")


# --- which snapshot ----------------------------------------------------------------------------------------


def test_of_two_snapshots_of_one_second_the_one_further_along_is_true() -> None:
    pending = event("orders/create", body_of("orders-paid__simple", financial_status="pending"))
    assert order_of(pending, paid()).paid


def test_a_late_old_snapshot_undoes_nothing() -> None:
    late = paid(financial_status="pending", updated_at="2026-11-20T10:15:33+01:00", total_price="1.00")
    order = order_of(paid(), late)
    assert order.paid
    assert order.total == Decimal("53.90")


def test_snapshots_equal_in_all_that_counts_still_fold_to_one() -> None:
    order_of(paid(note="un"), paid(note="deux"), paid(po_number="trois"))


def test_the_offset_of_updated_at_counts() -> None:
    newer = paid(updated_at="2026-11-20T09:15:35Z", financial_status="voided")
    assert not order_of(paid(), newer).paid


@pytest.mark.parametrize(("seconds", "waits"), [(5, False), (6, True)])
def test_an_edit_waits_for_a_snapshot_that_has_it(seconds: int, waits: bool) -> None:
    edit = body_of("orders-edited__waits_for_the_new_state")
    snapshot = datetime.fromisoformat(body_of("orders-paid__simple")["updated_at"])
    edit["order_edit"]["committed_at"] = (snapshot + timedelta(seconds=seconds)).isoformat()
    assert isinstance(folded(paid(), event("orders/edited", edit)), Unfinished) is waits


@pytest.mark.parametrize("name", ["refunds-create__full", "order_transactions-create__card_part"])
def test_shopifys_sample_order_is_not_waited_for(name: str) -> None:
    key = "shopify:boutique:order:820982911946154508"
    topic = name.partition("__")[0].replace("-", "/")
    assert isinstance(shopify.fold("boutique", key, [event(topic, body_of(name))]), Ignored)


# --- reading -----------------------------------------------------------------------------------------------


def test_null_lists_and_flags_are_empty() -> None:
    order = order_of(
        paid(refunds=None, shipping_lines=None, note_attributes=None, test=None, total_price="48.00")
    )
    assert not order.problems
    assert [line.kind for line in order.lines] == [LineKind.PRODUCT]


def test_money_as_json_numbers_is_exact() -> None:
    body = body_of("orders-paid__simple")
    body["line_items"][0]["price"] = 0.1
    body["line_items"][0]["quantity"] = 3
    assert order_of(event("orders/paid", body)).lines[0].gross == Decimal("0.3")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "2026-11-20T10:15:30"),
        ("created_at", None),
        ("total_price", "douze"),
        ("total_price", []),
        ("line_items", {}),
        ("taxes_included", None),
        ("id", None),
        ("currency", ""),
    ],
)
def test_what_cannot_be_read_names_its_place_and_not_its_value(field: str, value: Any) -> None:
    with pytest.raises(NeedsPerson, match="payload_not_understood") as caught:
        folded(paid(**{field: value}))
    assert caught.value.reason.fact("path") == field
    assert "douze" not in text_of(caught.value.reason)


@pytest.mark.parametrize(
    ("gateway", "method"),
    [
        ("shopify_payments", PaymentMethod.CARD),
        ("Cash on Delivery (COD)", PaymentMethod.CASH),
        ("Paiement à la livraison", PaymentMethod.CASH),
        ("PayPal Express Checkout", PaymentMethod.PAYPAL),
        ("Bank Deposit", PaymentMethod.TRANSFER),
        ("Chèque", PaymentMethod.CHEQUE),
        ("alma", PaymentMethod.OTHER),
        ("Troc", PaymentMethod.OTHER),
    ],
)
def test_gateways_keep_their_own_word(gateway: str, method: PaymentMethod) -> None:
    (payment,) = order_of(paid(payment_gateway_names=[gateway])).movements
    assert (payment.gateway, payment.method) == (gateway, method)


def test_gateway_words_can_be_met() -> None:
    assert all(slug(word) == word for word in GATEWAYS)


def test_cart_fields_are_kept_by_name() -> None:
    order = order_of(
        paid(note_attributes=[{"name": "N° TVA", "value": "FR 403"}, {"name": "gift", "value": "x"}])
    )
    assert order.customer.fields == (("N° TVA", "FR 403"), ("gift", "x"))


@pytest.mark.parametrize("value", [None, "", " ", [], {"a": 1}, True])
def test_a_cart_field_without_a_text_is_no_number(value: Any) -> None:
    assert not order_of(paid(note_attributes=[{"name": "TVA", "value": value}])).customer.fields


def test_the_buyers_own_address_stands_in_for_a_missing_billing_address() -> None:
    customer = order_of(
        paid(billing_address=None, shipping_address=None, email="", contact_email=None)
    ).customer
    assert customer.billing
    assert customer.billing.city == "Nantes"
    assert customer.email == "camille.berthier@example.fr"
    assert customer.shipping is None


def test_duties_inside_the_price_are_no_lines() -> None:
    body = body_of("orders-paid__duties_and_fees", duties_included=True, total_price="112.00")
    body["current_total_price"] = "112.00"
    order = order_of(event("orders/paid", body))
    assert LineKind.DUTY not in {line.kind for line in order.lines}
    assert not order.problems


# --- payment -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["pending", "authorized", "partially_paid", "voided", "expired", None])
def test_no_money_no_payment(status: str | None) -> None:
    order = order_of(paid(financial_status=status))
    assert not order.paid
    assert not order.movements
    assert not order.problems


def test_an_unknown_payment_state_is_not_paid_and_asks() -> None:
    order = order_of(paid(financial_status="settled_in_shells"))
    assert not order.paid
    assert order.problems == (because("shopify_unknown_state", order="#1001", state="settled_in_shells"),)


def test_the_last_successful_payment_dates_the_order() -> None:
    body = body_of("order_transactions-create__card_part", processed_at="2026-11-23T08:00:00+01:00")
    declined = body_of("order_transactions-create__card_declined", processed_at="2026-11-25T08:00:00+01:00")
    order = order_of(
        paid(), event("order_transactions/create", body), event("order_transactions/create", declined)
    )
    assert order.paid_at == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def test_a_payment_in_another_currency_has_no_amount() -> None:
    body = body_of("order_transactions-create__card_part", currency="CHF")
    order = order_of(paid(), event("order_transactions/create", body))
    assert [payment.amount for payment in order.movements] == [None]


def test_an_authorization_is_no_payment() -> None:
    body = body_of("order_transactions-create__card_part", kind="authorization")
    order = order_of(paid(financial_status="authorized"), event("order_transactions/create", body))
    assert not order.movements


def test_vat_that_the_channel_remits_asks() -> None:
    body = body_of("orders-paid__simple")
    body["line_items"][0]["tax_lines"][0]["channel_liable"] = True
    assert codes(order_of(event("orders/paid", body))) == ["shopify_channel_pays_vat"]


# --- refunds -----------------------------------------------------------------------------------------------

DONE = {"status": "success", "amount": "4.00"}
PENDING = {"status": "pending", "amount": "1.90"}
FAILED = {"status": "failure", "amount": "1.90"}


@pytest.mark.parametrize(
    ("moves", "state", "amount"),
    [
        ([DONE], RefundState.DONE, "4.00"),
        ([DONE, DONE], RefundState.DONE, "8.00"),
        ([DONE, PENDING], RefundState.PENDING, "5.90"),
        ([DONE, FAILED], RefundState.DONE, "4.00"),
        ([FAILED], RefundState.FAILED, "1.90"),
        ([{**DONE, "status": "pondering"}], RefundState.PENDING, "4.00"),
        ([{**DONE, "kind": "void"}], RefundState.DONE, "5.90"),
        ([], RefundState.DONE, "5.90"),
    ],
)
def test_money_that_is_on_its_way_is_waited_for(moves: list[Body], state: RefundState, amount: str) -> None:
    """Shipping of 5.90 was taken off; where money moved for it, that counts, without any, the lines do."""
    (refund,) = order_of(paid(), refund_with(*moves)).reductions
    assert (refund.state, refund.amount) == (state, Decimal(amount))
    assert [line.gross for line in refund.lines] == [Decimal("5.90")]


@pytest.mark.parametrize("thin_is_in_the_order", [True, False])
def test_a_refund_in_event_and_order_is_one_refund(thin_is_in_the_order: bool) -> None:
    full = body_of("refunds-create__full")
    thin = {**full, "refund_line_items": [], "refund_shipping_lines": [], "transactions": []}
    listed, sent = (thin, full) if thin_is_in_the_order else (full, thin)
    (refund,) = order_of(paid(refunds=[listed]), event("refunds/create", sent)).reductions
    assert refund.amount == Decimal("53.90")
    assert sum(line.gross for line in refund.lines) == Decimal("53.90")


@pytest.mark.parametrize(("in_refund", "alone"), [(DONE, PENDING), (PENDING, DONE)])
def test_of_two_states_of_one_transaction_the_settled_one_is_true(in_refund: Body, alone: Body) -> None:
    move = {**alone, "id": 1, "kind": "refund"}
    order = order_of(paid(), refund_with(in_refund), event("order_transactions/create", move))
    assert [(refund.state, refund.amount) for refund in order.reductions] == [(RefundState.DONE, Decimal(4))]


def test_part_of_the_shipping_gives_back_part_of_its_tax() -> None:
    shipping = body_of("refunds-create__full")["refund_shipping_lines"]
    shipping[0]["subtotal_amount_set"]["shop_money"]["amount"] = "2.95"
    (refund,) = order_of(paid(), refund_with(DONE, refund_shipping_lines=shipping)).reductions
    (line,) = refund.lines
    assert (line.gross, line.tax) == (Decimal("2.95"), Decimal("0.49"))


def test_a_refunded_line_that_the_order_does_not_have_keeps_its_name() -> None:
    items = body_of("refunds-create__full")["refund_line_items"]
    items[0] = {**items[0], "line_item_id": 4, "line_item": {"id": 4, "name": "Ancien article"}}
    (refund,) = order_of(paid(), refund_with(DONE, refund_line_items=items, order_adjustments=[])).reductions
    assert [(line.id, line.title, line.gross) for line in refund.lines] == [
        ("4", "Ancien article", Decimal(48))
    ]


@pytest.mark.parametrize("wrapped", [True, False])
def test_refunded_duties_in_either_shape(wrapped: bool) -> None:
    duties = [{"duty_id": 310001, "amount_set": {"shop_money": {"amount": "6.50", "currency_code": "EUR"}}}]
    given_back = refund_with(DONE, order_adjustments=[], duties={"duties": duties} if wrapped else duties)
    order = order_of(event("orders/paid", body_of("orders-paid__duties_and_fees")), given_back)
    (reduction,) = order.reductions
    assert [(line.kind, line.gross) for line in reduction.lines] == [(LineKind.DUTY, Decimal("6.50"))]


@pytest.mark.parametrize("status", ["refunded", "partially_refunded"])
def test_refunded_without_any_refund_asks(status: str) -> None:
    assert codes(order_of(paid(financial_status=status))) == ["shopify_no_refund_known"]


def test_an_overpaid_order_is_invoiced_for_its_total() -> None:
    assert not order_of(paid(total_outstanding="-10.00")).problems


amounts = st.decimals(min_value=0, max_value=1000, places=2)


@given(st.lists(amounts, max_size=4), amounts)
def test_a_refunded_tax_is_split_without_losing_a_cent(parts: list[Decimal], amount: Decimal) -> None:
    split = _split([Tax(amount=part, rate=Decimal("0.2")) for part in parts], amount)
    assert sum(tax.amount for tax in split) == amount


# --- the corpus --------------------------------------------------------------------------------------------

TOPIC_OF = {
    "companies_create": "companies/create",
    "compliance_customers_data_request": "customers/data_request",
    "compliance_customers_redact": "customers/redact",
    "compliance_shop_redact": "shop/redact",
    "customer": "customers/update",
    "draft_order": "draft_orders/update",
    "order_transactions": "order_transactions/create",
    "orders_delete": "orders/delete",
    "orders_edited": "orders/edited",
    "orders_cancelled": "orders/cancelled",
    "refund": "refunds/create",
    "order": "orders/updated",
    "shape_only_order": "orders/updated",
}
MADE_UP = {
    "order_docs_two_tax_lines_per_item": "shopify_still_owed",
    "orders_cancelled_2026-07_official_sample": "shopify_lines_differ",
    "orders_create_2026-07_official_sample": "shopify_lines_differ",
}
"""Shopify's own examples that do not add up, and what we say of them."""


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_no_payload_of_the_corpus_is_a_surprise() -> None:
    seen = set()
    for path in sorted(CORPUS.glob("*.json")):
        topic = next(topic for start, topic in TOPIC_OF.items() if path.stem.startswith(start))
        body = path.read_bytes()
        identity = shopify.identify("boutique", headers(topic), body)
        if not isinstance(identity, ForOrder):
            continue
        known = Event(id=identity.event_id, topic=topic, body=body, received_at=NOW)
        if path.stem.startswith("shape_only"):  # every value is "example string"
            with pytest.raises(NeedsPerson, match="payload_not_understood"):
                shopify.fold("boutique", KEY, [known])
            continue
        result = shopify.fold("boutique", identity.key("shopify", "boutique"), [known])
        seen.add(type(result))
        if isinstance(result, Order):
            if path.stem in MADE_UP:
                assert codes(result)[0] == MADE_UP[path.stem], path.stem
            else:
                assert not result.problems, path.stem
                assert sum(line.gross for line in result.lines) == result.total, path.stem
    assert seen == {Order, Ignored, Unfinished}


def test_the_headers_of_events_have_no_x() -> None:
    """The second family of Shopify's official library."""
    body = json.dumps({"id": 5}).encode()
    signed = shopify.sign(body, "secret", "orders/paid", "d1", NOW)
    named = {name.removeprefix("x-"): value for name, value in signed.items()}
    shopify.verify(named, body, ["secret"], NOW)
    assert shopify.identify("boutique", named, body) == shopify.identify("boutique", signed, body)
