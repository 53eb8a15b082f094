"""`python -m tests.sim --seeds 10000 [--mode tail] [--seed N]`: many histories, or one of them again."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.sim.mutations import MUTATIONS, first_caught
from tests.sim.run import Mode, prepared, run_seed


def main() -> int:
    """Says what was lived through, and of each broken promise its seed and what broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="histories of each mode")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--seed", type=int, help="this one history again")
    parser.add_argument(
        "--mode", type=Mode, choices=list(Mode), help="what Redis forgets (default: all three)"
    )
    parser.add_argument("--mutations", action="store_true", help="which seed notices which missing safeguard")
    asked = parser.parse_args()
    if asked.mutations:
        return tell_mutations()
    first, count = (asked.first, asked.seeds) if asked.seed is None else (asked.seed, 1)
    failed = 0
    with prepared() as shops:
        for mode in [asked.mode] if asked.mode else list(Mode):
            totals: Counter[str] = Counter()
            broken = 0
            started = time.perf_counter()
            for seed in range(first, first + count):
                verdict = run_seed(seed, mode, shops)
                totals += verdict.totals
                if verdict.violations:
                    broken += 1
                    print(f"BROKEN  mode {mode}, seed {seed}")
                    for violation in verdict.violations:
                        print(f"  {violation}")
                    print(f"  again: python -m tests.sim --mode {mode} --seed {seed}", flush=True)
            seconds = time.perf_counter() - started
            lived = ", ".join(f"{n:,} {what}" for what, n in totals.items())
            print(
                f"{mode}: {lived}; {broken} broken; {seconds:.1f} s, {count / seconds:.1f} seeds/s",
                flush=True,
            )
            failed += broken
    return 1 if failed else 0


def tell_mutations() -> int:
    """Each mutation and the first seed that notices it."""
    missed = 0
    with prepared() as shops:
        for name, mutation in MUTATIONS.items():
            seed = first_caught(mutation, shops)
            missed += seed is None
            caught = f"not caught within {mutation.within}" if seed is None else f"seed {seed}"
            print(f"{name:28} {mutation.mode:7} {caught}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
