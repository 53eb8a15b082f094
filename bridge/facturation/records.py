"""Facturation.pro's answers → typed records. Pure. Fields: https://facturation.github.io/api/clients/ and
/api/factures/."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from bridge.billing.drafts import DraftLine
from bridge.orders import decimal_from

T = TypeVar("T")

WRITTEN = (
    *("company_name", "first_name", "last_name", "phone", "vat_number", "siret"),
    *("street", "zip_code", "city", "country"),
)
"""The fields of a customer that say who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """Whose key it is: the firms it reaches, by id."""

    firms: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """A customer as Facturation.pro has it. Nothing in an answer says whether it is archived: only the list
    it came from does. `emails`: lower case, the field may hold several. `texts`: its other fields, by their
    own names, as far as `customer_fields` writes them."""

    id: int
    api_id: int | None = None
    api_custom: str = field(default="", repr=False)
    individual: bool = False
    company_name: str = field(default="", repr=False)
    emails: frozenset[str] = field(default=frozenset(), repr=False)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    soft_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord:
    """An invoice, draft, imported invoice or credit note as Facturation.pro has it.

    `number`: with its prefix, "" for a draft. `total`: excluding VAT; `total_with_vat`: including it; both
    None when the answer does not say. `refund_id`: on an automatic credit note, the invoice it cancels.
    `lines`: none where the answer leaves them out, as lists do.
    """

    id: int
    customer_id: int | None = None
    api_id: int | None = None
    api_custom: str = ""
    number: str = ""
    external_ref: str = ""
    draft: bool = False
    external: bool = False
    currency: str = ""
    total: Decimal | None = None
    total_with_vat: Decimal | None = None
    invoiced_on: date | None = None
    paid_on: date | None = None
    payment_mode: int | None = None
    refund_id: int | None = None
    soft_deleted: bool = False
    lines: tuple[DraftLine, ...] = ()
    vat_exemption: str = ""
    vat_country: str = ""


def account_record(answer: object) -> AccountRecord:
    """Raises ValueError when the answer is no account."""
    firms = _object(answer).get("firms")
    if not isinstance(firms, list):
        raise ValueError("an account without a list of firms")
    return AccountRecord(firms={_id(firm): _text(firm, "name") for firm in map(_object, firms)})


def customer_record(answer: object) -> CustomerRecord:
    """Raises ValueError when the answer is no customer with an id."""
    row = _object(answer)
    return CustomerRecord(
        id=_id(row),
        api_id=_whole(row, "api_id"),
        api_custom=_text(row, "api_custom"),
        individual=_flag(row, "individual"),
        company_name=_text(row, "company_name"),
        emails=emails_in(_text(row, "email")),
        texts={name: _text(row, name) for name in WRITTEN},
        soft_deleted=_flag(row, "soft_deleted"),
    )


def invoice_record(answer: object) -> InvoiceRecord:
    """Raises ValueError when the answer is no invoice with an id."""
    row = _object(answer)
    return InvoiceRecord(
        id=_id(row),
        customer_id=_whole(row, "customer_id"),
        api_id=_whole(row, "api_id"),
        api_custom=_text(row, "api_custom"),
        number=_text(row, "full_invoice_ref") or _text(row, "invoice_ref"),
        external_ref=_text(row, "external_ref"),
        draft=_flag(row, "draft"),
        external=_flag(row, "external"),
        currency=_text(row, "currency"),
        total=_optional(row, "total", decimal_from),
        total_with_vat=_optional(row, "total_with_vat", decimal_from),
        invoiced_on=_optional(row, "invoiced_on", _day),
        paid_on=_optional(row, "paid_on", _day),
        payment_mode=_whole(row, "payment_mode"),
        refund_id=_whole(row, "refund_id"),
        soft_deleted=_flag(row, "soft_deleted"),
        lines=tuple(_line(_object(item)) for item in row.get("items") or ()),
        vat_exemption=_text(row, "vat_exemption"),
        vat_country=_text(row, "vat_country"),
    )


def emails_in(text: str) -> frozenset[str]:
    """The addresses of an e-mail field, in lower case."""
    return frozenset(address for address in re.split(r"[\s,;<>]+", text.lower()) if "@" in address)


def _object(answer: object) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise ValueError("not a JSON object")
    return answer


def _id(row: Mapping[str, Any]) -> int:
    number = _whole(row, "id")
    if number is None or number <= 0:
        raise ValueError("a record without id")
    return number


def _whole(row: Mapping[str, Any], name: str) -> int | None:
    return _optional(row, name, lambda value: int(str(value)))


def _text(row: Mapping[str, Any], name: str) -> str:
    return _optional(row, name, str) or ""


def _line(row: Mapping[str, Any]) -> DraftLine:
    quantity, price, vat = (decimal_from(row.get(name)) for name in ("quantity", "unit_price", "vat"))
    return DraftLine(title=_text(row, "title"), quantity=quantity, unit_price=price, vat=vat)


def _flag(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) in (True, "true", "1")


def _day(value: object) -> date:
    return date.fromisoformat(str(value)[:10])


def _optional(row: Mapping[str, Any], name: str, read: Callable[[object], T]) -> T | None:
    value = row.get(name)
    return None if value is None or value == "" else read(value)
