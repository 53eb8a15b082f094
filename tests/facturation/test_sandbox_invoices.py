"""The sandbox's invoices: numbers, immutability, payment, credit notes, lists."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from bridge.sandbox import (
    ROUNDINGS,
    PaymentAtCreation,
)
from tests.facturation.sandbox_api import CONFIG, FIRM, customer, errors, ids, invoice, line, opened


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async with opened() as client:
        yield client


async def test_the_documented_invoice(api: httpx.AsyncClient) -> None:
    buyer = await customer(api)
    body = {
        "currency": "EUR",
        "customer_id": buyer["id"],
        "invoiced_on": "2013-07-29",
        "language": "fr",
        "pay_before": "60fm",
        "penalty": "0.0",
        "title": "Facturation mensuelle",
        "items": [line(200, position=2), line("500", position=1, title="<b>Pub</b>")],
    }
    answer = await api.post(f"{FIRM}/invoices.json", json=body)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/firms/1/invoices/{made['id']}.json"
    expected = {
        "invoice_ref": "201307-1",
        "full_invoice_ref": "F201307-1",
        "draft": False,
        "paid_on": None,
        "payment_mode": 0,
        "rebate_percentage": "0.0",
        "penalty": "0.0",
        "service_personne": False,
        "term_on": "2013-09-30",
        "total": "700.0",
        "total_with_vat": "840.0",
        "balance": "840.0",
        "settlements": [],
        "customer_identity": "A small company",
    }
    assert {name: made[name] for name in expected} == expected
    shown = [(i["title"], i["quantity"], i["unit_price"], i["vat"], i["total"]) for i in made["items"]]
    assert shown == [
        ("<b>Pub</b>", "1.0", "500.0", "0.200", "500.0"),
        ("Affiche", "1.0", "200.0", "0.200", "200.0"),
    ]
    assert made["items"][0]["nature"] == 9
    assert (await api.get(f"{FIRM}/invoices/{made['id']}.json")).json() == made
    assert (await invoice(api, invoiced_on="2013-07-30"))["invoice_ref"] == "201307-2"
    assert (await invoice(api, invoiced_on="2013-08-01"))["invoice_ref"] == "201308-1"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"total": "1.0"}, "total"),
        ({"type_doc": "draft"}, "type_doc"),
        ({"draft": True}, "draft"),
        ({"items": []}, "items"),
        ({"items": None}, "items"),
        ({"items": [line(vat=None)]}, "items.vat"),
        ({"items": [line(vat="20")]}, "items.vat"),
        ({"items": [line(vat="0.0105")]}, "items.vat"),
        ({"items": [line("8.3333")]}, "items.unit_price"),
        ({"items": [line(8.3333)]}, "items.unit_price"),
        ({"items": [line(quantity="1.00001")]}, "items.quantity"),
        ({"items": [line(measure="x" * 33)]}, "items.measure"),
        ({"items": [line(nature=4)]}, "items.nature"),
        ({"items": [line(style="subsidy")]}, "items.style"),
        ({"items": [line(total="3.0")]}, "items.total"),
        ({"items": [line(id=3)]}, "items.id"),
        ({"vat_country": "FRA"}, "vat_country"),
        ({"payment_mode": 7}, "payment_mode"),
        ({"invoiced_on": "22/11/2026"}, "invoiced_on"),
        ({"invoiced_on": "2026-02-30"}, "invoiced_on"),
        ({"customer_id": 99}, "customer_id"),
        ({"customer_id": None}, "customer_id"),
        ({"rebate_percentage": "5.0"}, "rebate_percentage"),
    ],
)
async def test_invoice_fields_are_strict(
    api: httpx.AsyncClient, fields: dict[str, object], field: str
) -> None:
    buyer = await customer(api)
    body = {"customer_id": buyer["id"], "items": [line()], **fields}
    assert errors(await api.post(f"{FIRM}/invoices.json", json=body)).keys() == {field}
    assert await ids(api, "invoices.json") == []


async def test_pay_before_is_tolerant_and_trailing_zeros_are_no_decimals(api: httpx.AsyncClient) -> None:
    made = await invoice(api, pay_before="firm-code", items=[line("8.32500")])
    assert (made["pay_before"], made["term_on"], made["items"][0]["unit_price"]) == (
        "firm-code",
        None,
        "8.325",
    )


async def test_archived_customer_cannot_be_invoiced(api: httpx.AsyncClient) -> None:
    buyer = await customer(api)
    await api.post(f"{FIRM}/customers/{buyer['id']}/archive.json")
    body = {"customer_id": buyer["id"], "items": [line()]}
    assert errors(await api.post(f"{FIRM}/invoices.json", json=body)) == {"customer_id": ["est archivé"]}


async def test_dates_do_not_go_back() -> None:
    for refuse in (True, False):
        async with opened(replace(CONFIG, refuse_earlier_dates=refuse)) as api:
            buyer = (await invoice(api, invoiced_on="2026-11-20"))["customer_id"]
            body = {"customer_id": buyer, "items": [line()], "invoiced_on": "2026-11-19"}
            assert (await api.post(f"{FIRM}/invoices.json?type_doc=draft", json=body)).status_code == 201
            answer = await api.post(f"{FIRM}/invoices.json", json=body)
            assert answer.status_code == (422 if refuse else 201)


async def test_draft_is_numbered_once_and_for_ever(api: httpx.AsyncClient) -> None:
    draft = await invoice(api, "?type_doc=draft", invoiced_on="2026-11-20")
    assert (draft["draft"], draft["invoice_ref"], draft["full_invoice_ref"]) == (True, None, None)
    path = f"{FIRM}/invoices/{draft['id']}.json"
    final = (await api.patch(path, params={"type_doc": "final"}, json={"invoiced_on": "2026-11-22"})).json()
    assert (final["draft"], final["invoice_ref"], final["invoiced_on"]) == (False, "202611-1", "2026-11-22")
    again = (await api.patch(path, params={"type_doc": "final"}, json={})).json()
    assert again["invoice_ref"] == "202611-1"
    assert "type_doc" in errors(await api.patch(path, params={"type_doc": "draft"}, json={}))
    assert "type_doc" in errors(await api.patch(path, params={"type_doc": "finale"}, json={}))
    assert "base" in errors(await api.delete(path))
    assert (await invoice(api))["invoice_ref"] == "202611-2"


async def test_draft_is_deleted(api: httpx.AsyncClient) -> None:
    draft = await invoice(api, "?type_doc=draft", api_id=6)
    assert (await api.delete(f"{FIRM}/invoices/{draft['id']}.json")).status_code == 200
    assert (await api.get(f"{FIRM}/invoices/{draft['id']}.json")).status_code == 404
    assert await ids(api, "invoices.json?api_id=6") == []


async def test_lines_of_a_draft(api: httpx.AsyncClient) -> None:
    draft = await invoice(api, "?type_doc=draft", items=[line(1, position=1), line(2, position=2)])
    path = f"{FIRM}/invoices/{draft['id']}.json"
    one, two = (item["id"] for item in draft["items"])

    edits: list[Any] = [{"id": one, "unit_price": "5"}, {"id": two, "_destroy": "1"}, line(10, position=3)]
    edited = (await api.patch(path, json={"items": edits})).json()
    assert [item["unit_price"] for item in edited["items"]] == ["5.0", "10.0"]
    assert (edited["items"][0]["id"], edited["total"], edited["total_with_vat"]) == (one, "15.0", "18.0")

    replaced = (await api.patch(path, json={"items": [line(7)]})).json()
    assert ([item["unit_price"] for item in replaced["items"]], replaced["total"]) == (["7.0"], "7.0")

    last = replaced["items"][0]["id"]
    assert "items" in errors(await api.patch(path, json={"items": [{"id": last, "_destroy": "1"}]}))
    assert "items.id" in errors(await api.patch(path, json={"items": [{"id": one, "unit_price": "5"}]}))
    assert (await api.get(path)).json() == replaced


async def test_amounts_of_a_final_invoice_are_frozen(api: httpx.AsyncClient) -> None:
    made = await invoice(api)
    path = f"{FIRM}/invoices/{made['id']}.json"
    other = await customer(api)
    for change in (
        {"items": [line(1)]},
        {"customer_id": other["id"]},
        {"currency": "USD"},
        {"invoiced_on": "2026-11-23"},
        {"title": "x"},
        {"vat_exemption": "x"},
    ):
        assert errors(await api.patch(path, json={**change, "information": "lost"})).keys() == change.keys()
    assert (await api.get(path)).json() == made
    payment = {"paid_on": "2026-11-22", "payment_mode": 2, "payment_ref": "ch_1", "information": "Merci"}
    paid = (await api.patch(path, json=payment)).json()
    assert {name: paid[name] for name in payment} == payment
    assert (paid["balance"], paid["paid_in_main_currency"]) == ("0.0", "600.0")


@pytest.mark.parametrize("kept", [True, False])
async def test_payment_at_creation(kept: bool) -> None:
    rule = PaymentAtCreation.KEPT if kept else PaymentAtCreation.DROPPED
    async with opened(replace(CONFIG, payment_at_creation=rule)) as api:
        made = await invoice(api, paid_on="2026-11-22", payment_mode=2, payment_ref="ch_1")
        shown = (made["paid_on"], made["payment_mode"], made["payment_ref"], made["balance"])
        assert shown == (("2026-11-22", 2, "ch_1", "0.0") if kept else (None, 0, None, "600.0"))


async def test_external_invoice(api: httpx.AsyncClient) -> None:
    buyer = await customer(api)
    body = {"customer_id": buyer["id"], "items": [line()]}
    refused = await api.post(f"{FIRM}/invoices.json?external=1", json=body)
    assert errors(refused) == {"external_ref": ["doit être rempli(e)"]}
    both = await api.post(
        f"{FIRM}/invoices.json?external=1&type_doc=draft", json={**body, "external_ref": "S"}
    )
    assert errors(both).keys() == {"type_doc"}
    made = await invoice(api, "?external=1", customer_id=buyer["id"], external_ref="ST-1")
    assert (made["external"], made["draft"], made["invoice_ref"]) == (True, False, None)
    assert "base" in errors(await api.post(f"{FIRM}/invoices/{made['id']}/refund.json"))
    assert (await invoice(api))["invoice_ref"] == "202611-1"


async def test_refund_reverses_once(api: httpx.AsyncClient) -> None:
    original = await invoice(
        api, items=[line("8.325", vat="0.2", quantity=3)], invoiced_on="2026-11-23", api_id=1
    )
    path = f"{FIRM}/invoices/{original['id']}/refund.json"
    answer = await api.post(path, params={"api_id": 32, "api_custom": "plainte client"})
    note = answer.json()
    assert answer.status_code == 201
    expected = {
        "api_id": 32,
        "api_custom": "plainte client",
        "draft": False,
        "invoice_ref": "202611-2",
        "invoiced_on": "2026-11-23",
        "paid_on": "2026-11-23",
        "payment_mode": 99,
        "refund_id": original["id"],
        "total": "-24.98",
        "total_with_vat": "-29.98",
        "paid_in_main_currency": "-29.98",
        "balance": "0.0",
    }
    assert {name: note[name] for name in expected} == expected
    assert original["total_with_vat"] == "29.98"
    assert "base" in errors(await api.post(path))
    assert "base" in errors(await api.post(f"{FIRM}/invoices/{note['id']}/refund.json"))
    draft = await invoice(api, "?type_doc=draft")
    assert "base" in errors(await api.post(f"{FIRM}/invoices/{draft['id']}/refund.json"))
    assert errors(await api.post(path, params={"api_custom": "x" * 256})).keys() == {"api_custom"}
    assert await ids(api, "invoices.json?bill_type=refund") == [note["id"]]


async def test_negative_lines_are_a_switch() -> None:
    async with opened() as api:
        note = await invoice(api, items=[line(quantity="-1")])
        assert note["total_with_vat"] == "-600.0"
    async with opened(replace(CONFIG, accept_negative_quantity=False)) as api:
        buyer = await customer(api)
        for negative in (line(quantity="-1"), line("-1")):
            body = {"customer_id": buyer["id"], "items": [negative]}
            assert (await api.post(f"{FIRM}/invoices.json", json=body)).status_code == 422


async def test_settlements_pay_the_invoice(api: httpx.AsyncClient) -> None:
    made = await invoice(api)
    path = f"{FIRM}/invoices/{made['id']}"
    card = {"total": "100.0", "payment_mode": 2, "paid_on": "2026-11-20", "payment_ref": "ch_1"}
    answer = await api.post(f"{path}/settlements.json", json=card)
    first = answer.json()
    assert first == {**card, "id": first["id"], "invoice_id": made["id"]}
    assert answer.headers["location"] == f"{path}/settlements/{first['id']}.json"
    unpaid = (await api.get(f"{path}.json")).json()
    assert (unpaid["balance"], unpaid["paid_on"], unpaid["settlements"]) == ("500.0", None, [first])

    assert "total" in errors(await api.post(f"{path}/settlements.json", json={**card, "total": "500.01"}))
    assert "payment_mode" in errors(await api.post(f"{path}/settlements.json", json={"total": "1"}))
    gift = {"total": "500", "payment_mode": 31, "paid_on": "2026-11-21"}
    second = (await api.post(f"{path}/settlements.json", json=gift)).json()
    paid = (await api.get(f"{path}.json")).json()
    assert (paid["paid_on"], paid["payment_mode"], paid["balance"]) == ("2026-11-21", 31, "0.0")
    assert "base" in errors(await api.post(f"{path}/settlements.json", json=card))

    assert (await api.delete(f"{path}/settlements/{second['id']}.json")).status_code == 200
    assert (await api.get(f"{path}/settlements/{second['id']}.json")).status_code == 404
    assert (await api.get(f"{path}/settlements.json")).json() == [first]
    assert (await api.get(f"{path}.json")).json()["paid_on"] is None


async def test_invoice_filters(api: httpx.AsyncClient) -> None:
    one = await invoice(api, invoiced_on="2026-10-01", title="Commande 1", api_custom="s:o:1", api_id=11)
    buyer = one["customer_id"]
    two = await invoice(
        api, customer_id=buyer, invoiced_on="2026-11-01", api_custom="s:o:12", pay_before="cash",
        paid_on="2026-11-05", payment_mode=2, payment_ref="pi_2",
    )  # fmt: skip
    three = await invoice(api, customer_id=buyer, items=[line("1")], pay_before="30")
    draft = await invoice(api, "?type_doc=draft", api_id=11)
    external = await invoice(api, "?external=1", customer_id=buyer, external_ref="X")
    note = (await api.post(f"{FIRM}/invoices/{two['id']}/refund.json")).json()
    expected = {
        "": [external, draft, note, three, two, one],
        "api_id=11": [draft, one],
        "api_custom=s:o:1": [two, one],
        "bill_type=paid": [note, two],
        "bill_type=unpaid": [three, one],
        "bill_type=term": [one],
        "bill_type=invoice": [three, two, one],
        "bill_type=external": [external],
        "bill_type=refund": [note],
        "bill_type=draft": [draft],
        "bill_type=notes": [],
        f"customer_id={buyer}&bill_type=invoice": [three, two, one],
        "title=commande": [one],
        "payment_ref=pi_": [two],
        "invoice_ref=202611-1": [two],
        "invoice_ref=202611": [note, three, two],
        "full_invoice_ref=F202611-1": [two],
        "full_invoice_ref=F202611": [],
        "period_start=2026-11&period_end=2026-11-05": [two],
        "period_end=2026-10&period_type=billed": [one],
        "order=billed&sort=asc&bill_type=invoice": [one, two, three],
        "order=total&bill_type=invoice&sort=asc": [three, one, two],
        f"ids={one['id']},{draft['id']}&bill_type=paid": [draft, one],
        "company=small&bill_type=draft": [draft],
        "last_name=nobody": [],
    }
    for query, found in expected.items():
        assert await ids(api, f"invoices.json?{query}") == [i["id"] for i in found], query
    assert "bill_type" in errors(await api.get(f"{FIRM}/invoices.json?bill_type=invoices"))
    assert "api_id" in errors(await api.get(f"{FIRM}/invoices.json?api_id=abc"))

    plain = (await api.get(f"{FIRM}/invoices.json?api_custom=s:o:12")).json()[0]
    assert plain.keys().isdisjoint({"items", "settlements"})
    detailed = await api.get(f"{FIRM}/invoices.json?api_custom=s:o:12&with_details=1&with_settlements=1")
    assert detailed.json()[0]["items"] == two["items"]
    assert detailed.json()[0]["settlements"] == []


async def test_customer_remembers_its_last_dates(api: httpx.AsyncClient) -> None:
    made = await invoice(api, invoiced_on="2026-11-20", paid_on="2026-11-21", payment_mode=2)
    shown = (await api.get(f"{FIRM}/customers/{made['customer_id']}.json")).json()
    assert (shown["last_invoiced_on"], shown["last_paid_on"]) == ("2026-11-20", "2026-11-21")


async def test_emails(api: httpx.AsyncClient) -> None:
    draft = await invoice(api, "?type_doc=draft")
    path = f"{FIRM}/emails.json?bill_id={draft['id']}"
    assert errors(await api.post(path, json={"body": "x"})).keys() == {"base", "to", "body"}
    await api.patch(f"{FIRM}/invoices/{draft['id']}.json?type_doc=final", json={})
    assert (await api.post(path, json={"to": "a@x.fr"})).status_code == 201
    assert (await api.post(f"{FIRM}/emails.json?bill_id=1", json={})).status_code == 404
    state = (await api.get("/_sandbox/state")).json()
    assert state["emails"] == [{"bill_id": draft["id"], "to": "a@x.fr"}]


async def test_rounding_rule_is_applied() -> None:
    async with opened(replace(CONFIG, rounding=ROUNDINGS["line3_vat_once"])) as api:
        made = await invoice(api, items=[line("8.325")])
        assert (made["total"], made["total_with_vat"]) == ("8.325", "9.99")
