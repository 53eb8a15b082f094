"""Acting against the sandbox on a real port: exactly one document, at the fewest calls, whatever fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.facturation.fields import api_id_of
from bridge.runtime.wiring import SystemClock
from bridge.sandbox import ROUNDINGS, FaultKind, Moment, SandboxConfig
from bridge.sandbox.config import PaymentAtCreation
from tests.builders.shopify import item, shopify_order, shopify_refund
from tests.worlds.in_process import Here, bridge_here
from tests.worlds.waiting import until

KEY = "shopify:boutique:order:1"
SETTLE = 0.3


@pytest.fixture
async def here(redis: Any, redis_url: str) -> AsyncIterator[Here]:
    async with bridge_here(redis_url, settle=SETTLE) as here:
        yield here


async def known(here: Here, buyer: int = 1) -> None:
    """A buyer who ordered before."""
    assert (await here.sync(await here.accept(shopify_order(999, buyer=buyer))))["state"] == "done"
    here.forget_calls()


async def done(here: Here, *keys: str) -> None:
    """Runs the orders until all are done."""

    async def all_done() -> bool:
        await here.sync(*keys)
        return {(await here.state(key))["state"] for key in keys} == {"done"}

    await until(all_done, f"{keys} done")


async def until_free(here: Here, key: str) -> None:
    """Its holder died: the lease runs out by itself; nobody waits for that here."""
    await here.redis.delete(f"bridge:lease:{key}")


def total_of(here: Here, key: str = KEY) -> Decimal:
    """The total of the only document of this key."""
    (only,) = here.invoices(key)
    return only.totals.total_with_vat


# --- calls


async def test_a_known_buyers_order_costs_one_call(here: Here) -> None:
    await known(here)
    assert (await here.sync(await here.accept(shopify_order(1))))["state"] == "done"
    assert here.calls() == ["POST /invoices.json"]
    (invoice,) = here.invoices(KEY)
    assert (invoice.draft, invoice.totals.total_with_vat, invoice.paid) == (False, Decimal("12.00"), True)
    assert invoice.values["api_id"] == api_id_of(KEY)


async def test_a_new_buyers_order_costs_three(here: Here) -> None:
    assert (await here.sync(await here.accept(shopify_order(1))))["state"] == "done"
    assert [call.split("?")[0] for call in here.calls()] == [
        "GET /customers.json",
        "POST /customers.json",
        "POST /invoices.json",
    ]
    assert [c.values["api_custom"] for c in here.sandbox.customers] == ["shopify:boutique:customer:7001"]


async def test_a_finished_order_told_again_costs_nothing(here: Here) -> None:
    await known(here)
    order = shopify_order(1)
    await here.sync(await here.accept(order))
    here.forget_calls()
    for topic in ("orders/updated", "orders/create", "orders/paid"):
        assert (await here.sync(await here.accept(order, topic)))["state"] == "done"
    assert here.calls() == []


async def test_the_very_first_order_asks_once_whether_the_shop_was_bridged(
    redis: Any, redis_url: str
) -> None:
    async with bridge_here(redis_url, settle=60, acquainted=False) as here:
        assert (await here.sync(await here.accept(shopify_order(1))))["state"] == "done"
        assert len(here.calls("GET", "api_custom")) == 2
        here.forget_calls()
        assert (await here.sync(await here.accept(shopify_order(2))))["state"] == "done"
        assert here.calls("GET", "api_custom") == []


# --- answers that never came


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": FaultKind.STATUS, "status": 502, "moment": Moment.AFTER},
        {"kind": FaultKind.DROP, "moment": Moment.AFTER},
        {"kind": FaultKind.HTML},
        {"kind": FaultKind.LATE_COMMIT, "status": 504, "seconds": 0.1},
        {"kind": FaultKind.LATE_COMMIT, "status": 0, "seconds": 0.1},
    ],
    ids=["502", "dropped", "html", "late-504", "late-dropped"],
)
@pytest.mark.parametrize("target", ["/customers.json", "/invoices.json"])
async def test_what_was_done_without_an_answer_is_found(
    here: Here, fault: dict[str, Any], target: str
) -> None:
    here.fault(**fault, method="POST", path=target)
    key = await here.accept(shopify_order(1))
    first = await here.sync(key)
    assert (first["state"], first["attempts"]) == ("waiting", "1")
    await done(here, key)
    assert total_of(here) == Decimal("12.00")
    assert len(here.sandbox.customers) == 1
    assert len(here.calls("POST", target)) == 1


@pytest.mark.parametrize(
    "fault",
    [{"kind": FaultKind.STATUS, "status": 503}, {"kind": FaultKind.DROP}],
    ids=["503", "dropped"],
)
async def test_what_was_not_done_is_done_once_it_is_certain(here: Here, fault: dict[str, Any]) -> None:
    await known(here)
    here.fault(**fault, method="POST", path="/invoices.json")
    key = await here.accept(shopify_order(1))
    await here.sync(key)
    # The attempt is younger than the settle time: it is looked for, not made again.
    second = await here.sync(key)
    assert (second["state"], second["attempts"]) == ("waiting", "1")
    assert len(here.calls("POST", "/invoices.json")) == 1
    assert here.calls("GET", f"api_id={api_id_of(key)}")
    await done(here, key)
    assert total_of(here) == Decimal("12.00")
    assert len(here.calls("POST", "/invoices.json")) == 2


async def test_a_payment_that_was_not_kept_is_recorded(redis: Any, redis_url: str) -> None:
    config = SandboxConfig(payment_at_creation=PaymentAtCreation.DROPPED)
    async with bridge_here(redis_url, config) as here:
        await known(here)
        await done(here, await here.accept(shopify_order(1)))
        assert [call.split("/")[1] for call in here.calls("PATCH")] == ["invoices"]
        (invoice,) = here.invoices(KEY)
        assert invoice.paid


# --- cents

ORDINARY = [f"{net}_vat_{vat}" for net in ("line2", "line3") for vat in ("line", "rate", "once")]
AWKWARD = [("25.41", "0.055", 28), ("25.99", "0.1", 60)]
"""A cart for which no lines please all these rounding rules at once."""


@pytest.mark.parametrize("rounding", ORDINARY)
@pytest.mark.parametrize(
    "cart",
    [AWKWARD, [("17.01", "0.2", 3), ("24.79", "0.2", 25), ("29.43", "0.055", 36), ("11.44", "0.1", 3)]],
)
async def test_a_total_that_rules_disagree_on_is_seen_as_a_draft_first(
    redis: Any, redis_url: str, rounding: str, cart: list[tuple[str, str, int]]
) -> None:
    items = [item(gross, rate, quantity, id_=n) for n, (gross, rate, quantity) in enumerate(cart, start=1)]
    order = shopify_order(1, items)
    async with bridge_here(redis_url, SandboxConfig(rounding=ROUNDINGS[rounding]), calibrated=False) as here:
        await known(here)
        await done(here, await here.accept(order))
        (invoice,) = here.invoices(KEY)
        assert (str(invoice.totals.total_with_vat), invoice.draft) == (order["total_price"], False)
        assert invoice.invoice_ref
        assert len(here.calls()) <= 3


async def test_before_the_rule_is_known_every_document_is_a_draft_first(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, calibrated=False) as here:
        await known(here)
        await done(here, await here.accept(shopify_order(1)))
        assert here.calls("POST") == ["POST /invoices.json?type_doc=draft"]
        assert here.calls("PATCH")[-1].endswith("?type_doc=final")
        assert (total_of(here), here.invoices(KEY)[0].draft) == (Decimal("12.00"), False)


# --- customers


async def test_simultaneous_first_orders_of_one_buyer_make_one_customer(here: Here) -> None:
    keys = [await here.accept(shopify_order(n, buyer=5)) for n in range(1, 7)]
    await done(here, *keys)
    assert len(here.sandbox.customers) == 1
    assert len(here.calls("POST", "/customers.json")) == 1
    assert len(here.invoices()) == 6


async def test_a_customer_who_was_there_is_found_by_e_mail(here: Here) -> None:
    here.sandbox.customer_book.create(
        {"individual": True, "last_name": "Martin", "email": "Acheteur1@example.com"}
    )
    await done(here, await here.accept(shopify_order(1)))
    assert len(here.sandbox.customers) == 1


async def test_a_record_of_a_person_gets_its_blanks_and_keeps_its_words(here: Here) -> None:
    kept = here.sandbox.customer_book.create(
        {"individual": True, "first_name": "Camila", "email": "acheteur1@example.com", "city": "LYON"}
    )
    await done(here, await here.accept(shopify_order(1)))
    values = kept.values
    assert values["first_name"] == "Camila"
    assert (values["street"], values["zip_code"], values["city"]) == ("12 rue des Lilas", "69003", "LYON")
    assert "Acheteur, d'après la commande : Camille." in told(here, 1)
    # Known by now: nothing is looked up, and the document still says it.
    here.forget_calls()
    await done(here, await here.accept(shopify_order(2, buyer=1)))
    assert here.calls() == ["POST /invoices.json"]
    assert "Acheteur, d'après la commande : Camille." in told(here, 2)
    # Moved: the record is read again, and its address is theirs by now.
    here.forget_calls()
    order = shopify_order(3, buyer=1)
    order["billing_address"] = order["billing_address"] | {"address1": "3 place du Marché"}
    await done(here, await here.accept(order))
    assert here.calls() == [f"GET /customers/{kept.id}.json", "POST /invoices.json"]
    assert "Camille, 3 place du Marché, 69003 Lyon, FR." in told(here, 3)
    assert values["street"] == "12 rue des Lilas"


def told(here: Here, id_: int) -> str:
    """The notes of an order's invoice."""
    return str(here.invoices(f"shopify:boutique:order:{id_}")[0].values["information"])


async def test_a_record_of_ours_that_the_ledger_lost_follows_the_order(here: Here) -> None:
    await known(here)
    (customer,) = here.sandbox.customers
    await here.redis.delete(*await here.redis.keys("bridge:ledger:*"))
    order = shopify_order(1)
    order["billing_address"] = order["billing_address"] | {"address1": "3 place du Marché"}
    await done(here, await here.accept(order))
    assert customer.values["street"] == "3 place du Marché"
    assert "Acheteur" not in told(here, 1)


async def test_another_number_at_the_same_e_mail_is_another_customer(here: Here) -> None:
    numbers = {1: "FR40303265045", 2: "FR83404833048", 3: "", 4: "FR40303265045"}
    for id_, number in numbers.items():
        order = for_a_company(id_) | {"note_attributes": [{"name": "vat_number", "value": number}]}
        await done(here, await here.accept(order))
    billed = [here.invoices(f"shopify:boutique:order:{n}")[0].values["customer_id"] for n in numbers]
    assert len(here.sandbox.customers) == len(set(billed)) == 2
    assert billed[0] == billed[3] != billed[1]


async def test_a_customer_archived_since_is_brought_back(here: Here) -> None:
    await known(here)
    (customer,) = here.sandbox.customers
    customer.archived = True
    await done(here, await here.accept(shopify_order(1)))
    assert not customer.archived
    assert len(here.sandbox.customers) == 1
    assert total_of(here) == Decimal("12.00")


async def test_an_archived_customer_of_the_same_e_mail_is_brought_back(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, settle=SETTLE, acquainted=False) as here:
        here.sandbox.customer_book.create(
            {"individual": True, "last_name": "Martin", "email": "acheteur1@example.com"}
        )
        (customer,) = here.sandbox.customers
        customer.archived = True
        await done(here, await here.accept(shopify_order(1)))
        assert (customer.archived, len(here.sandbox.customers)) == (False, 1)


def anonymous(id_: int) -> dict[str, Any]:
    """An order of the one buyer who gives no e-mail address."""
    return shopify_order(id_) | {"email": "", "customer": {"id": 7001, "email": "", "first_name": "Camille"}}


def delete(here: Here, customer_id: int) -> None:
    """A person deletes a customer who was never invoiced."""
    here.sandbox.invoice_book.delete_customer(customer_id)


async def with_a_customer_without_invoice(here: Here, order: dict[str, Any]) -> str:
    """An order whose buyer was created, and whose invoice was not."""
    here.fault(FaultKind.STATUS, status=415, method="POST", path="/invoices.json")
    key = await here.accept(order)
    assert (await here.sync(key))["state"] == "attention"
    return key


@pytest.mark.parametrize("order_of", [shopify_order, anonymous], ids=["e-mail", "no e-mail"])
async def test_a_buyer_whose_customer_was_deleted_is_created_anew(here: Here, order_of: Any) -> None:
    await with_a_customer_without_invoice(here, order_of(999) | {"customer": order_of(1)["customer"]})
    (dead,) = here.sandbox.customers
    delete(here, dead.id)
    key = await here.accept(order_of(1))
    state = await here.sync(key)
    assert (state["state"], f"customer {dead.id} " in state["reason"]) == ("waiting", True), state
    await done(here, key)
    (customer,) = here.sandbox.customers
    assert customer.id != dead.id
    assert here.invoices(KEY)[0].values["customer_id"] == customer.id
    here.forget_calls()
    assert (await here.sync(await here.accept(order_of(2) | {"customer": order_of(1)["customer"]})))[
        "state"
    ] == "done"
    assert "POST /customers.json" not in here.calls()


async def test_a_customer_deleted_in_favour_of_another_is_found_at_once(here: Here) -> None:
    key = await with_a_customer_without_invoice(here, shopify_order(999, buyer=1))
    (dead,) = here.sandbox.customers
    kept = here.sandbox.customer_book.create(
        {"individual": True, "last_name": "Martin", "email": "autre@example.com; acheteur1@example.com"}
    )
    delete(here, dead.id)
    key = await here.accept(shopify_order(1))
    here.forget_calls()
    await here.sync(key)
    assert (await here.sync(key))["state"] == "done"
    assert here.invoices(KEY)[0].values["customer_id"] == kept.id
    assert [call.split("?")[0] for call in here.calls()] == [
        "POST /invoices.json",
        f"GET /customers/{dead.id}.json",
        "GET /customers.json",
        f"PATCH /customers/{kept.id}.json",
        "POST /invoices.json",
    ]


async def test_a_deleted_customer_who_moved_is_created_anew(here: Here) -> None:
    await with_a_customer_without_invoice(here, shopify_order(999, buyer=1))
    (dead,) = here.sandbox.customers
    delete(here, dead.id)
    order = shopify_order(1)
    order["billing_address"] = order["billing_address"] | {"address1": "3 place du Marché"}
    await done(here, await here.accept(order))
    (customer,) = here.sandbox.customers
    assert customer.values["street"] == "3 place du Marché"


async def test_a_customer_who_stays_readable_is_deleted_all_the_same(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, SandboxConfig(deleted_stay_readable=True), settle=SETTLE) as here:
        await with_a_customer_without_invoice(here, shopify_order(999, buyer=1))
        (dead,) = here.sandbox.customers
        delete(here, dead.id)
        await done(here, await here.accept(shopify_order(1)))
        assert [each.soft_deleted for each in here.sandbox.customers] == [True, False]
        assert here.invoices(KEY)[0].values["customer_id"] != dead.id
        assert here.calls("POST", "unarchive") == []


async def test_several_orders_of_a_deleted_customer_make_one_customer(here: Here) -> None:
    await with_a_customer_without_invoice(here, shopify_order(999, buyer=1))
    (dead,) = here.sandbox.customers
    delete(here, dead.id)
    await done(here, *[await here.accept(shopify_order(n, buyer=1)) for n in range(1, 6)])
    assert len(here.sandbox.customers) == 1
    assert len(here.invoices()) == 5


async def test_an_archived_customer_deleted_since_is_created_anew(here: Here) -> None:
    book = here.sandbox.customer_book
    book.create({"individual": True, "last_name": "Martin", "email": "acheteur1@example.com"})
    (dead,) = here.sandbox.customers
    dead.archived = True
    await here.redis.delete("bridge:archived")
    await done(here, await here.accept(shopify_order(2)))  # the list of archived customers is fetched
    delete(here, dead.id)
    await done(here, await here.accept(shopify_order(1)))
    assert len(here.sandbox.customers) == 2


async def test_a_customer_who_exists_is_not_forgotten_for_a_refusal(here: Here) -> None:
    key = await with_a_customer_without_invoice(here, shopify_order(1))
    here.fault(FaultKind.STATUS, status=422, method="POST", path="/invoices.json", count=2)
    await here.accept(shopify_order(1), "orders/updated")
    assert (await here.sync(key))["state"] == "attention"
    here.forget_calls()
    await here.accept(shopify_order(1), "orders/updated")
    assert (await here.sync(key))["state"] == "done"
    assert here.calls() == ["POST /invoices.json"]


async def test_a_buyer_who_moved_is_updated(here: Here) -> None:
    await known(here)
    order = shopify_order(1)
    order["billing_address"] = order["billing_address"] | {"address1": "3 place du Marché"}
    await done(here, await here.accept(order))
    assert len(here.calls("PATCH", "/customers/")) == 1
    (customer,) = here.sandbox.customers
    assert customer.values["street"] == "3 place du Marché"


async def test_a_move_leaves_nothing_of_the_old_address(here: Here) -> None:
    await known(here)
    order = shopify_order(1)
    order["billing_address"] = {"first_name": "Camille", "last_name": "Martin", "country_code": "IE"} | {
        "address1": "1 Main Street",
        "city": "Ballina",
    }
    await done(here, await here.accept(order))
    (customer,) = here.sandbox.customers
    assert (customer.values["zip_code"] or "", customer.values["country"]) == ("", "IE")


def for_a_company(id_: int, name: str = "Papeterie Lumière SARL") -> dict[str, Any]:
    order = shopify_order(id_, buyer=1)
    order["billing_address"] = order["billing_address"] | {"company": name}
    return order


NUMBERS = "FR40303265045", "30326504500011"


async def test_a_customer_who_becomes_another_company_keeps_nothing_of_the_old_one(
    redis: Any, redis_url: str
) -> None:
    async with bridge_here(redis_url, boutique={"match_customers_by_email": False}) as here:

        async def order(id_: int, company: str, **completed: str) -> dict[str, Any]:
            """What its customer looks like then."""
            told = for_a_company(id_, company) | {
                "note_attributes": [{"name": name, "value": value} for name, value in completed.items()]
            }
            await done(here, await here.accept(told))
            (customer,) = here.sandbox.customers
            return customer.values

        values = await order(1, "Ancienne SARL", vat_number=NUMBERS[0], siret=NUMBERS[1])
        assert (values["vat_number"], values["siret"]) == NUMBERS
        # The same company: what this order leaves out is still true.
        values = await order(2, "ANCIENNE sarl")
        assert (values["vat_number"], values["siret"]) == NUMBERS
        values["phone"] = "0102030405"
        values = await order(3, "Nouvelle SAS")
        assert values["company_name"] == "Nouvelle SAS"
        assert [values[name] or "" for name in ("vat_number", "siret", "phone")] == ["", "", ""]
        assert (values["street"], values["city"]) == ("12 rue des Lilas", "Lyon")
        assert here.invoices("shopify:boutique:order:3")[0].customer_identity == "Nouvelle SAS"


async def test_an_account_that_buys_for_its_owner_and_for_a_company_is_two_customers(here: Here) -> None:
    orders = {n: shopify_order(n, buyer=1) if n % 2 else for_a_company(n) for n in (1, 2, 3, 4)}
    orders[5] = for_a_company(5, "Autre SARL")
    for order in orders.values():
        await done(here, await here.accept(order))
    billed = {
        n: here.sandbox.customer_book.shelf.get(
            here.invoices(f"shopify:boutique:order:{n}")[0].values["customer_id"]
        ).values["company_name"]
        for n in orders
    }
    assert billed == {
        1: None,
        2: "Papeterie Lumière SARL",
        3: None,
        4: "Papeterie Lumière SARL",
        5: "Autre SARL",
    }
    assert len(here.sandbox.customers) == 3


async def test_a_company_is_not_invoiced_as_the_person_who_was_there(here: Here) -> None:
    here.sandbox.customer_book.create(
        {"individual": True, "last_name": "Martin", "email": "acheteur1@example.com"}
    )
    await done(here, await here.accept(shopify_order(1)))
    await done(here, await here.accept(for_a_company(2)))
    assert [each.values["individual"] for each in here.sandbox.customers] == [True, False]


async def test_a_new_buyer_without_e_mail_costs_no_look_up(here: Here) -> None:
    buyer = {"id": 7001, "email": "", "first_name": "Camille"}
    order = shopify_order(1) | {"email": "", "customer": buyer}
    assert (await here.sync(await here.accept(order)))["state"] == "done"
    assert here.calls() == ["POST /customers.json", "POST /invoices.json"]


async def test_a_buyer_without_e_mail_is_found_after_a_loss(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, settle=SETTLE, acquainted=False) as here:
        buyer = {"id": 7001, "email": "", "first_name": "Camille"}
        anonymous: dict[str, Any] = {"email": "", "customer": buyer}
        await done(here, await here.accept(shopify_order(1, **anonymous)))
        await redis.flushall()
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        order = shopify_order(2, processed_at=later, **anonymous)
        await done(here, await here.accept(order))
        assert len(here.sandbox.customers) == 1


# --- refusals


async def test_only_a_refusal_that_may_mean_archived_is_tried_again(here: Here) -> None:
    await known(here)
    for status, calls in ((415, 1), (422, 4)):
        here.fault(FaultKind.STATUS, status=status, method="POST", path="/invoices.json", count=2)
        here.forget_calls()
        await here.sync(await here.accept(shopify_order(status, buyer=1)))
        here.sandbox.faults.clear()
        assert len(here.calls()) == calls, here.calls()


@pytest.mark.parametrize("status", [303, 409])
async def test_what_a_proxy_makes_of_a_done_request_is_looked_up(here: Here, status: int) -> None:
    await known(here)
    here.fault(FaultKind.STATUS, status=status, method="POST", path="/invoices.json", moment=Moment.AFTER)
    await done(here, await here.accept(shopify_order(1)))
    assert total_of(here) == Decimal("12.00")
    assert len(here.calls("POST")) == 1


async def test_a_second_try_without_an_answer_is_looked_up(here: Here) -> None:
    await known(here)
    (customer,) = here.sandbox.customers
    customer.archived = True
    here.fault(FaultKind.DROP, method="POST", path="/invoices.json", moment=Moment.AFTER, skip=1)
    key = await here.accept(shopify_order(1))
    assert (await here.sync(key))["state"] == "waiting"
    await done(here, key)
    assert total_of(here) == Decimal("12.00")
    assert len(here.calls("POST", "/invoices.json")) == 2


async def test_a_refusal_around_midnight_is_tried_again(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    await known(here)
    # 23:59:59 in Paris; elsewhere it is tomorrow, and a number of tomorrow's is out.
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime(2026, 11, 21, 22, 59, 59, tzinfo=UTC))
    here.sandbox.invoice_book._series.last_day = datetime(2026, 11, 22, tzinfo=UTC).date()
    key = await here.accept(shopify_order(1))
    state = await here.sync(key)
    assert (state["state"], "midnight" in state["reason"]) == ("waiting", True)
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime(2026, 11, 21, 23, 2, tzinfo=UTC))
    await done(here, key)
    assert here.invoices(KEY)[0].values["invoiced_on"].isoformat() == "2026-11-22"


async def test_an_e_mail_is_asked_for_once_whatever_happens(
    redis: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bridge_here(redis_url, settle=SETTLE, boutique={"send_email": True}) as here:
        key = await here.accept(shopify_order(1))
        sent = type(here.services.client).send_email

        async def dies_after(self: Any, invoice_id: int) -> None:
            await sent(self, invoice_id)
            raise asyncio.CancelledError

        monkeypatch.setattr(type(here.services.client), "send_email", dies_after)
        with contextlib.suppress(asyncio.CancelledError):
            await here.services.syncer.sync_order(key)
        monkeypatch.setattr(type(here.services.client), "send_email", sent)
        await until_free(here, key)
        await done(here, key)
        assert len(here.calls("POST", "/emails.json")) == 1


async def test_an_e_mail_that_never_left_is_asked_for_again(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, settle=SETTLE, boutique={"send_email": True}) as here:
        here.fault(FaultKind.TOO_MANY_REQUESTS, path="/emails.json", retry_after=1)
        key = await here.accept(shopify_order(1))
        assert (await here.sync(key))["state"] == "waiting"
        await here.redis.delete("bridge:quota:1:pause")
        await done(here, key)
        assert len(here.calls("POST", "/emails.json")) == 2


# --- refunds

TWO = [item("12.00", quantity=2), item("7.99", id_=2)]


async def test_a_full_refund_reverses_the_invoice_once(here: Here) -> None:
    order = shopify_order(1)
    key = await here.accept(order)
    await done(here, key)
    here.forget_calls()
    refund = shopify_refund(order, 9, "12.00", {1: 1})
    await here.accept(refund, "refunds/create")
    await done(here, key)
    assert total_of(here, "shopify:boutique:refund:9") == Decimal("-12.00")
    assert len(here.calls("POST")) == 1
    await here.accept(refund, "refunds/create")
    await done(here, key)
    assert len(here.invoices()) == 2


@pytest.mark.parametrize(("policy", "draft"), [("draft", True), ("final", False)])
async def test_partial_refunds_are_credit_notes_of_what_was_paid_back(
    redis: Any, redis_url: str, policy: str, draft: bool
) -> None:
    async with bridge_here(redis_url, boutique={"partial_refunds": policy}) as here:
        order = shopify_order(1, TWO)
        key = await here.accept(order)
        await done(here, key)
        await here.accept(shopify_refund(order, 9, "12.00", {1: 1}), "refunds/create")
        await done(here, key)
        await here.accept(shopify_refund(order, 10, "7.99", {2: 1}), "refunds/create")
        await done(here, key)
        notes = [*here.invoices("shopify:boutique:refund:9"), *here.invoices("shopify:boutique:refund:10")]
        assert [note.totals.total_with_vat for note in notes] == [Decimal("-12.00"), Decimal("-7.99")]
        assert [note.draft for note in notes] == [draft, draft]


@pytest.mark.parametrize("fault", [FaultKind.DROP, FaultKind.STATUS])
async def test_a_reversal_without_an_answer_is_found(here: Here, fault: FaultKind) -> None:
    order = shopify_order(1)
    key = await here.accept(order)
    await done(here, key)
    here.fault(fault, method="POST", path="/refund", moment=Moment.AFTER)
    await here.accept(shopify_refund(order, 9, "12.00", {1: 1}), "refunds/create")
    assert (await here.sync(key))["state"] == "waiting"
    await done(here, key)
    assert len(here.calls("POST", "/refund")) == 1
    assert total_of(here, "shopify:boutique:refund:9") == Decimal("-12.00")


async def test_an_invoice_that_a_person_reversed_is_not_reversed_again(here: Here) -> None:
    order = shopify_order(1)
    key = await here.accept(order)
    await done(here, key)
    (invoice,) = here.invoices(KEY)
    here.sandbox.invoice_book.refund(invoice.id, api_id=None, api_custom=None)
    await here.accept(shopify_refund(order, 9, "12.00", {1: 1}), "refunds/create")
    await done(here, key)
    assert len(here.invoices()) == 2


async def test_nothing_more_is_credited_on_an_invoice_that_a_person_reversed(
    redis: Any, redis_url: str
) -> None:
    async with bridge_here(redis_url, settle=SETTLE, boutique={"partial_refunds": "final"}) as here:
        order = shopify_order(1, TWO)
        key = await here.accept(order)
        await done(here, key)
        (invoice,) = here.invoices(KEY)
        here.sandbox.invoice_book.refund(invoice.id, api_id=None, api_custom=None)
        await here.accept(shopify_refund(order, 9, "12.00", {1: 1}), "refunds/create")
        state = await here.sync(key)
        assert (state["state"], "was reversed" in state["reason"]) == ("attention", True)
        assert len(here.invoices()) == 2


# --- a ledger that forgot


async def test_total_loss_and_replay_invoice_nothing_twice(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, settle=SETTLE, acquainted=False) as here:
        orders = [shopify_order(n) for n in range(1, 4)]
        for order in orders:
            await done(here, await here.accept(order))
        refund = shopify_refund(orders[0], 9, "12.00", {1: 1})
        await here.accept(refund, "refunds/create")
        await done(here, KEY)
        before = [(each.id, each.totals) for each in here.invoices()]
        await redis.flushall()
        keys = [await here.accept(order) for order in orders]
        await here.accept(refund, "refunds/create")
        await done(here, *keys)
        assert [(each.id, each.totals) for each in here.invoices()] == before
        assert len(here.sandbox.customers) == 3


async def test_several_invoices_of_one_order_are_shown_to_a_person(redis: Any, redis_url: str) -> None:
    async with bridge_here(redis_url, settle=SETTLE, acquainted=False) as here:
        key = await here.accept(shopify_order(1))
        await done(here, key)
        (first,) = here.invoices()
        body = {name: first.values[name] for name in ("customer_id", "api_id", "api_custom")}
        line = {"title": "x", "quantity": "1", "unit_price": "10", "vat": "0.2"}
        twin = here.sandbox.invoice_book.create(body | {"items": [line]}, type_doc=None, external=False)
        await redis.flushall()
        state = await here.sync(await here.accept(shopify_order(1)))
        assert state["state"] == "attention"
        assert str(first.id) in state["reason"]
        assert str(twin.id) in state["reason"]
