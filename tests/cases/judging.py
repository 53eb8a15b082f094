"""What is right against what was found: each difference in a few words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import permutations
from typing import Any

from tests.cases.found import Document, Found

Expected = Mapping[str, Any]
CENT = Decimal("0.01")
MOST = 7
"""More documents than any case makes: which is meant by which is not looked for then."""
AMISS = 100
"""Another document, or none, is worse than many things that are not quite right in one."""


def differences(expected: Expected, found: Found) -> list[str]:
    """Nothing when the case is right; where one of several things is right, what is nearest to it.

    Beside what differs: deliveries that were refused, and orders that are not done.
    """
    rest = {key: value for key, value in expected.items() if key != "either"}
    choices = [{**rest, **choice} for choice in expected.get("either", [{}])]
    nearest = min((list(_of_one(choice, found)) for choice in choices), key=_weight)
    return nearest and [*nearest, *_around(found)]


def _around(found: Found) -> Iterator[str]:
    yield from (f"refused: {each}" for each in found.refused)
    for order in found.orders.values():
        if not order.asks and order.state != "done":
            yield f"{order.state}: {order.reason}"


def _of_one(expected: Expected, found: Found) -> Iterator[str]:
    unknown = expected.keys() - {"docs", "sum", "state", "asks", "says", "not_says"}
    if unknown:
        raise LookupError(f"it is not known how to judge {', '.join(sorted(unknown))}")
    if "docs" in expected:
        yield from _of_documents(expected["docs"], found.documents)
    if "sum" in expected:
        yield from _of_nets("sum of", expected["sum"], _summed(found.documents), Decimal(0))
    orders = found.orders.values()
    if "state" in expected and not any(order.state in expected["state"] for order in orders):
        states = ", ".join(order.state for order in orders) or "no order"
        yield f"rests in {states}, not in {' or '.join(expected['state'])}"
    if "asks" in expected and expected["asks"] != any(order.asks for order in orders):
        asked = "; ".join(order.reason for order in orders if order.asks)
        yield f"asks: {asked}" if asked else "nobody is asked"
    said = "\n".join(order.reason for order in orders)
    for text in expected.get("says", ()):
        if text not in said:
            yield f"does not say {text!r}"
    for text in expected.get("not_says", ()):
        if text in said:
            yield f"says {text!r}"


def _of_documents(expected: Sequence[Expected], documents: Sequence[Document]) -> Iterator[str]:
    """The pairing of expected and found documents that differs least, and what differs in it."""
    if len(expected) != len(documents):
        made = ", ".join(map(_described, documents)) or "none"
        wanted = ", ".join(each["total"] for each in expected) or "none"
        yield f"documents {made}; right: {wanted}"
        return
    if len(documents) > MOST:
        raise LookupError(f"{len(documents)} documents are more than can be judged")
    pairings = (
        [_of_document(wanted, document) for wanted, document in zip(expected, order, strict=True)]
        for order in permutations(documents)
    )
    nearest = min(pairings, key=lambda pairing: sum(map(_weight, pairing)))
    for each, differing in zip(expected, nearest, strict=True):
        yield from (f"{each['total']}: {said}" for said in differing)


def _weight(differing: Sequence[str]) -> int:
    return len(differing) + AMISS * any(each.startswith(("documents", "total")) for each in differing)


def _of_document(expected: Expected, document: Document) -> list[str]:
    return [said for key, value in expected.items() for said in _JUDGES[key](value, document)]


def _total(value: str, document: Document) -> Iterator[str]:
    if Decimal(value) != document.total:
        yield f"total {document.total:.2f}"


def _draft(value: bool, document: Document) -> Iterator[str]:
    if value != document.draft:
        yield "is a draft" if document.draft else "is final"


def _paid(value: bool, document: Document) -> Iterator[str]:
    if value != document.paid:
        yield "is paid" if document.paid else "is not paid"


def _company(value: bool, document: Document) -> Iterator[str]:
    if value == bool(document.customer["individual"]):
        yield "is a company's" if value is False else "is a private person's"


def _currency(value: str, document: Document) -> Iterator[str]:
    if value != document.invoice["currency"]:
        yield f"is in {document.invoice['currency']}"


def _net(value: Mapping[str, str], document: Document) -> Iterator[str]:
    yield from _of_nets("net at", value, document.nets, Decimal(0))


def _net_near(value: Mapping[str, str], document: Document) -> Iterator[str]:
    yield from _of_nets("net at", value, document.nets, CENT)


def _mode(value: Sequence[str], document: Document) -> Iterator[str]:
    if not document.modes & set(value):
        yield f"payment mode {_listed(document.modes)}, not {' or '.join(value)}"


def _not_mode(value: Sequence[str], document: Document) -> Iterator[str]:
    if document.modes & set(value):
        yield f"payment mode {_listed(document.modes)}"


def _exempt(value: str, document: Document) -> Iterator[str]:
    stated = document.invoice["vat_exemption"] or ""
    if value not in stated:
        yield f"exemption {stated!r}, not {value!r}"


def _siret(value: str, document: Document) -> Iterator[str]:
    yield from _of_text("SIRET", value, document.customer["siret"])


def _vat_number(value: str, document: Document) -> Iterator[str]:
    yield from _of_text("VAT number", value, document.customer["vat_number"])


def _purchase_number(value: str, document: Document) -> Iterator[str]:
    yield from _of_text("purchase number", value, document.invoice["purchase_number"])


def _holds(value: Sequence[str], document: Document) -> Iterator[str]:
    yield from (f"does not hold {text!r}" for text in value if text not in _text(document.invoice))


def _not_holds(value: Sequence[str], document: Document) -> Iterator[str]:
    yield from (f"holds {text!r}" for text in value if text in _text(document.invoice))


def _buyer_holds(value: Sequence[str], document: Document) -> Iterator[str]:
    written = _text(document.invoice) + _text(document.customer)
    yield from (f"its buyer does not hold {text!r}" for text in value if text not in written)


_JUDGES: Mapping[str, Callable[[Any, Document], Iterator[str]]] = {
    "total": _total,
    "draft": _draft,
    "paid": _paid,
    "company": _company,
    "currency": _currency,
    "net": _net,
    "net_near": _net_near,
    "mode": _mode,
    "not_mode": _not_mode,
    "exempt": _exempt,
    "siret": _siret,
    "vat_number": _vat_number,
    "purchase_number": _purchase_number,
    "holds": _holds,
    "not_holds": _not_holds,
    "buyer_holds": _buyer_holds,
}


def _of_nets(
    what: str, expected: Mapping[str, str], nets: Mapping[Decimal, Decimal], slack: Decimal
) -> Iterator[str]:
    for rate, wanted in expected.items():
        net = nets.get(Decimal(rate), Decimal(0))
        if abs(net - Decimal(wanted)) > slack:
            yield f"{what} {rate} %: {net:.2f}, not {wanted}"


def _of_text(what: str, expected: str, stated: str | None) -> Iterator[str]:
    if expected != stated:
        yield f"{what} {stated or 'missing'}"


def _summed(documents: Sequence[Document]) -> dict[Decimal, Decimal]:
    summed: dict[Decimal, Decimal] = {}
    for document in documents:
        for rate, net in document.nets.items():
            summed[rate] = summed.get(rate, Decimal(0)) + net
    return summed


def _described(document: Document) -> str:
    return f"{document.total:.2f}{' (draft)' if document.draft else ''}"


def _listed(modes: frozenset[str]) -> str:
    return ", ".join(sorted(modes)) or "none"


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)
