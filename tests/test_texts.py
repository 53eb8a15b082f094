"""The catalogue: every reason in two languages."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.reasons import NO_REASON, because, reason_from
from bridge.texts import GAP, LANGUAGES, catalogue, common, cure_of, text_of

BRIDGE = Path(__file__).parents[1] / "bridge"


def places(text: str) -> dict[str, str]:
    """The facts that a text names, each with the format it is shown in."""
    return {name: spec or "" for _, name, spec, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_an_entry_can_be_said_in_both_languages(code: str) -> None:
    entry = catalogue()[code]
    english, french = (places(entry.text[lang]) for lang in LANGUAGES)
    assert {*english.values(), *french.values()} <= {"", "money", "signed", "day", "moment", "cure"}
    assert entry.personal <= english.keys() & french.keys(), "what is hidden in one is hidden in the other"
    assert bool(entry.cure["en"]) == bool(entry.cure["fr"])
    for text in (*entry.text.values(), *entry.cure.values()):
        assert text.count("`") % 2 == 0
        assert text == text.strip() or text[0] in " ;", "only what ends another sentence begins with a space"
    assert "'" not in entry.text["fr"] + entry.cure["fr"], "an apostrophe is ’ in French"


def test_a_reason_is_said_in_the_readers_way() -> None:
    at = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    silence = because("alert_silence", shop="boutique", since=at)
    assert "since 2026-11-22 12:00 (Paris)" in text_of(silence)
    assert "depuis le 22/11/2026 à 12:00" in text_of(silence, "fr")
    privacy = because("alert_privacy_one", shop="boutique", topic="shop/redact", due=date(2026, 12, 21))
    assert text_of(privacy).endswith("by 2026-12-21")
    assert text_of(privacy, "fr").endswith("le 21/12/2026")


def test_a_reason_of_another_version_is_still_said() -> None:
    assert text_of(because("asked_to_wait", call="GET /x")).startswith(
        "Facturation.pro asks everyone to wait …"
    )
    assert "since …, against" in text_of(because("alert_silence", shop="boutique"))
    assert text_of(because("a_code_to_come", total=Decimal("1.50"))) == "a_code_to_come"
    assert (text_of(NO_REASON), cure_of(NO_REASON)) == ("", "")
    assert text_of(reason_from("it has no lines")) == "it has no lines"
    assert text_of(reason_from("it has no lines"), personal=False) == GAP


def test_what_reasons_have_in_common_is_without_what_differs_or_names_a_buyer() -> None:
    one, other = (
        because("held", why=because("api_said", words=words), others=[because("alert_test")], total=total)
        for words, total in (("Durand", "1.00"), ("Durand", "2.00"))
    )
    assert common([one, other]).facts == (("why", GAP), ("others", GAP), ("total", GAP)), "it is not known"
    one, other = (
        because(
            "alert_why", why=because("access_refused", call=call, said=because("api_said", words="Durand"))
        )
        for call in ("GET /x", "GET /y")
    )
    assert common([one]) == because(
        "alert_why", why=because("access_refused", call="GET /x", said=because("api_said", words=GAP))
    )
    assert common([one, other]) == because(
        "alert_why", why=because("access_refused", call=GAP, said=because("api_said", words=GAP))
    )
    assert common([one, because("alert_why", why=because("alert_test"))]) == because("alert_why", why=GAP)


def made() -> Iterator[tuple[str, set[str] | None, str]]:
    """Each `because("code", …)` of the bridge: its code, its facts unless some come as a mapping, where."""
    for path in sorted(BRIDGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "because" and node.args:
                names = [each.arg for each in node.keywords]
                facts = None if None in names else {name for name in names if name}
                first = node.args[0]
                for code in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                    if isinstance(code, ast.Constant):
                        yield str(code.value), facts, f"{path.relative_to(BRIDGE)}:{node.lineno}"


def test_every_reason_that_the_bridge_gives_is_in_the_catalogue_with_its_facts() -> None:
    wrong = []
    for code, facts, where in made():
        entry = catalogue().get(code)
        named = set[str]().union(*map(places, entry.text.values())) if entry else {"a text"}
        if entry is None or (facts is not None and named - facts):
            wrong.append(f"{where}: {code} lacks {', '.join(sorted(named - (facts or set())))}")
    assert not wrong, "\n".join(wrong)
