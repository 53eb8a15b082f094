"""The table of the place of supply: whole, without overlap, and written out for accountants."""

from __future__ import annotations

from itertools import product

import pytest

from bridge.billing.mentions import WORDINGS, Mention
from bridge.billing.places import TABLE, Buyer, Charge, rows_for
from bridge.billing.rules import VatRegime
from bridge.billing.territories import Zone
from bridge.orders import Supply

SUPPLIES = [supply for supply in Supply if supply is not Supply.UNKNOWN]
PLACES = [place for place in Zone if place is not Zone.UNKNOWN]
WITHOUT_DEFAULT = {Mention.DOMESTIC_EXEMPT, Mention.CONSUMER_SERVICES_ABROAD}


@pytest.mark.parametrize("combination", list(product(VatRegime, Buyer, SUPPLIES, PLACES)), ids=str)
def test_every_combination_has_exactly_one_row(
    combination: tuple[VatRegime, Buyer, Supply, Zone],
) -> None:
    assert len(rows_for(*combination)) == 1


def test_every_row_is_reached_and_names_its_article() -> None:
    reached = {row for each in product(VatRegime, Buyer, SUPPLIES, PLACES) for row in rows_for(*each)}
    assert reached == set(TABLE)
    assert all(row.article for row in TABLE)


def test_a_row_knows_what_to_do_with_what_it_does_not_expect() -> None:
    for row in TABLE:
        sure = row.mention and row.mention not in WITHOUT_DEFAULT
        assert bool(sure) != bool(row.untaxed), row
        may_be_charged = row.regime is VatRegime.NORMAL and Charge.FRENCH not in row.expected
        assert bool(row.taxed) == (may_be_charged or row.places == {Zone.FRANCE}), row
    assert set(WORDINGS) == set(Mention) - WITHOUT_DEFAULT
