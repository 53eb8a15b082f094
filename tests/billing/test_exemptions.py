"""What the shop itself says of lines without VAT: which lines it fits, and what they bear."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bridge.billing.rules import Rules
from bridge.billing.vat import assess
from bridge.errors import NeedsPerson
from bridge.orders import Address, Line, LineKind, Order, Supply, Tax, ZeroTaxReason
from tests.builders.orders import order_of

TRAINING = "Exonération de TVA, art. 261-4-4° du CGI"
LINE = Line(id="L", title="Formation  Éveil [A]", sku="F-12", tax_class="zero-rate", gross=Decimal(100))


def exempting(*written: str, mention: str = "domestic_exempt") -> Rules:
    return Rules(
        exemptions=dict.fromkeys(written, mention),
        mentions={"domestic_exempt": TRAINING, "medical": "art. 261-4-1° du CGI"},
    )


def exempted(line: Line, rules: Rules, **changed: object) -> str:
    order: Order = replace(order_of(line), **changed)  # type: ignore[arg-type]
    return assess(order, rules).exemption


@pytest.mark.parametrize(
    "written",
    [
        "tax_class:zero-rate",
        "tax_class:ZERO*",
        "sku:f-*",
        "name:formation eveil*",
        "name:Formation Éveil [A]",
        "tag:organisme",
        "rate:exonéré*",
    ],
)
def test_a_line_is_named_by_what_the_platform_knows_of_it(written: str) -> None:
    free = replace(LINE, taxes=(Tax(amount=Decimal(0), title="Exonere 261"),), tags=("Organisme", "B2B"))
    assert exempted(free, exempting(written)) == TRAINING


@pytest.mark.parametrize(
    "written", ["tax_class:zero", "sku:12", "name:Éveil*", "tag:*", "rate:*", "fee:*", "untaxed:*"]
)
def test_what_does_not_fit_is_asked_about(written: str) -> None:
    with pytest.raises(NeedsPerson) as caught:
        exempted(LINE, exempting(written))
    assert caught.value.reason.code == "no_vat_in_france"


def test_a_fee_and_what_the_platform_calls_untaxed() -> None:
    fee = replace(LINE, title="Pourboire", kind=LineKind.FEE)
    assert "Pourboire volontaire" in exempted(fee, exempting("fee:pourboire", mention="tip"))
    untaxed = Tax(amount=Decimal(0), reason=ZeroTaxReason.PRODUCT_EXEMPT)
    free = replace(LINE, taxes=(untaxed,))
    assert exempted(free, exempting("untaxed:*", mention="medical")) == "art. 261-4-1° du CGI"


def test_the_first_that_fits_counts() -> None:
    rules = replace(exempting(), exemptions={"sku:F-*": "medical", "name:*": "out_of_scope"})
    assert exempted(LINE, rules) == "art. 261-4-1° du CGI"


def test_an_exemption_of_france_does_not_leave_it() -> None:
    sold = replace(LINE, supply=Supply.GOODS)
    home = order_of(sold).customer
    abroad = replace(home, billing=None, shipping=Address(country="CH"))
    assert "art. 262 I " in exempted(sold, exempting("sku:*"), customer=abroad)
    assert exempted(sold, exempting("sku:*", mention="medical"), customer=abroad) == "art. 261-4-1° du CGI"


def test_a_line_with_vat_keeps_it() -> None:
    taxed = replace(LINE, taxes=(Tax(amount=Decimal("16.67"), rate=Decimal("0.2")),))
    assert exempted(taxed, exempting("sku:*")) == ""


def test_an_untaxed_line_asks_for_its_mention_alone() -> None:
    free = replace(LINE, taxes=(Tax(amount=Decimal(0), reason=ZeroTaxReason.CUSTOMER_EXEMPT),))
    with pytest.raises(NeedsPerson) as caught:
        exempted(free, Rules())
    assert caught.value.reason.code == "exempt_without_mention"
