"""Sessions, wording and charts: the parts without I/O."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alerts.runbook import runbook
from bridge.console import charts
from bridge.console.rendering import LANGUAGES, Wording, choose_language, coded, texts
from bridge.console.session import LIFETIME, Sessions, operator_name

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def at(moment: datetime, token: str = "a-token") -> Sessions:
    return Sessions(token, lambda: moment)


def test_a_session_comes_back_until_it_expires() -> None:
    session = at(NOW).begin("Ada")
    cookie = at(NOW).seal(session)
    assert at(NOW + LIFETIME - timedelta(seconds=1)).open(cookie) == session
    assert at(NOW + LIFETIME).open(cookie) is None


def test_another_token_ends_every_session() -> None:
    cookie = at(NOW).seal(at(NOW).begin("Ada"))
    assert at(NOW, "another").open(cookie) is None


@given(st.text(max_size=120))
def test_no_invented_cookie_opens(cookie: str) -> None:
    assert at(NOW).open(cookie) is None


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_cookie_opens(place: int, change: int) -> None:
    sessions = at(NOW)
    cookie = sessions.seal(sessions.begin("Ada"))
    index = place % len(cookie)
    changed = cookie[:index] + chr((ord(cookie[index]) + change) % 256) + cookie[index + 1 :]
    opened = sessions.open(changed)
    # The last characters of base64 hold bits that mean nothing.
    assert opened is None or opened == sessions.open(cookie)


def test_a_form_token_belongs_to_its_session() -> None:
    sessions = at(NOW)
    one, two = sessions.begin("Ada"), sessions.begin("Ada")
    assert sessions.is_csrf(one, sessions.csrf(one))
    assert not sessions.is_csrf(two, sessions.csrf(one))
    assert not sessions.is_csrf(one, "")
    assert not sessions.is_csrf(one, "é")


@pytest.mark.parametrize(
    ("given_token", "known"), [("a-token", True), ("", False), ("a-toke", False), ("é", False)]
)
def test_the_token_is_known(given_token: str, known: bool) -> None:
    assert at(NOW).knows(given_token) is known


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [("  Ada  Lovelace ", "Ada Lovelace"), ("", "operator"), ("\x00\n", "operator"), ("x" * 99, "x" * 40)],
)
def test_an_operator_has_a_name_fit_for_the_record(given_name: str, kept: str) -> None:
    assert operator_name(given_name) == kept


def test_both_languages_say_the_same_things() -> None:
    english, french = (texts(lang) for lang in LANGUAGES)
    assert english.keys() == french.keys()
    for key, text in english.items():
        places = re.compile(r"{\w+}")
        assert sorted(places.findall(text)) == sorted(places.findall(french[key])), key
        for told in (text, french[key]):
            assert not set(told) & set('<>&"'), f"{key}: texts are put into pages as they are"


def test_every_alert_has_a_title_in_every_language() -> None:
    for lang in LANGUAGES:
        assert {f"alert.{name}" for name in runbook(lang)} <= texts(lang).keys()


def test_what_stands_between_backticks_is_code_and_the_rest_is_text() -> None:
    assert coded("run `bridge <x>` & wait") == "run <code>bridge &lt;x&gt;</code> &amp; wait"
    assert coded("plain") == "plain"


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    from importlib.resources import files

    folder = files("bridge.console")
    sources = [p for p in folder.iterdir() if p.name.endswith(".py")] + list((folder / "templates").iterdir())
    code = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    said = set(re.findall(r"""\b(?:t|text)\(\s*f?["']([^"'{]+)["']\s*[,)]""", code))
    assert said <= texts("en").keys()
    stems = tuple(re.findall(r"""["']([a-z_.]+\.)(?:["'] ~|["']\) }}</select>|{)""", code))
    for key in texts("en"):
        assert f'"{key}"' in code or f"'{key}'" in code or key.startswith(stems), f"{key} is never said"


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "chosen"),
    [
        (None, None, "fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        (None, None, "de, en;q=0.5", "en"),
        (None, None, "de", "en"),
        (None, "fr", "en", "fr"),
        ("en", "fr", "fr", "en"),
        ("xx", "yy", "", "en"),
    ],
)
def test_the_language_is_the_one_wished_for(
    asked: str | None, kept: str | None, accepted: str, chosen: str
) -> None:
    assert choose_language(asked, kept, accepted) == chosen


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.04, "40 ms"), (3.2, "3.2 s"), (59.9, "59 s"), (61, "1 min"), (7500, "2 h 05"), (180_000, "2 d")],
)
def test_spans_are_told_shortly(seconds: float, told: str) -> None:
    assert Wording("en", NOW).span(seconds) == told


def test_amounts_are_told_to_the_cent() -> None:
    assert Wording("en", NOW).money(Decimal("1234.5"), "EUR") == "1,234.50 EUR"
    assert Wording("fr", NOW).money(Decimal("1234.5"), "EUR") == "1\u202f234,50 EUR"
    assert Wording("fr", NOW).money(None, "EUR") == "–"


def test_words_from_outside_are_escaped() -> None:
    assert "&lt;b&gt;" in Wording("en", NOW).text("order.title", number="<b>")


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_an_axis_ends_at_or_above_the_highest_value(highest: float) -> None:
    top = charts.ceiling(highest)
    assert highest * 0.99999 <= top <= highest * 2.5001


def test_bars_stand_on_the_ground_and_fit() -> None:
    bars = charts.columns([0, 5, 10], 10)
    assert [bar.height for bar in bars] == [0, 58, 116]
    assert all(bar.y + bar.height == charts.BOTTOM for bar in bars)
    assert bars[-1].x + bars[-1].width == pytest.approx(charts.WIDTH, abs=0.2)


def test_hours_without_a_value_leave_a_gap() -> None:
    drawn = charts.trace([1, 2, None, 3], 4)
    assert len(drawn.runs) == 1
    assert len(drawn.dots) == 1
