"""What the terminal says, in two languages."""

from __future__ import annotations

import string

import pytest

from bridge.cli.tables import OFFERED
from bridge.cli.words import LANG, say
from bridge.desk.operations import OPERATIONS
from bridge.desk.values import State
from bridge.texts import LANGUAGES, phrases


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(phrases("terminal")))
def test_a_text_has_the_same_places_in_both_languages(key: str) -> None:
    english, french = (phrases("terminal")[key][lang] for lang in LANGUAGES)
    assert places(english) == places(french)
    assert "'" not in french, "an apostrophe is ’ in French"


def test_there_is_a_text_for_every_state_action_and_offer() -> None:
    done = {each.name for each in OPERATIONS.values() if each.acts and each.about}
    wanted = {f"{said}.{name}" for said in ("done", "already") for name in done}
    wanted |= {f"state.{state}" for state in State} | {f"offer.{action}" for action in OFFERED}
    assert wanted <= phrases("terminal").keys()


def test_the_language_of_the_run_decides() -> None:
    token = LANG.set("fr")
    try:
        assert say("draft", id=7) == "brouillon 7"
    finally:
        LANG.reset(token)
    assert say("draft", id=7) == "draft 7"
