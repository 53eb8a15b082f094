# Everything runs from .venv, made from the lock file by the first target that needs it.
PYTHON ?= python3
BIN := .venv/bin
N ?= 2000
SEED ?= 1

.PHONY: help demo quick test check coverage mutants audit bench cases chaos lock clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

.venv/runtime: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

.venv/dev: .venv/runtime requirements-dev.lock
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

demo: .venv/runtime ## the whole system on this machine, one order of each platform
	@$(BIN)/bridge demo

quick: .venv/dev ## the pure tests, in half a minute
	$(BIN)/pytest -n 2 -m pure

test: .venv/dev ## the tests; three at a time, since many of them wait for something
	$(BIN)/pytest -n 3 --dist loadfile

check: .venv/dev ## ruff, mypy strict, import-linter, bandit, audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit --quiet --recursive bridge --severity-level medium
	@$(MAKE) --no-print-directory audit

coverage: .venv/dev ## what the pure tests reach of the core; fails below its gate
	$(BIN)/coverage run -m pytest -m pure
	$(BIN)/coverage report

mutants: N = 40
mutants: .venv/dev ## N small mistakes in the pure core: how many do the pure tests notice?
	$(BIN)/python -m tests.mutants $(N) $(SEED)

audit: .venv/dev ## known vulnerabilities of the locked dependencies
	$(BIN)/python -m tests.audit

bench: .venv/dev ## speed, as ratios against baselines
	$(BIN)/python -m bench

cases: .venv/dev ## orders of public bug reports in ../shared/cases (or BRIDGE_CASES), judged by their documents
	$(BIN)/python -m tests.cases

chaos: .venv/dev ## N orders where everything fails, kill -9 at every place there is, 30,000 simulated histories
	$(BIN)/python -m tests.chaos.chaos $(N) $(SEED)
	$(BIN)/python -m tests.chaos.crash_sweep
	$(BIN)/python -m tests.sim --seeds 10000

lock: .venv/dev ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove what was built
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis
