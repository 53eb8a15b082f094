"""kill -9 at every place that receiving and syncing pass; and what the switch for it does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import failpoints
from bridge.errors import ConfigurationError
from tests.chaos.crash_sweep import Role, sweep


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints._hook = None


@pytest.mark.timeout(300)
async def test_wherever_a_process_dies_everything_is_there_exactly_once() -> None:
    """Each place once, found by running journeys; `make chaos` kills at every passage."""
    result = await sweep(every_passage=False)
    print(result.table())
    print(f"{len(result.killed)} of {result.known} killed in {result.seconds:.0f} s")
    assert not result.problems, "\n".join(result.problems)
    assert [str(each.place) for each in result.killed if each.seconds is None] == []
    names = {(each.place.role, each.place.name) for each in result.killed}
    assert names >= {
        (Role.WEB, "store.record.before"),
        (Role.WEB, "store.record.after"),
        (Role.WEB, "receive.acknowledge.before"),
        (Role.WEB, "receive.acknowledge.after"),
        *(
            (Role.WORKER, f"store.{script}.{side}")
            for script in (
                "take",
                "ledger",
                "begin",
                "replace_attempt",
                "clear",
                "done",
                "release",
                "extend",
                "sweep",
            )
            for side in ("before", "after")
        ),
        *(
            (Role.WORKER, f"api.POST {path}.{moment}")
            for path in ("/customers.json", "/invoices.json", "/invoices/{id}/refund.json")
            for moment in ("before", "permitted", "first_byte", "sent", "answered", "after")
        ),
    }


PASSAGES = """
import os, structlog
from bridge import failpoints
assert failpoints.armed(os.environ).get("BRIDGE_CRASH_AT") is None
for n in range(3):
    for order in ("mine", "other"):
        with structlog.contextvars.bound_contextvars(order=order):
            print(n, order, flush=True)
            failpoints.failpoint("store", "done", "after")
"""


@pytest.mark.parametrize(
    ("asked", "last"),
    [
        ("store.done.after", "0 mine"),
        ("store.done.after:4", "1 other"),
        ("store.done.after@other", "0 other"),
        ("store.done.after:3@other", "2 other"),
        ("store.done", "2 other"),
        ("", "2 other"),
    ],
)
def test_the_switch_kills_at_the_passage_it_names(asked: str, last: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PASSAGES],
        env={"BRIDGE_CRASH_AT": asked},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert run.stdout.split("\n")[-2] == last, run.stderr
    assert run.returncode == (0 if asked in ("", "store.done") else -9)


def test_passages_are_written_down_on_request(tmp_path: Path) -> None:
    log = tmp_path / "passages"
    assert failpoints.armed({"BRIDGE_CRASH_LOG": str(log), "PATH": "x"}) == {"PATH": "x"}
    failpoints.failpoint("api", "GET /invoices.json", "sent")
    assert log.read_text() == "api.GET /invoices.json.sent\n"


def test_nothing_is_armed_unless_it_is_asked_for() -> None:
    assert failpoints.armed({"PATH": "x"}) == {"PATH": "x"}
    failpoints.failpoint("store", "done", "after")
    assert failpoints._hook is None


@pytest.mark.parametrize("asked", [":2", "store.done.after:soon", "@order"])
def test_a_switch_that_makes_no_sense_stops_the_start(asked: str) -> None:
    with pytest.raises(ConfigurationError, match="BRIDGE_CRASH_AT"):
        failpoints.armed({"BRIDGE_CRASH_AT": asked})
