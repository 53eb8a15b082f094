"""Every case is right but those in `known_wrong.txt`, and those are wrong: the list only shrinks."""

from __future__ import annotations

import asyncio
import warnings

import pytest

from tests.cases.folder import Case, folder, known_wrong, read_cases
from tests.cases.running import Verdict, judge_all

CASES = read_cases()
NO_CASES = (
    f"NO CASES: nothing is judged by them; they are not in {folder()}, name their folder in BRIDGE_CASES"
)

if not CASES:
    warnings.warn(pytest.PytestWarning(NO_CASES), stacklevel=1)
pytestmark = pytest.mark.skipif(not CASES, reason=NO_CASES)


@pytest.fixture(scope="module")
def verdicts(redis_url: str) -> dict[str, Verdict]:
    """How each case goes, all of them lived through once."""
    return {verdict.case.name: verdict for verdict in asyncio.run(judge_all(redis_url, CASES))}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_as_right_as_it_is_known_to_be(case: Case, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[case.name]
    if case.name in known_wrong():
        assert not verdict.right, f"{case.name} is right now: take it out of known_wrong.txt"
    else:
        assert verdict.right, "\n".join(verdict.differences)


def test_only_cases_are_known_to_be_wrong() -> None:
    assert known_wrong() <= {case.name for case in CASES}
