"""What an order is remembered by: the terms that find it again, and the documents it should have.

Pure. A term is kept as a digest: the index of orders holds nobody's e-mail address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from bridge.billing.drafts import Documents
from bridge.billing.known_buyers import buyer_locks
from bridge.keys import CUSTOMER, Key
from bridge.orders import Order


def term(text: str) -> str:
    """The digest of what a person may type: "#1042" and "1042" are the same, and so are capitals."""
    told = text.strip().lower().removeprefix("#")
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def terms_in(text: str) -> tuple[str, ...]:
    """The terms that this may mean: it may also be the SHA-256 of what is looked for, of an e-mail address
    for example, so that nobody need show the address."""
    told = text.strip().lower()
    digest = (told[:16],) if re.fullmatch("[0-9a-f]{16}|[0-9a-f]{64}", told) else ()
    return (term(text), *digest)


def terms_of(order: Order, numbers: Iterable[str]) -> str:
    """The order's terms, space-separated: number, e-mail, customer, and the `numbers` of its documents."""
    customer = order.customer
    told = [order.number, customer.email, *numbers]
    if customer.id.strip():
        told.append(str(Key(order.platform, order.shop, CUSTOMER, customer.id.strip())))
    return " ".join(dict.fromkeys(term(each) for each in told if each.strip()))


def remembered(order: Order, documents: Documents) -> str:
    """The documents the order should have, as JSON: [kind, ledger key, total or ""]...

    A customer who is known by an e-mail address is remembered by the buyer_lock, which is a digest.
    """
    found = []
    customer, invoice = documents.customer, documents.invoice
    if customer:
        found.append(["customer", buyer_locks(customer)[0] if "@" in customer.key else customer.key, ""])
    found.append(["invoice", order.key, str(invoice.total) if invoice else ""])
    found += [["invoice", invoice.key, str(invoice.total)] for invoice in documents.further]
    found += [["credit_note", note.key, str(note.total)] for note in documents.credit_notes]
    return json.dumps(found, separators=(",", ":"))
