"""The judge of the cases sees each kind of difference, and none where there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cases.found import Document, Found, Order
from tests.cases.judging import differences


def document(total: str, nets: dict[str, str] | None = None, **changed: Any) -> Document:
    """A final, paid invoice to a private person. `nets`: VAT rate as the API writes it → net."""
    lines = nets or {"0.200": f"{float(total) / 1.2:.2f}"}
    invoice = {
        "id": 1,
        "total_with_vat": total,
        "draft": False,
        "paid_on": "2026-11-29",
        "currency": "EUR",
        "payment_mode": 2,
        "settlements": [],
        "vat_exemption": None,
        "purchase_number": None,
        "items": [{"vat": vat, "total": net} for vat, net in lines.items()],
    }
    customer = {"individual": True, "siret": None, "vat_number": None, "city": "Lyon"}
    return Document(invoice | changed, customer)


def found(*documents: Document, state: str = "done", reason: str = "") -> Found:
    return Found(documents, {"a": Order(state, reason, {})})


TWO_RATES = document("225.50", {"0.200": "100.0", "0.055": "100.0"})


@pytest.mark.parametrize(
    ("expected", "there"),
    [
        ({"docs": []}, found()),
        (
            {"docs": [{"total": "60.0", "paid": True, "draft": False, "company": False}]},
            found(document("60.00")),
        ),
        ({"docs": [{"total": "225.5", "net": {"20": "100", "5.5": "100"}}]}, found(TWO_RATES)),
        ({"docs": [{"total": "225.5", "net_near": {"5.5": "99.99"}}]}, found(TWO_RATES)),
        (
            {"docs": [{"total": "60"}, {"total": "60", "currency": "USD"}]},
            found(document("60", currency="USD"), document("60")),
        ),
        ({"docs": [{"total": "60", "mode": ["2", "3"], "not_mode": ["99"]}]}, found(document("60"))),
        ({"docs": [{"total": "60", "holds": ["262"]}]}, found(document("60", vat_exemption="art. 262 I"))),
        ({"docs": [{"total": "60", "not_holds": ["Lyon"], "buyer_holds": ["Lyon"]}]}, found(document("60"))),
        ({"sum": {"20": "0"}}, found(document("60"), document("-60"))),
        ({"asks": True, "says": ["288"]}, found(state="attention", reason="288.00 were charged back")),
        ({"state": ["done"], "asks": False, "not_says": ["by hand"]}, found()),
        ({"either": [{"docs": [{"total": "1"}]}, {"docs": []}], "asks": False}, found()),
    ],
)
def test_what_is_right_differs_in_nothing(expected: dict[str, Any], there: Found) -> None:
    assert differences(expected, there) == []


@pytest.mark.parametrize(
    ("expected", "there", "said"),
    [
        ({"docs": []}, found(document("60")), ["documents 60.00; right: none"]),
        ({"docs": [{"total": "61"}]}, found(document("60")), ["61: total 60.00"]),
        ({"docs": [{"total": "60", "draft": True}]}, found(document("60")), ["60: is final"]),
        ({"docs": [{"total": "60", "paid": False}]}, found(document("60")), ["60: is paid"]),
        ({"docs": [{"total": "60", "company": True}]}, found(document("60")), ["60: is a private person's"]),
        (
            {"docs": [{"total": "60", "net": {"5.5": "1"}}]},
            found(document("60")),
            ["60: net at 5.5 %: 0.00, not 1"],
        ),
        (
            {"docs": [{"total": "60", "net_near": {"20": "50.02"}}]},
            found(document("60")),
            ["60: net at 20 %: 50.00, not 50.02"],
        ),
        ({"docs": [{"total": "60", "not_mode": ["2"]}]}, found(document("60")), ["60: payment mode 2"]),
        ({"docs": [{"total": "60", "siret": "7"}]}, found(document("60")), ["60: SIRET missing"]),
        ({"sum": {"20": "0"}}, found(document("60")), ["sum of 20 %: 50.00, not 0"]),
        ({"asks": True}, found(), ["nobody is asked"]),
        ({"asks": False}, found(state="attention", reason="why"), ["asks: why"]),
        ({"says": ["288"]}, found(), ["does not say '288'"]),
        ({"state": ["done"]}, found(state="open"), ["rests in open, not in done", "open: "]),
        (
            {"either": [{"docs": []}, {"docs": [{"total": "60", "paid": False}]}]},
            found(document("60")),
            ["60: is paid"],
        ),
    ],
)
def test_what_differs_is_said(expected: dict[str, Any], there: Found, said: list[str]) -> None:
    assert differences(expected, there) == said


def test_what_it_does_not_know_it_does_not_judge() -> None:
    with pytest.raises(LookupError, match="colour"):
        differences({"colour": "red"}, found())
