"""The protocol lives through hundreds of histories; without any one of its safeguards it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from bridge.sync.shop import Shop
from tests.sim.mutations import MUTATIONS, StandsStill, first_caught
from tests.sim.run import History, Mode, Parts, prepared, run_seed

SEEDS = 100
"""Of each mode. `python -m tests.sim --seeds 10000` goes on from there."""
CHEAP = 300
"""A mutation that needs more seeds than that is tried by `python -m tests.sim --mutations`."""


@pytest.fixture(scope="module")
def shops() -> Iterator[dict[str, Shop]]:
    with prepared() as configured:
        yield configured


@pytest.mark.parametrize("mode", list(Mode))
def test_every_promise_holds_in_every_history(mode: Mode, shops: dict[str, Shop]) -> None:
    lived: Counter[str] = Counter()
    for seed in range(SEEDS):
        verdict = run_seed(seed, mode, shops)
        assert not verdict.violations, f"python -m tests.sim --mode {mode} --seed {seed}"
        lived += verdict.totals
    assert lived["kills"] > 10 * SEEDS
    assert lived["crashes"] > SEEDS
    assert lived["documents"] > 10 * SEEDS
    assert lived["deleted"] > SEEDS / 4


@pytest.mark.parametrize("name", [name for name, each in MUTATIONS.items() if each.within <= CHEAP])
def test_without_a_safeguard_a_promise_breaks(name: str, shops: dict[str, Shop]) -> None:
    caught = first_caught(MUTATIONS[name], shops)
    assert caught is not None, f"{name}: not noticed within {MUTATIONS[name].within} seeds"


def test_a_machine_that_stands_still_before_the_first_byte_sends_nothing(shops: dict[str, Shop]) -> None:
    """The control of the mutation "no send deadline": with the deadline, the same histories end well."""
    for seed in range(30):
        verdict = run_seed(seed, Mode.ALWAYS, shops, Parts(client=StandsStill))
        assert not verdict.violations, seed


@pytest.mark.parametrize("mode", list(Mode))
def test_a_seed_replays_exactly(mode: Mode, shops: dict[str, Shop]) -> None:
    """What is remembered between histories does not change them."""
    first = [_all_of(History(seed, mode, Parts(), shops)) for seed in range(3)]
    with prepared() as fresh:
        again = [_all_of(History(seed, mode, Parts(), fresh)) for seed in (2, 1, 0)]
    assert first == again[::-1]


def _all_of(history: History) -> object:
    """Everything that a history left behind."""
    verdict = history.tell()
    made = {key: (stored.record, stored.since) for key, stored in history.facturation.invoices.items()}
    return verdict.totals, made, history.server.data, history.world.now
