"""What a shop says of lines without VAT, and which sentence they get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from bridge.billing.exemptions import exemption_of
from bridge.billing.rules import Rules
from bridge.billing.vat import assess
from bridge.orders import Line, LineKind, Tax, ZeroTaxReason
from tests.builders.orders import order_of

COURSE = Line(
    id="1", title="Formation Excel", sku="F-1", gross=Decimal(500), tax_class="zero-rate", tags=("Cours",)
)
ZERO = Tax(amount=Decimal(0), rate=Decimal(0), title="Exonéré", reason=ZeroTaxReason.ZERO_RATED)


@pytest.mark.parametrize(
    ("rule", "sold", "fits"),
    [
        ("tax_class:zero-rate", COURSE, True),
        ("tax_class:reduced-rate", COURSE, False),
        ("name:formation*", COURSE, True),
        ("name:Formation", COURSE, False),
        ("sku:F-?", COURSE, True),
        ("tag:COURS", COURSE, True),
        ("fee:Formation*", COURSE, False),
        ("fee:Formation*", replace(COURSE, kind=LineKind.FEE), True),
        ("rate:exonere", replace(COURSE, taxes=(ZERO,)), True),
        ("untaxed:*", replace(COURSE, taxes=(ZERO,)), True),
        ("untaxed:*", COURSE, False),
    ],
)
def test_a_pattern_is_held_against_what_its_kind_names(rule: str, sold: Line, fits: bool) -> None:
    assert exemption_of(sold, {rule: "tip"}) == ("tip" if fits else "")


@pytest.mark.parametrize(
    ("exemptions", "mentions", "sentence"),
    [
        ({"name:Formation*": "domestic_exempt"}, {"domestic_exempt": "Exonération"}, "Exonération"),
        ({"name:Formation*": "out_of_scope"}, {}, "Hors champ de la TVA"),
        ({"name:Formation*": "occasion"}, {"occasion": "Biens d’occasion"}, "Biens d’occasion"),
    ],
)
def test_the_line_gets_the_sentence_of_its_mention(
    exemptions: Mapping[str, str], mentions: Mapping[str, str], sentence: str
) -> None:
    sale = order_of(COURSE)
    assert assess(sale, Rules(exemptions=exemptions, mentions=mentions)).exemption == sentence
