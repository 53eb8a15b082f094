"""Drafts → Facturation.pro's fields, and its answers → typed records. Pure.

Field names and sizes: https://facturation.github.io/api/clients/ and /api/factures/. What a text field
receives comes from shops, so it is cleaned (no control characters, no `<` or `>`: the PDF reads markup in
line titles) and cut to the size of its column.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, DraftLine, InvoiceDraft, PaymentNote
from bridge.billing.rules import DocumentPolicy
from bridge.errors import NeedsPerson
from bridge.facturation.values import (
    CURRENCIES,
    DEFAULT_LENGTH,
    LANGUAGES,
    LENGTHS,
    PAY_AT_ONCE,
    PAYMENT_MODES,
    QUANTITY_DECIMALS,
    UNIT_PRICE_DECIMALS,
    VAT_DECIMALS,
    clean,
    decimal_text,
)
from bridge.orders import PaymentMethod, decimal_from

Fields = dict[str, Any]
T = TypeVar("T")


# ---------------------------------------------------------------------------------------------- identity


def api_id_of(key: str) -> int:
    """The `api_id` of a record: the first 63 bits of SHA-256 of its key, a positive bigint."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def _identity(key: str) -> Fields:
    if len(key) > DEFAULT_LENGTH:
        # Cut, it would not be recognised in a look-up, and the document would be made twice.
        raise NeedsPerson(
            f"The key of this record has {len(key)} characters, Facturation.pro takes {DEFAULT_LENGTH}: "
            "nothing was created. Make it by hand."
        )
    return {"api_id": api_id_of(key), "api_custom": key}


# ------------------------------------------------------------------------------------------ drafts → fields


def customer_fields(draft: CustomerDraft) -> Fields:
    """Body for creating or updating a customer. A consumer carries no company name: the API would make
    a professional of it. Raises ValueError where the country is not ISO alpha-2."""
    if draft.country and not re.fullmatch(r"[A-Z]{2}", draft.country):
        raise ValueError(f"not an ISO alpha-2 country: {draft.country!r}")
    fallback = "fr" if draft.country in ("", "FR") else "en"
    return {
        **_identity(draft.key),
        "individual": draft.individual,
        "language": draft.language if draft.language in LANGUAGES else fallback,
        **_texts(
            company_name="" if draft.individual else draft.company,
            first_name=draft.first_name,
            last_name=draft.last_name,
            street=draft.street,
            zip_code=draft.postcode,
            city=draft.city,
            country=draft.country,
            email=draft.email,
            phone=draft.phone,
            vat_number=draft.vat_number,
            siret=draft.siret,
        ),
    }


def invoice_fields(draft: InvoiceDraft, customer_id: int, today: date) -> Fields:
    """Body for creating an invoice, issued `today` (an imported one keeps the platform's date).

    Raises NeedsPerson for a currency that Facturation.pro does not know, ValueError for a draft that no
    plan should have made (too many decimals, an import without number or date).
    """
    return {
        **_identity(draft.key),
        **_document(draft, customer_id),
        "invoiced_on": _issued_on(draft, today).isoformat(),
        **_texts(
            title=draft.title,
            information=draft.information,
            external_ref=draft.external_ref if draft.policy is DocumentPolicy.EXTERNAL else "",
            purchase_number=draft.purchase_number,
        ),
        **({"delivery_on": draft.delivered_on.isoformat()} if draft.delivered_on else {}),
        **({"pay_before": PAY_AT_ONCE, **payment_fields(draft.paid)} if draft.paid else {}),
    }


def credit_note_fields(
    draft: CreditNoteDraft, customer_id: int, original_number: str, original_date: date, today: date
) -> Fields:
    """Body for creating a partial credit note by hand: an invoice with negative quantities, already settled.

    Its title names the number and date of the original, as the law wants (CGI 289-I-5). Settled like the
    ones that Facturation.pro makes itself: mode "other", here on the day of the refund. A full credit note
    has no body: it goes through `refund_invoice`.
    """
    if draft.full or not draft.lines:
        raise ValueError("a full credit note is made by refund_invoice, not from fields")
    return {
        **_identity(draft.key),
        **_document(draft, customer_id),
        "invoiced_on": today.isoformat(),
        **_texts(title=f"Avoir partiel sur facture {original_number} du {original_date:%d/%m/%Y}"),
        "pay_before": PAY_AT_ONCE,
        **payment_fields(PaymentNote(on=draft.refunded_on, method=PaymentMethod.OTHER)),
    }


def payment_fields(payment: PaymentNote) -> Fields:
    """The payment that an invoice states."""
    return {
        "paid_on": payment.on.isoformat(),
        "payment_mode": PAYMENT_MODES[payment.method],
        **_texts(payment_ref=payment.reference),
    }


def _document(draft: InvoiceDraft | CreditNoteDraft, customer_id: int) -> Fields:
    if draft.currency not in CURRENCIES:
        raise NeedsPerson(
            f"Facturation.pro does not know the currency {draft.currency!r}: nothing was created. "
            "Invoice this order by hand, then mark it as settled."
        )
    if len(draft.vat_exemption) > DEFAULT_LENGTH:
        raise NeedsPerson(
            f"The legal mentions of this document have {len(draft.vat_exemption)} characters, "
            f"Facturation.pro takes {DEFAULT_LENGTH}: nothing was created. "
            "Shorten them in the shop's `mentions`, then retry."
        )
    return {
        "customer_id": customer_id,
        "currency": draft.currency,
        "language": draft.language if draft.language in LANGUAGES else "en",
        **_texts(vat_exemption=draft.vat_exemption, vat_country=draft.vat_country),
        **({"category_id": draft.category_id} if draft.category_id is not None else {}),
        # Without `position` the order of lines is unpredictable.
        "items": [line_fields(line, at, draft.nature) for at, line in enumerate(draft.lines, start=1)],
    }


def line_fields(line: DraftLine, position: int, nature: int | None = None) -> Fields:
    """One line of a document. Raises ValueError rather than drop a decimal."""
    return {
        "position": position,
        "title": clean(line.title, LENGTHS["line_title"]),
        "quantity": decimal_text(line.quantity, QUANTITY_DECIMALS),
        "unit_price": decimal_text(line.unit_price, UNIT_PRICE_DECIMALS),
        "vat": decimal_text(line.vat, VAT_DECIMALS),
        **({"nature": nature} if nature is not None else {}),
    }


def _issued_on(draft: InvoiceDraft, today: date) -> date:
    if draft.policy is not DocumentPolicy.EXTERNAL:
        return today
    if draft.external_on is None or not draft.external_ref:
        raise ValueError("an imported invoice needs the platform's number and date")
    return draft.external_on


def _texts(**texts: str) -> Fields:
    cleaned = {name: clean(text, LENGTHS.get(name, DEFAULT_LENGTH)) for name, text in texts.items()}
    return {name: text for name, text in cleaned.items() if text}


# ---------------------------------------------------------------------------------------- answers → records


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """Whose key it is: the firms it reaches, by id."""

    firms: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord:
    """A customer as Facturation.pro has it. Nothing in an answer says whether it is archived: only the list
    it came from does. `emails`: lower case, the field may hold several."""

    id: int
    api_id: int | None = None
    api_custom: str = field(default="", repr=False)
    individual: bool = False
    company_name: str = field(default="", repr=False)
    emails: frozenset[str] = field(default=frozenset(), repr=False)
    soft_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRecord:
    """An invoice, draft, imported invoice or credit note as Facturation.pro has it.

    `number`: with its prefix, "" for a draft. `total`: excluding VAT; `total_with_vat`: including it; both
    None when the answer does not say. `refund_id`: on an automatic credit note, the invoice it cancels.
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


def _flag(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) in (True, "true", "1")


def _day(value: object) -> date:
    return date.fromisoformat(str(value)[:10])


def _optional(row: Mapping[str, Any], name: str, read: Callable[[object], T]) -> T | None:
    value = row.get(name)
    return None if value is None or value == "" else read(value)
