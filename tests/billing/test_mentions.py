"""The legal sentences, by code and by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.billing.mentions import WARNED_FROM, WORDINGS, Law, Mention, Wording, mention, without_successor
from bridge.billing.rules import Rules
from bridge.billing.vat import assess
from bridge.errors import NeedsPerson
from bridge.orders import Supply
from tests.billing.test_vat import line, order, sent_to

NOW = date(2026, 11, 22)
LAST = date(2027, 12, 31)


def test_every_mention_has_a_sentence_today_and_can_be_overridden() -> None:
    for name in WORDINGS:
        assert mention(name, NOW, {})
        assert mention(name, NOW, {name: "autre"}) == "autre"
    assert mention(Mention.DOMESTIC_EXEMPT, NOW, {}) == ""


def test_what_cites_the_cgi_says_so_and_ends_with_it() -> None:
    cited = {name for name, each in WORDINGS.items() for wording in each if "CGI" in wording.text}
    assert cited == {name for name, each in WORDINGS.items() for wording in each if wording.law is Law.CGI}
    assert all(mention(name, LAST + timedelta(days=1), {}) == "" for name in cited)


def test_the_code_that_the_shop_prefers_where_both_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    cibs = Wording(text="CIBS", law=Law.CIBS, since=date(2026, 9, 1), until=date.max)
    monkeypatch.setitem(WORDINGS, Mention.EXPORT, (*WORDINGS[Mention.EXPORT], cibs))
    assert "CGI" in mention(Mention.EXPORT, NOW, {})
    assert mention(Mention.EXPORT, NOW, {}, Law.CIBS) == "CIBS"
    assert "CGI" in mention(Mention.EXPORT, date(2026, 8, 31), {}, Law.CIBS)
    assert mention(Mention.EXPORT, LAST + timedelta(days=1), {}) == "CIBS"
    assert Mention.EXPORT not in without_successor({})


def test_a_mention_that_has_ended_asks() -> None:
    sale = order(sent_to("US"), line("100"))
    later = datetime(2028, 1, 3, 9, tzinfo=UTC)
    with pytest.raises(NeedsPerson) as asked:
        assess(replace(sale, placed_at=later, paid_at=later), Rules(supply=Supply.GOODS))
    assert asked.value.reason.code == "mention_expired"


def test_before_the_cgi_may_be_cited_no_more_each_mention_has_its_successor() -> None:
    """From October 2027 on this fails: read the articles of the CIBS, and write a row for each."""
    assert datetime.now(UTC).date() < WARNED_FROM or not without_successor({})


def test_a_sentence_of_the_shops_own_needs_no_successor() -> None:
    assert set(without_successor({})) == set(WORDINGS) - {Mention.TIP, Mention.OUT_OF_SCOPE}
    assert Mention.EXPORT not in without_successor({"export": "art. L. 213-12 du CIBS"})
