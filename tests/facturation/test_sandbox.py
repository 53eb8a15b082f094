"""The sandbox answers like the documented API: transport, customers, pages."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from tests.facturation.sandbox_api import CONFIG, FIRM, Clock, customer, errors, ids, invoice, opened


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async with opened() as client:
        yield client


async def test_credentials_and_firm() -> None:
    async with opened() as api:
        refused = await api.get("/account.json", auth=("4242", "wrong"))
        assert (refused.status_code, refused.text) == (401, "HTTP Basic: Access denied.")
        assert (await api.get("/firms/2/customers.json")).status_code == 404
        account = (await api.get("/account.json")).json()
        assert account["firms"] == [{"id": 1, "name": "Bac à sable"}]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"company_name=A", 501),
        ("application/json; charset=latin-1", b'{"company_name": "A"}', 501),
        ("application/json", b'{"company_name": ', 400),
        ("application/json", b'["company_name"]', 400),
        ("application/json", b'{"penalty": NaN}', 400),
        ("application/json; charset=utf-8", b'{"company_name": "A"}', 201),
    ],
)
async def test_body_must_be_json(api: httpx.AsyncClient, content_type: str, body: bytes, status: int) -> None:
    headers = {"content-type": content_type}
    answer = await api.post(f"{FIRM}/customers.json", content=body, headers=headers)
    assert answer.status_code == status


async def test_write_without_content_type_is_501_even_without_body(api: httpx.AsyncClient) -> None:
    made = await invoice(api)
    del api.headers["content-type"]
    assert (await api.post(f"{FIRM}/invoices/{made['id']}/refund.json")).status_code == 501


@pytest.mark.parametrize(
    "path", ["customers/9.json", "invoices/9.json", "invoices/9/settlements.json", "x.json"]
)
async def test_unknown_record_is_404(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(f"{FIRM}/{path}")).status_code == 404


# --- customers


async def test_create_customer_derives_names(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{FIRM}/customers.json", json={"company_name": "A small company"})
    made = answer.json()
    assert answer.headers["location"] == f"/firms/1/customers/{made['id']}.json"
    assert (made["short_name"], made["account_code"]) == ("A small company", "411ASMALLCO")
    assert (made["individual"], made["currency"]) == (False, "EUR")
    assert made["created_at"] == "2026-11-22T12:00:00.000+01:00"
    assert "sepa_iban" not in made

    person = {"company_name": None, "first_name": "Zoé", "last_name": "Martin"}
    professional = await customer(api, **person)
    assert professional["company_name"] == professional["short_name"] == "Zoé Martin"
    consumer = await customer(api, **person, individual=True)
    assert (consumer["company_name"], consumer["short_name"]) == (None, "Zoé Martin")


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"nickname": "x"}, "nickname", "champ inconnu"),
        ({"id": 3}, "id", "n'est pas modifiable"),
        ({"zip_code": "1" * 21}, "zip_code", "est trop long (pas plus de 20 caractères)"),
        ({"country": "fr"}, "country", "n'est pas un code pays ISO de deux lettres majuscules"),
        ({"currency": "EUX"}, "currency", "n'est pas inclus(e) dans la liste"),
        ({"language": "de"}, "language", "n'est pas inclus(e) dans la liste"),
        ({"api_id": 2**63}, "api_id", "est trop grand"),
        ({"api_id": 1.5}, "api_id", "n'est pas un nombre"),
        ({"penalty": "1.2345"}, "penalty", "a trop de décimales (3 au plus)"),
        ({"penalty": "16,39"}, "penalty", "n'est pas un nombre"),
        ({"individual": "oui"}, "individual", "n'est pas un booléen"),
        ({"company_name": ""}, "company_name", "doit être rempli(e)"),
    ],
)
async def test_customer_fields_are_strict(
    api: httpx.AsyncClient, fields: dict[str, object], field: str, message: str
) -> None:
    answer = await api.post(f"{FIRM}/customers.json", json={"company_name": "A", **fields})
    assert errors(answer) == {field: [message]}
    assert await ids(api, "customers.json") == []


async def test_all_errors_come_at_once(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{FIRM}/customers.json", json={"company_name": "A", "x": 1, "country": 3})
    assert errors(answer).keys() == {"x", "country"}


async def test_update_customer_is_partial_and_moves_api_id(api: httpx.AsyncClient) -> None:
    made = await customer(api, api_id=2**63 - 1, city="Lyon", sepa_iban="FR76")
    path = f"{FIRM}/customers/{made['id']}.json"
    updated = (await api.patch(path, json={"api_id": 8, "zip_code": "69001"})).json()
    assert (updated["api_id"], updated["city"], updated["zip_code"]) == (8, "Lyon", "69001")
    assert await ids(api, f"customers.json?api_id={2**63 - 1}") == []
    assert await ids(api, "customers.json?api_id=8") == [made["id"]]
    assert (await api.get(path, params={"with_sepa": 1})).json()["sepa_iban"] == "FR76"


async def test_customer_filters(api: httpx.AsyncClient) -> None:
    ann = await customer(api, company_name="Ann SARL", email="ann@x.fr", api_id=1, api_custom="shop:1")
    bob = await customer(api, company_name="Bob SAS", email="bob@x.fr", api_id=1, api_custom="shop:12")
    eve = await customer(
        api, company_name=None, first_name="Eve", last_name="Roy", individual=True, country="FR"
    )
    gone = await customer(api, company_name="Old", country="FR")
    assert (await api.post(f"{FIRM}/customers/{gone['id']}/archive.json")).status_code == 200
    expected = {
        "": [ann, bob, eve],
        "mode=all": [ann, bob, eve, gone],
        "mode=archived": [gone],
        "mode=company": [ann, bob],
        "mode=individual": [eve],
        "mode=missing_siret": [gone],
        "api_id=1": [ann, bob],
        "api_custom=shop:1": [ann, bob],
        "api_custom=shop:12": [bob],
        "company=SARL": [ann],
        "last_name=ro": [eve],
        "email=X.FR": [ann, bob],
        "sort=desc": [eve, bob, ann],
        "order=created&sort=desc": [eve, bob, ann],
        f"ids={eve['id']},{gone['id']}&email=none": [eve, gone],
        f"ids[]={bob['id']}": [bob],
        "category_id=0&last_name=roy": [eve],
    }
    for query, found in expected.items():
        assert await ids(api, f"customers.json?{query}") == [c["id"] for c in found], query
    assert "mode" in errors(await api.get(f"{FIRM}/customers.json?mode=dead"))
    await api.post(f"{FIRM}/customers/{gone['id']}/unarchive.json")
    assert gone["id"] in await ids(api, "customers.json")


async def test_pages() -> None:
    async with opened() as api:
        for number in range(31):
            await customer(api, company_name=f"C{number:02}")
        first = await api.get(f"{FIRM}/customers.json")
        assert first.headers["x-pagination"] == (
            '{"current_page":1,"total_pages":2,"per_page":30,"total_entries":31}'
        )
        second = await api.get(f"{FIRM}/customers.json?page=2")
        assert (len(first.json()), [c["company_name"] for c in second.json()]) == (30, ["C30"])
        assert (await api.get(f"{FIRM}/customers.json?page=3")).json() == []


async def test_only_a_customer_never_invoiced_is_deleted(api: httpx.AsyncClient) -> None:
    buyer, visitor = await customer(api, api_id=5), await customer(api, api_id=5)
    await invoice(api, customer_id=buyer["id"])
    assert "base" in errors(await api.delete(f"{FIRM}/customers/{buyer['id']}.json"))
    assert (await api.delete(f"{FIRM}/customers/{visitor['id']}.json")).status_code == 200
    assert await ids(api, "customers.json?api_id=5") == [buyer["id"]]
    moved = await api.get(f"{FIRM}/customers/{buyer['id']}/invoices.json")
    assert moved.headers["location"] == f"/firms/1/invoices.json?customer_id={buyer['id']}"


async def test_siret_can_be_required() -> None:
    async with opened(replace(CONFIG, require_siret=True)) as api:
        answer = await api.post(f"{FIRM}/customers.json", json={"company_name": "A", "country": "FR"})
        assert errors(answer).keys() == {"siret"}
        await customer(api, country="FR", siret="12345678900011")
        await customer(api, country="BE")


async def test_search_lag_hides_new_records_from_lists_only() -> None:
    clock = Clock()
    async with opened(replace(CONFIG, clock=clock, search_lag_seconds=5)) as api:
        made = await customer(api, api_id=7)
        assert await ids(api, "customers.json?api_id=7") == []
        assert (await api.get(f"{FIRM}/customers/{made['id']}.json")).status_code == 200
        clock.advance(seconds=5)
        assert await ids(api, "customers.json?api_id=7") == [made["id"]]
