"""The client against the sandbox, in process and over TCP, and against answers the sandbox never gives."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from starlette.applications import Starlette

from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, DraftLine, InvoiceDraft, PaymentNote
from bridge.billing.rules import DocumentPolicy
from bridge.errors import (
    AccessRefused,
    ApiRefused,
    BridgeError,
    NeedsPerson,
    NotSent,
    OutcomeUnknown,
    QuotaReached,
    RequestForbidden,
    RetryLater,
    StoreUnavailable,
)
from bridge.facturation import wire
from bridge.facturation.answers import explain
from bridge.facturation.client import ApiCall, FacturationClient, open_client
from bridge.facturation.fields import (
    api_id_of,
    credit_note_fields,
    customer_fields,
    invoice_fields,
    payment_fields,
)
from bridge.facturation.quota import Failure, Lane, Quota
from bridge.movements import PaymentMethod
from bridge.reasons import because, reason_from
from bridge.sandbox import (
    Fault,
    FaultKind,
    Moment,
    Sandbox,
    SandboxConfig,
    SandboxTransport,
    create_sandbox,
    serve_sandbox,
)
from bridge.texts import cure_of, text_of

CUSTOMER = CustomerDraft(
    key="shopify:boutique:customer:1",
    individual=True,
    first_name="Zoé",
    last_name="Martin",
    city="Paris",
    country="FR",
    email="zoe+shop@example.com",
)
INVOICE = InvoiceDraft(
    key="shopify:boutique:order:1",
    policy=DocumentPolicy.FINAL,
    lines=(DraftLine(title="Thé", quantity=Decimal(1), unit_price=Decimal("10"), vat=Decimal("0.2")),),
    currency="EUR",
    total=Decimal("12.00"),
    agreed=True,
    paid=PaymentNote(on=date(2026, 1, 2), method=PaymentMethod.CARD, reference="pi_1"),
)

Connect = Callable[..., AbstractAsyncContextManager[FacturationClient]]


def at_once() -> None:
    """A `before_send` that lets everything go."""


@pytest.fixture
def app() -> Starlette:
    return create_sandbox(SandboxConfig(per_page=2))


@pytest.fixture
def sandbox(app: Starlette) -> Sandbox:
    state: Sandbox = app.state.sandbox
    return state


@pytest.fixture
def today(sandbox: Sandbox) -> date:
    return sandbox.config.today()


@pytest.fixture
def quota(redis: Redis) -> Quota:
    return Quota(redis, firm_id=1)


@pytest.fixture
def connect(quota: Quota) -> Connect:
    def open_(**changes: Any) -> AbstractAsyncContextManager[FacturationClient]:
        given: dict[str, Any] = {
            "base_url": "http://sandbox",
            "firm_id": 1,
            "api_id": "4242",
            "api_key": SecretStr("sandbox-key"),
            "contact": "ops@example.com",
            "quota": quota,
        }
        return open_client(wire.Wire(**(given | changes)))

    return open_


@pytest.fixture
async def client(app: Starlette, connect: Connect) -> AsyncIterator[FacturationClient]:
    async with connect(transport=SandboxTransport(app)) as client:
        yield client


@asynccontextmanager
async def on_a_port(app: Starlette, config: SandboxConfig) -> AsyncIterator[str]:
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_sandbox(config, "127.0.0.1", 0, started=url.set_result, app=app))
    try:
        yield await url
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def answering(
    status: int,
    content: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
    seen: list[httpx.Request] | None = None,
) -> httpx.MockTransport:
    """An API that always answers the same."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, content=content, headers=headers)

    return httpx.MockTransport(answer)


# ------------------------------------------------------------------------------------- against the sandbox


async def test_a_sale_from_customer_to_credit_note(client: FacturationClient, today: date) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    assert await client.find_customers(api_id_of(CUSTOMER.key)) == [customer]
    assert customer.individual

    invoice = await client.create_invoice(invoice_fields(INVOICE, customer.id, today), before_send=at_once)
    assert (invoice.total, invoice.total_with_vat) == (Decimal("10"), Decimal("12"))
    assert (invoice.paid_on, invoice.payment_mode) == (date(2026, 1, 2), 2)
    assert invoice.number
    assert not invoice.draft
    assert await client.get_invoice(invoice.id) == invoice
    assert [found.id for found in await client.find_invoices(api_id_of(INVOICE.key))] == [invoice.id]

    assert await client.find_credit_note_of(invoice.id, customer.id) is None
    key = "shopify:boutique:refund:1"
    credit_note = await client.refund_invoice(
        invoice.id, api_id=api_id_of(key), api_custom=key, before_send=at_once
    )
    assert credit_note.total_with_vat == Decimal("-12")
    assert (credit_note.refund_id, credit_note.api_custom) == (invoice.id, key)
    found = await client.find_credit_note_of(invoice.id, customer.id)
    assert found is not None
    assert found.id == credit_note.id
    await client.send_email(invoice.id)


async def test_a_draft_is_mended_finalised_and_paid(client: FacturationClient, today: date) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    fields = invoice_fields(replace(INVOICE, paid=None), customer.id, today)
    draft = await client.create_invoice(fields, mode="draft", before_send=at_once)
    assert (draft.draft, draft.number, draft.paid_on) == (True, "", None)
    mended = await client.update_invoice(draft.id, {"title": "Commande 1 bis"})
    assert mended.draft
    final = await client.finalise_invoice(draft.id, {"invoiced_on": today.isoformat()})
    assert not final.draft
    assert final.number
    payment = payment_fields(PaymentNote(on=today, method=PaymentMethod.PAYPAL))
    paid = await client.update_invoice(draft.id, payment)
    assert (paid.paid_on, paid.payment_mode) == (today, 1)


async def test_a_draft_is_deleted_once_or_twice(client: FacturationClient, today: date) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    fields = invoice_fields(INVOICE, customer.id, today)
    draft = await client.create_invoice(fields, mode="draft", before_send=at_once)
    await client.delete_draft(draft.id)
    await client.delete_draft(draft.id)
    assert await client.find_invoices(api_id_of(INVOICE.key)) == []
    final = await client.create_invoice(fields, before_send=at_once)
    with pytest.raises(ApiRefused):
        await client.delete_draft(final.id)


async def test_the_credit_note_of_another_invoice_is_not_taken(
    client: FacturationClient, today: date
) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    fields = invoice_fields(INVOICE, customer.id, today)
    first, second = [await client.create_invoice(fields, before_send=at_once) for _ in range(2)]
    await client.refund_invoice(first.id, api_id=1, api_custom="r", before_send=at_once)
    assert await client.find_credit_note_of(second.id, customer.id) is None


async def test_an_imported_invoice(client: FacturationClient, today: date) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    draft = replace(INVOICE, policy=DocumentPolicy.EXTERNAL, external_ref="F-1", external_on=date(2026, 1, 1))
    record = await client.create_invoice(
        invoice_fields(draft, customer.id, today), mode=DocumentPolicy.EXTERNAL, before_send=at_once
    )
    assert (record.external, record.external_ref, record.invoiced_on) == (True, "F-1", date(2026, 1, 1))


async def test_a_partial_credit_note(client: FacturationClient, today: date) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    invoice = await client.create_invoice(invoice_fields(INVOICE, customer.id, today), before_send=at_once)
    draft = CreditNoteDraft(
        key="shopify:boutique:refund:2",
        invoice_key=INVOICE.key,
        refund_id="2",
        full=False,
        total=Decimal("-6"),
        currency="EUR",
        refunded_on=today,
        lines=(replace(INVOICE.lines[0], quantity=Decimal("-0.5")),),
    )
    assert invoice.invoiced_on is not None
    assert invoice.invoiced_on
    originals = [(invoice.number, invoice.invoiced_on)]
    fields = credit_note_fields(draft, customer.id, originals, today)
    credit_note = await client.create_invoice(fields, before_send=at_once)
    assert credit_note.total_with_vat == Decimal("-6")
    assert credit_note.paid_on == today


async def test_a_customer_by_email_exactly_over_all_pages(client: FacturationClient) -> None:
    for n, email in enumerate(
        ["azoe+shop@example.com", "zoe+shop@example.com.au", "ZOE+SHOP@example.com; second@example.com", ""]
    ):
        draft = replace(CUSTOMER, key=f"shopify:boutique:customer:{n}", email=email)
        await client.create_customer(customer_fields(draft), before_send=at_once)
    found = await client.find_customers_by_email("zoe+shop@example.com")
    assert [record.api_custom for record in found] == ["shopify:boutique:customer:2"]
    assert await client.find_customers_by_email("nobody@example.com") == []


async def test_an_archived_customer_is_found_apart_and_brought_back(
    client: FacturationClient, sandbox: Sandbox
) -> None:
    customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    sandbox.customer_book.archive(customer.id, archived=True)
    assert await client.find_customers_by_email(CUSTOMER.email) == []
    archived = await client.archived_customers()
    assert [record.id for record in archived] == [customer.id]
    assert await client.find_customers(api_id_of(CUSTOMER.key), archived=True) == archived
    await client.unarchive_customer(customer.id)
    assert len(await client.find_customers_by_email(CUSTOMER.email)) == 1
    updated = await client.update_customer(customer.id, {"city": "Lyon"})
    assert updated.id == customer.id


@pytest.mark.parametrize("readable", [False, True])
async def test_a_deleted_customer(readable: bool, connect: Connect) -> None:
    app = create_sandbox(SandboxConfig(deleted_stay_readable=readable))
    async with connect(transport=SandboxTransport(app)) as client:
        customer = await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
        assert await client.get_customer(customer.id) == customer
        await client.delete_customer(customer.id)
        if readable:
            assert (await client.get_customer(customer.id)).soft_deleted
        else:
            with pytest.raises(ApiRefused) as gone:
                await client.get_customer(customer.id)
            assert gone.value.status == 404
        assert await client.find_customers_by_email(CUSTOMER.email) == []
        fields = invoice_fields(INVOICE, customer.id, date(2026, 11, 22))
        with pytest.raises(ApiRefused) as refused:
            await client.create_invoice(fields, before_send=at_once)
        assert refused.value.status == 422
        assert "customer_id" in text_of(refused.value.reason)


async def test_was_this_shop_ever_bridged(client: FacturationClient, sandbox: Sandbox, today: date) -> None:
    for n in range(3):
        draft = replace(CUSTOMER, key=f"shopify:boutique:customer:{n}")
        customer = await client.create_customer(customer_fields(draft), before_send=at_once)
    await client.create_invoice(invoice_fields(INVOICE, customer.id, today), before_send=at_once)
    calls = sandbox.requests_received
    assert await client.find_customers_by_custom_prefix("shopify:boutique:")
    assert await client.find_invoices_by_custom_prefix("shopify:boutique:")
    assert await client.find_invoices_by_custom_prefix("boutique:") == []  # a part, but no prefix
    assert await client.find_customers_by_custom_prefix("boutique:") == []  # on two pages
    assert await client.find_customers_by_custom_prefix("shopify:autre:") == []
    assert sandbox.requests_received == calls + 6


async def test_the_account_lists_its_firms(client: FacturationClient) -> None:
    assert (await client.account()).firms == {1: "Bac à sable"}


async def test_wrong_credentials_stop_everyone(app: Starlette, connect: Connect, quota: Quota) -> None:
    async with connect(transport=SandboxTransport(app), api_key=SecretStr("wrong-key")) as client:
        with pytest.raises(AccessRefused) as refused:
            await client.account()
    assert "facturation.api_key" in cure_of(refused.value.reason)
    assert "wrong-key" not in repr(refused.value.reason)
    state = await quota.state()
    assert (state["last_failure_kind"], state["last_failure_reason"]) == (
        Failure.REFUSED,
        refused.value.reason,
    )


@pytest.mark.parametrize(
    ("account", "own"),
    [
        (httpx.Response(200, json={"firms": [{"id": 1, "name": "A"}]}), True),
        (httpx.Response(200, json={"firms": [{"id": 2, "name": "B"}]}), False),  # not our firm any more
        (httpx.Response(200, json=[]), False),
        (httpx.Response(403, text="Forbidden"), False),
        (httpx.Response(401, text="HTTP Basic: Access denied."), False),
        (httpx.Response(503), False),
    ],
)
async def test_a_403_is_the_requests_own_where_the_account_answers(
    account: httpx.Response, own: bool, connect: Connect, quota: Quota
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/account.json":
            return account
        return httpx.Response(403, json={"error": "dit"})

    async with connect(transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(AccessRefused) as refused:
            await client.create_customer({}, before_send=at_once)
    reason, state = refused.value.reason, await quota.state()
    assert "403 to POST /customers.json: dit" in text_of(reason)
    assert "403 to POST /customers.json: …" in text_of(reason, personal=False)
    assert (type(refused.value) is RequestForbidden, refused.value.counts_as_attempt) == (own, own)
    assert (state["paused_until"] is None, state["last_failure"] is None) == (own, own)


async def test_a_refusal_names_the_field_and_repeats_nothing_sent(client: FacturationClient) -> None:
    fields = customer_fields(CUSTOMER) | {"country": "France"}
    with pytest.raises(ApiRefused) as refused:
        await client.create_customer(fields, before_send=at_once)
    assert refused.value.status == 422
    text = text_of(refused.value.reason)
    assert "country: " in text
    assert "retry the order" in cure_of(refused.value.reason)
    assert not {"Martin", "Zoé", "example.com"} & set(re.split(r"[\s@,]+", text))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(kind=FaultKind.STATUS, status=503), OutcomeUnknown),
        (Fault(kind=FaultKind.STATUS, status=502, moment=Moment.AFTER), OutcomeUnknown),
        (Fault(kind=FaultKind.DROP, moment=Moment.AFTER), OutcomeUnknown),
        (Fault(kind=FaultKind.DROP), OutcomeUnknown),
        (Fault(kind=FaultKind.HTML), OutcomeUnknown),
        (Fault(kind=FaultKind.TOO_MANY_REQUESTS, retry_after=7), QuotaReached),
        (Fault(kind=FaultKind.STATUS, status=410), ApiRefused),
    ],
)
@pytest.mark.parametrize("over_tcp", [False, True])
async def test_faults_become_our_errors(
    app: Starlette,
    sandbox: Sandbox,
    connect: Connect,
    quota: Quota,
    fault: Fault,
    error: type,
    over_tcp: bool,
) -> None:
    sandbox.faults.add(fault)
    async with on_a_port(app, sandbox.config) as url:
        reach = {"base_url": url} if over_tcp else {"transport": SandboxTransport(app)}
        async with connect(**reach) as client:
            with pytest.raises(BridgeError) as raised:
                await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    assert type(raised.value) is error
    committed = fault.moment is Moment.AFTER or fault.kind is FaultKind.HTML
    assert len(sandbox.customers) == committed
    state = await quota.state()
    assert (state["last_failure"] is None) == (error is ApiRefused)
    if state["last_failure"]:
        throttled = error is QuotaReached
        assert state["last_failure_kind"] is (Failure.THROTTLED if throttled else Failure.UNREACHABLE)


async def test_429_pauses_every_worker(client: FacturationClient, sandbox: Sandbox, quota: Quota) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.TOO_MANY_REQUESTS, retry_after=40))
    with pytest.raises(QuotaReached) as first:
        await client.account()
    assert first.value.after == 40
    with pytest.raises(QuotaReached):
        await client.using(lane=Lane.RETRY).account()
    assert sandbox.requests_received == 1
    assert (await quota.state())["paused_until"] is not None


async def test_a_smaller_quota_is_learnt_from_the_headers(connect: Connect, quota: Quota) -> None:
    app = create_sandbox(SandboxConfig(requests_per_5_minutes=20))
    async with connect(transport=SandboxTransport(app)) as client:
        for _ in range(19):
            await client.account()
        with pytest.raises(QuotaReached):
            await client.account()
    statuses = {request.status for request in app.state.sandbox.requests}
    assert statuses == {200}  # the sandbox never had to say 429
    assert len(app.state.sandbox.requests) == 19
    assert (await quota.state())["limit_five"] == 20


async def test_400_requests_at_once_are_all_served(
    app: Starlette, sandbox: Sandbox, connect: Connect
) -> None:
    async with on_a_port(app, sandbox.config) as url, connect(base_url=url) as client:
        await asyncio.gather(*(client.account() for _ in range(400)))
    assert sandbox.requests_received == 400
    assert {request.status for request in sandbox.requests} == {200}


# ----------------------------------------------------------------------------------------- the first byte


async def test_before_send_can_stop_a_request_over_tcp(
    app: Starlette, sandbox: Sandbox, connect: Connect
) -> None:
    def too_late() -> None:
        raise NotSent(reason_from("too late"))

    async with on_a_port(app, sandbox.config) as url, connect(base_url=url) as client:
        with pytest.raises(NotSent, match="told"):
            await client.create_customer(customer_fields(CUSTOMER), before_send=too_late)
        assert sandbox.requests_received == 0
        calls: list[int] = []
        await client.create_customer(
            customer_fields(CUSTOMER), before_send=lambda: calls.append(sandbox.requests_received)
        )
        assert calls == [0]  # once, before the request arrived
        await client.create_customer(
            customer_fields(CUSTOMER), before_send=lambda: calls.append(sandbox.requests_received)
        )
        assert calls == [0, 1]  # on a connection that was already open, too


async def test_before_send_can_stop_a_request_in_process(client: FacturationClient, sandbox: Sandbox) -> None:
    def too_late() -> None:
        raise NotSent(reason_from("too late"))

    with pytest.raises(NotSent):
        await client.create_customer(customer_fields(CUSTOMER), before_send=too_late)
    assert sandbox.requests_received == 0


async def test_nobody_listening_is_not_sent(connect: Connect, quota: Quota) -> None:
    called: list[bool] = []
    async with connect(base_url="http://127.0.0.1:1") as client:
        with pytest.raises(NotSent) as raised:
            await client.create_customer({}, before_send=lambda: called.append(True))
    assert isinstance(raised.value.__cause__, httpx.ConnectError)
    assert raised.value.reason == because("api_not_reached", call="POST /customers.json", what="ConnectError")
    assert called == []
    assert (await quota.state())["last_failure"] is not None


async def test_an_answer_that_takes_too_long_is_unknown(
    app: Starlette, sandbox: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TOTAL_SECONDS", 0.2)
    sandbox.faults.add(Fault(kind=FaultKind.DELAY, seconds=2, moment=Moment.AFTER))
    async with on_a_port(app, sandbox.config) as url, connect(base_url=url) as client:
        with pytest.raises(OutcomeUnknown):
            await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    assert len(sandbox.customers) == 1


def httpx_errors() -> list[type[Exception]]:
    found = {getattr(httpx, name) for name in httpx.__all__}
    return sorted(
        (kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)),
        key=lambda kind: kind.__name__,
    )


def one_of(kind: type[Exception], request: httpx.Request) -> Exception:
    if kind is httpx.HTTPStatusError:
        return httpx.HTTPStatusError("x", request=request, response=httpx.Response(500))
    try:
        return kind("x")
    except TypeError:
        return kind()


class Breaking(httpx.AsyncHTTPTransport):
    """A TCP transport that fails before or after the first byte."""

    def __init__(self, kind: type[Exception], *, after_first_byte: bool) -> None:
        super().__init__()
        self._kind, self._after = kind, after_first_byte

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._after:
            await request.extensions["trace"](wire.FIRST_BYTE, {})
        raise one_of(self._kind, request)


@pytest.mark.parametrize("after_first_byte", [False, True])
@pytest.mark.parametrize("kind", [*httpx_errors(), OSError, TimeoutError])
async def test_every_httpx_error_is_mapped(
    kind: type[Exception], after_first_byte: bool, connect: Connect
) -> None:
    assert len(httpx_errors()) >= 25
    async with connect(transport=Breaking(kind, after_first_byte=after_first_byte)) as client:
        with pytest.raises(OutcomeUnknown if after_first_byte else NotSent) as raised:
            await client.create_customer({}, before_send=at_once)
    assert isinstance(raised.value.__cause__, kind)


# --------------------------------------------------------------------------------- what each answer means


TEXT_ERRORS = {
    '{"errors": {"items": ["vide", "faux"], "title": ["trop long"]}}': "items: vide, faux; title: trop long",
    '{"errors": {"title": "trop long"}}': "title: trop long",
    '{"errors": ["un", "deux"]}': "un, deux",
    '{"errors": "plan"}': "plan",
    '{"error": "introuvable"}': "introuvable",
    '{"title": ["trop long"]}': "title: trop long",
    '["un"]': "un",
    "null": "",
    "Plain\n text ": "Plain text",
    "": "",
    '{"errors": {"email": ["zoe@example.com existe"]}}': "email: [e-mail] existe",
    "<html><body>Zoé Martin</body></html>": "an HTML page",
    "x" * 1000: "x" * 499 + "…",
}


@pytest.mark.parametrize(("body", "words"), TEXT_ERRORS.items())
def test_error_texts_of_any_shape(body: str, words: str) -> None:
    assert explain(body.encode()) == words


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, ApiRefused) for status in (400, 402, 404, 405, 410, 413, 415, 422, 501)),
        *((status, AccessRefused) for status in (401, 403)),
        # None of these proves that nothing was created.
        *(
            (status, OutcomeUnknown)
            for status in (301, 302, 303, 304, 307, 408, 409, 418, 423, 425, 451, 460, 499)
        ),
        (429, QuotaReached),
        *((status, OutcomeUnknown) for status in (500, 502, 503, 504, 520, 599)),
    ],
)
async def test_every_status_has_its_error(status: int, error: type, connect: Connect) -> None:
    async with connect(transport=answering(status, '{"error": "dit"}')) as client:
        with pytest.raises(BridgeError) as raised:
            await client.create_customer({}, before_send=at_once)
    assert type(raised.value) is error
    assert isinstance(raised.value, RetryLater | NeedsPerson)
    assert str(status) in text_of(raised.value.reason)
    assert cure_of(raised.value.reason) or isinstance(raised.value, OutcomeUnknown | QuotaReached)
    if isinstance(raised.value, ApiRefused):
        assert raised.value.status == status


@pytest.mark.parametrize("status", [301, 302, 409, 418, 451])
async def test_a_strange_answer_to_what_creates_nothing_is_a_refusal(status: int, connect: Connect) -> None:
    async with connect(transport=answering(status, '{"error": "dit"}')) as client:
        with pytest.raises(ApiRefused):
            await client.get_invoice(1)
        with pytest.raises(ApiRefused):
            await client.update_invoice(1, {})


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "999999999"}, 3_600),
        ({"retry-after": "soon"}, 60),
        ({}, 60),
    ],
)
async def test_retry_after(header: dict[str, str], after: int, connect: Connect) -> None:
    async with connect(transport=answering(429, "Retry later", header)) as client:
        with pytest.raises(QuotaReached) as reached:
            await client.account()
    assert reached.value.after == after


@pytest.mark.parametrize(("seconds", "least", "most"), [(90, 60, 90), (-90, 1, 1)])
async def test_retry_after_as_a_date(seconds: int, least: float, most: float, connect: Connect) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    async with connect(transport=answering(429, "Retry later", {"retry-after": date})) as client:
        with pytest.raises(QuotaReached) as reached:
            await client.account()
    assert reached.value.after is not None
    assert least <= reached.value.after <= most


@pytest.mark.parametrize(
    "content",
    ["<html>Bienvenue</html>", "", "[]", "{}", '{"id": null}', '{"id": 0}', "null", b"\xff\xfe", "{"],
)
@pytest.mark.parametrize("status", [200, 201])
async def test_a_success_without_a_record_proves_nothing(
    status: int, content: bytes | str, connect: Connect
) -> None:
    async with connect(transport=answering(status, content)) as client:
        with pytest.raises(OutcomeUnknown):
            await client.create_invoice({}, before_send=at_once)
        with pytest.raises(OutcomeUnknown):
            await client.refund_invoice(1, api_id=1, api_custom="k", before_send=at_once)


async def test_amounts_that_come_as_numbers_stay_exact(connect: Connect) -> None:
    async with connect(transport=answering(200, '{"id": 7, "total": 10.1, "total_with_vat": 12}')) as client:
        record = await client.get_invoice(7)
    assert (record.total, record.total_with_vat) == (Decimal("10.1"), Decimal("12"))


async def test_a_list_404_is_an_empty_list_unless_a_proxy_says_it(connect: Connect) -> None:
    async with connect(transport=answering(404, "The record could not be found")) as client:
        assert await client.find_invoices(1) == []
        assert await client.find_credit_note_of(1, 2) is None
        with pytest.raises(ApiRefused):
            await client.get_invoice(1)
    async with connect(transport=answering(404, "Not here", {"x-ratelimit-limit": "600"})) as client:
        assert await client.find_invoices(1) == []
    for of_a_proxy in ("<html>Not here</html>", "404 page not found", "default backend - 404"):
        async with connect(transport=answering(404, of_a_proxy)) as client:
            with pytest.raises(OutcomeUnknown):
                await client.find_invoices(1)


@pytest.mark.parametrize("content", ["{}", '"x"', "[1]", '[{"id": null}]', "<html></html>", ""])
async def test_a_look_up_that_cannot_be_read_is_not_an_empty_one(content: str, connect: Connect) -> None:
    async with connect(transport=answering(200, content)) as client:
        with pytest.raises(OutcomeUnknown):
            await client.find_invoices(1)


async def test_deleted_records_are_not_found(connect: Connect) -> None:
    rows = [{"id": 1, "api_id": 5, "soft_deleted": True}, {"id": 2, "api_id": 5, "soft_deleted": False}]
    async with connect(transport=answering(200, json.dumps(rows))) as client:
        assert [record.id for record in await client.find_invoices(5)] == [2]


async def test_a_shop_of_nearly_the_same_name_hides_nothing(connect: Connect) -> None:
    near, ours = "shopify:my-shop:order:1", "shopify:my_shop:order:1"
    pages = {"1": near, "2": ours, "3": near}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        page = request.url.params["page"]
        asked.append(page)
        header = json.dumps({"current_page": int(page), "total_pages": 3})
        row = {"id": int(page), "api_custom": pages[page]}
        return httpx.Response(200, json=[row], headers={"x-pagination": header})

    async with connect(transport=httpx.MockTransport(answer)) as client:
        found = await client.find_invoices_by_custom_prefix("shopify:my_shop:")
        assert [record.api_custom for record in found] == [ours]
    assert asked == ["1", "2"]


async def test_pages_without_header_end_with_the_first_that_brings_nothing_new(connect: Connect) -> None:
    pages = {"1": [1, 2], "2": [2, 3], "3": []}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["page"])
        return httpx.Response(200, json=[{"id": n, "api_id": 5} for n in pages[asked[-1]]])

    async with connect(transport=httpx.MockTransport(answer)) as client:
        assert [record.id for record in await client.find_invoices(5)] == [1, 2, 3]
    assert asked == ["1", "2", "3"]


@pytest.mark.parametrize("header", ["{}", "x", '{"total_pages": 0}', '{"total_pages": null}', "[]"])
async def test_an_odd_pagination_header_does_no_harm(header: str, connect: Connect) -> None:
    rows = json.dumps([{"id": 1, "api_id": 5}])
    async with connect(transport=answering(200, rows, {"x-pagination": header})) as client:
        assert len(await client.find_invoices(5)) == 1


async def test_an_ignored_filter_finds_nothing_of_others(connect: Connect) -> None:
    rows = json.dumps([{"id": 1, "api_id": 6}, {"id": 2, "api_id": None}, {"id": 3, "api_id": "5"}])
    async with connect(transport=answering(200, rows, {"x-pagination": '{"total_pages": 1}'})) as client:
        assert [record.id for record in await client.find_invoices(5)] == [2, 3]


async def test_a_patch_without_body_is_read_back(connect: Connect) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200) if request.method == "PATCH" else httpx.Response(200, json={"id": 7})

    async with connect(transport=httpx.MockTransport(answer)) as client:
        assert (await client.update_invoice(7, {"title": "x"})).id == 7
        assert (await client.finalise_invoice(7, {})).id == 7
    assert [request.method for request in seen] == ["PATCH", "GET", "PATCH", "GET"]
    assert dict(seen[2].url.params) == {"type_doc": "final"}
    assert dict(seen[3].url.params) == {}


# ------------------------------------------------------------------------------------------ what is sent


async def test_every_request_is_dressed_right(connect: Connect) -> None:
    seen: list[httpx.Request] = []
    transport = answering(200, '{"id": 7, "firms": []}', {"set-cookie": "session=1"}, seen)
    async with connect(transport=transport, contact="Zoé <ops@example.com>\n") as client:
        await client.account()
        await client.create_invoice({"title": "Thé"}, mode="draft", before_send=at_once)
        await client.refund_invoice(7, api_id=5, api_custom="a b", before_send=at_once)
        await client.unarchive_customer(3)
        await client.delete_draft(7)
    assert [(request.method, request.url.raw_path.decode()) for request in seen] == [
        ("GET", "/account.json"),
        ("POST", "/firms/1/invoices.json?type_doc=draft"),
        ("POST", "/firms/1/invoices/7/refund.json?api_id=5&api_custom=a+b"),
        ("POST", "/firms/1/customers/3/unarchive.json"),
        ("DELETE", "/firms/1/invoices/7.json"),
    ]
    for request in seen:
        assert request.headers["user-agent"] == "facturation-bridge/0.1.0 (Zoe <ops@example.com>)"
        assert request.headers["authorization"].startswith("Basic ")
        assert "cookie" not in request.headers
        typed = "content-type" in request.headers
        assert typed == (request.method == "POST")
        assert not typed or request.headers["content-type"] == "application/json; charset=utf-8"
    assert seen[1].content == '{"title": "Thé"}'.encode()


def test_sockets_give_up_on_a_dead_network() -> None:
    assert wire.socket_options() == [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)]


async def test_every_call_is_reported(client: FacturationClient, sandbox: Sandbox, today: date) -> None:
    calls: list[ApiCall] = []

    async def keep(call: ApiCall) -> None:
        calls.append(call)

    logged = client.using(on_call=keep)
    customer = await logged.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    await logged.update_customer(customer.id, {"city": "Lyon"})
    sandbox.faults.add(Fault(kind=FaultKind.DROP))
    with pytest.raises(OutcomeUnknown):
        await logged.account()
    await client.account()
    assert [(call.method, call.path, call.outcome) for call in calls] == [
        ("POST", "/customers.json", "201"),
        ("PATCH", "/customers/{id}.json", "200"),
        ("GET", "/account.json", "RemoteProtocolError"),
    ]
    assert (calls[0].limit, calls[0].remaining) == (600, 599)
    assert all(call.seconds > 0 for call in calls)


async def test_a_call_log_that_fails_loses_no_answer(client: FacturationClient) -> None:
    async def fail(call: ApiCall) -> None:
        raise StoreUnavailable("away")

    record = await client.using(on_call=fail).create_customer(customer_fields(CUSTOMER), before_send=at_once)
    assert record.id


async def test_without_quota_nothing_is_sent(app: Starlette, sandbox: Sandbox, connect: Connect) -> None:
    away = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.5)
    async with connect(transport=SandboxTransport(app), quota=Quota(away, firm_id=1)) as client:
        with pytest.raises(StoreUnavailable):
            await client.create_customer(customer_fields(CUSTOMER), before_send=at_once)
    assert sandbox.requests_received == 0
    await away.aclose()


async def test_neither_secret_nor_address_is_shown(
    client: FacturationClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await client.find_customers_by_email("zoe@example.com")
    assert "zoe" not in caplog.text
    assert "sandbox-key" not in repr(client)
    assert "firms/1" in repr(client)
