"""Sessions, wording and charts: the parts without I/O."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.console.charts import Chart, ceiling
from bridge.console.rendering import Wording, choose_language, coded
from bridge.console.session import LIFETIME, Sessions, operator_name
from bridge.reasons import because
from bridge.texts import LANGUAGES, phrases

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
    places = re.compile(r"{\w+}")
    for key, text in phrases("console").items():
        assert tuple(text) == LANGUAGES, key
        assert sorted(places.findall(text["en"])) == sorted(places.findall(text["fr"])), key
        for said in text.values():
            assert not set(said) & set('<>&"'), f"{key}: texts are put into pages as they are"
        assert "'" not in text["fr"], f"{key}: an apostrophe is ’ in French"


def test_a_key_without_a_text_is_shown_itself() -> None:
    assert Wording("fr", NOW).text("what.<new>") == "what.&lt;new&gt;"


def test_a_reason_of_a_later_version_shows_its_code() -> None:
    assert Wording("fr", NOW).reason_text(because("a_code_to_come")) == "a_code_to_come"
    assert Wording("fr", NOW).reason_cure(because("a_code_to_come")) == ""


def test_what_stands_between_backticks_is_code_and_the_rest_is_text() -> None:
    assert coded("run `bridge <x>` & wait") == "run <code>bridge &lt;x&gt;</code> &amp; wait"
    assert coded("plain") == "plain"


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    folder, texts = files("bridge.console"), phrases("console")
    sources = [p for p in folder.iterdir() if p.name.endswith(".py")] + list((folder / "templates").iterdir())
    code = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    said = set(re.findall(r"""\b(?:t|text)\(\s*f?["']([^"'{]+)["']\s*[,)]""", code))
    assert said <= texts.keys()
    stems = tuple(re.findall(r"""["']([a-z_.]+\.)(?:["'](?: ~|[,)])|{)""", code))
    for key in texts:
        assert f'"{key}"' in code or f"'{key}'" in code or key.startswith(stems), f"{key} is never said"


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "chosen"),
    [
        ("", "", "fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("", "", "de, en;q=0.5", "en"),
        ("", "", "de", "the operator's"),
        ("", "fr", "en", "fr"),
        ("en", "fr", "fr", "en"),
        ("xx", "fr", "fr", "en"),
        ("", "yy", "", "the operator's"),
    ],
)
def test_the_language_is_the_one_wished_for(asked: str, kept: str, accepted: str, chosen: str) -> None:
    assert choose_language(asked, kept, accepted, "the operator's") == chosen


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
    top = ceiling(highest)
    assert highest * 0.99999 <= top <= highest * 2.5001


def test_bars_stand_on_the_ground_and_fit() -> None:
    drawn = Chart.of([("8 h", 5.0), ("9 h", 10.0)], str, "all of it")
    assert [(bar.height, bar.title) for bar in drawn.bars] == [(58, "8 h – 5.0"), (116, "9 h – 10.0")]
    assert all(bar.y + bar.height == Chart.GROUND for bar in drawn.bars)
    assert drawn.bars[-1].x + drawn.bars[-1].width == pytest.approx(Chart.WIDTH, abs=0.2)
    assert drawn.grid == ((126, "0.0"), (68, "5.0"), (10, "10.0"))


def test_hours_without_a_value_have_no_bar() -> None:
    day = [(f"{hour} h", None if hour % 2 else 1.0) for hour in range(24)]
    drawn = Chart.of(day, str, "all of it")
    assert len(drawn.bars) == 12
    assert [hour for _, hour in drawn.hours] == ["5 h", "11 h", "17 h", "23 h"]
