"""Facturation.pro's REST API, typed: one method per call of the contract (https://facturation.github.io/).

How one request is made is in `wire.py`, what an answer means in `answers.py`, what is written in `fields.py`,
what a record holds in `records.py`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from bridge.billing.rules import DocumentPolicy
from bridge.errors import ApiRefused, OutcomeUnknown
from bridge.facturation.fields import Fields
from bridge.facturation.quota import Lane
from bridge.facturation.records import (
    AccountRecord,
    CustomerRecord,
    InvoiceRecord,
    account_record,
    customer_record,
    invoice_record,
)
from bridge.facturation.wire import ACCOUNT, Answer, ApiCall, BeforeSend, OnCall, Params, Wire
from bridge.reasons import because

__all__ = ["ApiCall", "BeforeSend", "FacturationClient", "OnCall", "open_client"]

MODES: Final[Mapping[str, Mapping[str, str]]] = {
    DocumentPolicy.FINAL: {},
    DocumentPolicy.DRAFT: {"type_doc": "draft"},
    DocumentPolicy.EXTERNAL: {"external": "1"},
}

Record = TypeVar("Record", CustomerRecord, InvoiceRecord)


@asynccontextmanager
async def open_client(wire: Wire) -> AsyncIterator[FacturationClient]:
    """A client of one firm; its connections are closed at the end of the block."""
    try:
        yield FacturationClient(wire)
    finally:
        await wire.aclose()


class FacturationClient:
    """One firm's customers and invoices.

    Every method may raise NotSent, OutcomeUnknown, QuotaReached, AccessRefused (all RetryLater) and
    ApiRefused, and StoreUnavailable when the quota cannot be asked. `before_send` is called right before the
    first byte of a request that creates something; it may raise, and then nothing is sent.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def __repr__(self) -> str:
        return f"<FacturationClient on {self._wire!r}>"

    def using(self, *, lane: Lane | None = None, on_call: OnCall | None = None) -> FacturationClient:
        """This client, on the same connections, for work of another lane or with a call log of its own."""
        return FacturationClient(self._wire.using(lane=lane, on_call=on_call))

    # ---------------------------------------------------------------------------------------- account

    async def account(self) -> AccountRecord:
        """Whose key this is: proves the credentials, and lists the firms they reach."""
        return _read(account_record, await self._wire.call("GET", ACCOUNT))

    # -------------------------------------------------------------------------------------- customers

    async def find_customers(self, api_id: int, *, archived: bool = False) -> list[CustomerRecord]:
        """All customers that carry `api_id` (nothing makes it unique), either archived or not."""
        found = await self._list(customer_record, "/customers.json", {"api_id": api_id, **_state(archived)})
        return [record for record in found if record.api_id in (api_id, None)]

    async def find_customers_by_email(self, email: str) -> list[CustomerRecord]:
        """Active customers with exactly this address, whatever its case (the API finds parts of it)."""
        found = await self._list(customer_record, "/customers.json", {"email": email})
        return [record for record in found if email.strip().lower() in record.emails]

    async def archived_customers(self) -> list[CustomerRecord]:
        """All archived customers: one call for every page of them."""
        return await self._list(customer_record, "/customers.json", _state(True))

    async def find_customers_by_custom_prefix(self, prefix: str) -> list[CustomerRecord]:
        """Some customers whose `api_custom` begins with `prefix`: is there any?"""
        return await self._some(customer_record, "/customers.json", prefix)

    async def get_customer(self, customer_id: int) -> CustomerRecord:
        """One customer as it is now. ApiRefused with status 404 when it is gone."""
        return _read(
            customer_record, await self._wire.call("GET", "/customers/{id}.json", record_id=customer_id)
        )

    async def create_customer(self, fields: Fields, *, before_send: BeforeSend) -> CustomerRecord:
        """Creates a customer."""
        return _read(
            customer_record,
            await self._wire.call("POST", "/customers.json", fields=fields, before_send=before_send),
        )

    async def update_customer(self, customer_id: int, fields: Fields) -> CustomerRecord:
        """Changes the fields given, keeps the others."""
        return await self._patch(customer_record, "/customers/{id}.json", customer_id, fields)

    async def unarchive_customer(self, customer_id: int) -> None:
        """Brings a customer back, so that it can be invoiced."""
        await self._wire.call("POST", "/customers/{id}/unarchive.json", record_id=customer_id)

    async def delete_customer(self, customer_id: int) -> None:
        """Deletes a customer who was never invoiced."""
        await self._wire.call("DELETE", "/customers/{id}.json", record_id=customer_id)

    # --------------------------------------------------------------------------------------- invoices

    async def find_invoices(self, api_id: int) -> list[InvoiceRecord]:
        """All documents that carry `api_id`, drafts, imports and credit notes too. Other programs may use
        the same number: compare `api_custom`."""
        found = await self._list(invoice_record, "/invoices.json", {"api_id": api_id})
        return [record for record in found if record.api_id in (api_id, None)]

    async def find_invoices_by_custom_prefix(self, prefix: str) -> list[InvoiceRecord]:
        """Some documents whose `api_custom` begins with `prefix`: is there any?"""
        return await self._some(invoice_record, "/invoices.json", prefix)

    async def find_invoices_by_number(self, number: str) -> list[InvoiceRecord]:
        """Invoices and credit notes of exactly this number, as they are printed."""
        found = await self._list(invoice_record, "/invoices.json", {"full_invoice_ref": number})
        return [record for record in found if record.number == number]

    async def find_credit_note_of(self, invoice_id: int, customer_id: int) -> InvoiceRecord | None:
        """The automatic credit note that cancels this invoice, whoever made it."""
        params: Params = {"bill_type": "refund", "customer_id": customer_id}
        found = await self._list(invoice_record, "/invoices.json", params)
        return next((record for record in found if record.refund_id == invoice_id), None)

    async def get_invoice(self, invoice_id: int) -> InvoiceRecord:
        """One document as it is now. ApiRefused with status 404 when it is gone."""
        return _read(
            invoice_record, await self._wire.call("GET", "/invoices/{id}.json", record_id=invoice_id)
        )

    async def create_invoice(
        self, fields: Fields, *, mode: str = DocumentPolicy.FINAL, before_send: BeforeSend
    ) -> InvoiceRecord:
        """Creates a document. `mode`: "final" numbers it for ever, "draft" does not, "external" imports."""
        return _read(
            invoice_record,
            await self._wire.call(
                "POST", "/invoices.json", params=MODES[mode], fields=fields, before_send=before_send
            ),
        )

    async def update_invoice(self, invoice_id: int, fields: Fields) -> InvoiceRecord:
        """Changes the fields given. On a final invoice, never send lines."""
        return await self._patch(invoice_record, "/invoices/{id}.json", invoice_id, fields)

    async def finalise_invoice(self, invoice_id: int, fields: Fields) -> InvoiceRecord:
        """Numbers a draft, for ever. The caller checks that the answer is no draft any more."""
        return await self._patch(
            invoice_record, "/invoices/{id}.json", invoice_id, fields, {"type_doc": "final"}
        )

    async def refund_invoice(
        self, invoice_id: int, *, api_id: int, api_custom: str, before_send: BeforeSend
    ) -> InvoiceRecord:
        """Creates the credit note that cancels the whole invoice. What a second one does is unknown: look
        with `find_credit_note_of` first."""
        return _read(
            invoice_record,
            await self._wire.call(
                "POST",
                "/invoices/{id}/refund.json",
                record_id=invoice_id,
                params={"api_id": api_id, "api_custom": api_custom},
                before_send=before_send,
            ),
        )

    async def delete_draft(self, invoice_id: int) -> None:
        """Deletes a draft; one that is gone already is fine."""
        try:
            await self._wire.call("DELETE", "/invoices/{id}.json", record_id=invoice_id)
        except ApiRefused as exc:
            if exc.status != 404:
                raise

    async def send_email(self, invoice_id: int) -> None:
        """Has Facturation.pro mail a final invoice to its customer. Not idempotent."""
        await self._wire.call("POST", "/emails.json", params={"bill_id": invoice_id}, fields={})

    # ------------------------------------------------------------------------------------- one request

    async def _some(self, read: Callable[[object], Record], path: str, prefix: str) -> list[Record]:
        """Records whose `api_custom` begins with `prefix`, up to the first page that has one. The API finds
        parts and may take `_` for any sign: `my-shop` fills pages on which `my_shop` is looked for."""

        def ours(record: Record) -> bool:
            return record.api_custom.startswith(prefix)

        return list(filter(ours, await self._list(read, path, {"api_custom": prefix}, enough=ours)))

    async def _list(
        self,
        read: Callable[[object], Record],
        path: str,
        params: Params,
        *,
        enough: Callable[[Record], bool] = lambda _: False,
    ) -> list[Record]:
        """The records of all pages, or up to one that is `enough`, that are not deleted."""
        found: dict[int, Record] = {}
        page = 1
        while True:
            rows, total_pages = await self._page(path, {**params, "page": page})
            known = len(found)
            found.update((record.id, record) for record in (_read(read, row) for row in rows))
            # Without the header the end shows itself: a page that is empty, or that repeats an earlier one.
            if len(found) == known or page == total_pages or any(map(enough, found.values())):
                return [record for record in found.values() if not record.soft_deleted]
            page += 1

    async def _page(self, path: str, params: Params) -> tuple[list[object], int | None]:
        """Rows of one page and the number of pages, where the API states it."""
        try:
            answer = await self._wire.call("GET", path, params=params)
        except ApiRefused as exc:
            if exc.status == 404:  # seen on lists that found nothing
                return [], None
            raise
        if not isinstance(answer.data, list):
            raise OutcomeUnknown(because("answer_is_no_list", call=f"GET {path}"))
        return answer.data, _total_pages(answer.headers.get("x-pagination", ""))

    async def _patch(
        self,
        read: Callable[[object], Record],
        path: str,
        record_id: int,
        fields: Fields,
        params: Params | None = None,
    ) -> Record:
        answer = await self._wire.call("PATCH", path, record_id=record_id, params=params, fields=fields)
        if answer.data is None:  # as it was before February 2026
            answer = await self._wire.call("GET", path, record_id=record_id)
        return _read(read, answer)


Typed = TypeVar("Typed")


def _read(read: Callable[[object], Typed], answer: object) -> Typed:
    """The record in an answer. One without id, or no record at all, proves nothing: OutcomeUnknown."""
    data, call = (answer.data, answer.call) if isinstance(answer, Answer) else (answer, "a list")
    try:
        return read(data)
    except ValueError as exc:
        raise OutcomeUnknown(because("answer_unreadable", call=call, what=str(exc))) from exc


def _state(archived: bool) -> dict[str, str]:
    return {"mode": "archived"} if archived else {}


def _total_pages(header: str) -> int | None:
    try:
        return max(1, int(json.loads(header)["total_pages"]))
    except (ValueError, KeyError, TypeError):
        return None
