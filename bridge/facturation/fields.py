"""Drafts → Facturation.pro's fields. Pure.

Field names and sizes: https://facturation.github.io/api/clients/ and /api/factures/. What a text field
receives comes from shops, so it is cleaned (no control characters, no `<` or `>`: the PDF reads markup in
line titles) and cut to the size of its column.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from bridge.billing.drafts import CreditNoteDraft, CustomerDraft, DraftLine, InvoiceDraft, PaymentNote
from bridge.billing.rules import DocumentPolicy
from bridge.errors import NeedsPerson
from bridge.facturation.values import (
    CURRENCIES,
    DEFAULT_LENGTH,
    LANGUAGES,
    LENGTHS,
    PAY_AFTER,
    PAY_AT_ONCE,
    PAYMENT_MODES,
    QUANTITY_DECIMALS,
    UNIT_PRICE_DECIMALS,
    VAT_DECIMALS,
    clean,
    decimal_text,
)
from bridge.movements import PaymentMethod
from bridge.reasons import because

Fields = dict[str, Any]


def api_id_of(key: str) -> int:
    """The `api_id` of a record: the first 63 bits of SHA-256 of its key, a positive bigint."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def _identity(key: str) -> Fields:
    if len(key) > DEFAULT_LENGTH:
        # Cut, it would not be recognised in a look-up, and the document would be made twice.
        raise NeedsPerson(because("key_too_long", length=len(key), most=DEFAULT_LENGTH))
    return {"api_id": api_id_of(key), "api_custom": key}


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
        **_delivery(draft.delivered_on, _issued_on(draft, today)),
        **_terms(draft, _issued_on(draft, today)),
    }


def credit_note_fields(
    draft: CreditNoteDraft, customer_id: int, originals: Sequence[tuple[str, date]], today: date
) -> Fields:
    """Body for creating a partial credit note by hand: an invoice with negative quantities, already settled.

    Its title names numbers and dates of the `originals`, as the law wants (CGI 289-I-5). Settled like the
    ones that Facturation.pro makes itself: mode "other", here on the day of the refund. A full credit note
    has no body: it goes through `refund_invoice`.
    """
    if draft.full or not draft.lines:
        raise ValueError("a full credit note is made by refund_invoice, not from fields")
    named = " et ".join(f"{number} du {on:%d/%m/%Y}" for number, on in originals)
    return {
        **_identity(draft.key),
        **_document(draft, customer_id),
        "invoiced_on": today.isoformat(),
        **_texts(
            title=f"Avoir partiel sur facture{'s' if len(originals) > 1 else ''} {named}",
            information=draft.information,
        ),
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


def _delivery(on: date | None, issued_on: date) -> Fields:
    """Stated where it is not the day of issue (CGI ann. II art. 242 nonies A, I-10°)."""
    return {} if on is None or on == issued_on else {"delivery_on": on.isoformat()}


def _terms(draft: InvoiceDraft, issued_on: date) -> Fields:
    """How it was paid, or by when it is to be. A day that has passed is due at once."""
    if draft.paid:
        return {"pay_before": PAY_AT_ONCE, **payment_fields(draft.paid)}
    if draft.due_on is None:
        return {}
    due_on = max(draft.due_on, issued_on)
    code = PAY_AFTER.get((due_on - issued_on).days)
    return {"term_on": due_on.isoformat(), **({"pay_before": code} if code else {})}


def _document(draft: InvoiceDraft | CreditNoteDraft, customer_id: int) -> Fields:
    if draft.currency not in CURRENCIES:
        raise NeedsPerson(because("currency_unknown", currency=draft.currency))
    if len(draft.vat_exemption) > DEFAULT_LENGTH:
        raise NeedsPerson(because("mentions_too_long", length=len(draft.vat_exemption), most=DEFAULT_LENGTH))
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
