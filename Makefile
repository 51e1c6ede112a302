# Everything works with Python 3.11 to 3.13 and make alone: the first target that needs the environment makes it.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $(p))))
UV_VERSION := 0.13.8
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-long test-all coverage crash outage chaos soak fuzz bench-peers prove-configuration prove-deploy prove-images prove-prometheus prove-retrain check format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 22

setup: $(READY) ## make the environment in .venv from the lock file

$(READY): pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found; set PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "$(PYTHON) -m venv failed; on Debian: apt install python3-venv" >&2; rm -rf .venv; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --inexact --system-certs --compile-bytecode --python $(BIN)/python
	@touch $@

demo: $(READY) ## the whole loop on real patients; ends with a decision waiting for you
	@$(BIN)/steward demo $(ARGS)

up: $(READY) ## start everything on this machine
	@$(BIN)/steward up $(ARGS)

down: $(READY) ## stop it
	@$(BIN)/steward down

test: $(READY) ## every test that takes no minutes: unit, integration on a real PostgreSQL, end to end with a browser
	$(BIN)/python -m pytest $(ARGS)

test-long: $(READY) ## the tests that `make test` leaves out: they say the same of more, and take minutes
	$(BIN)/python -m pytest -m lane $(ARGS)

test-all: $(READY) ## both at once, in less time than one after the other
	$(BIN)/python -m pytest -m "lane or not lane" $(ARGS)

coverage: $(READY) ## every branch of the agent's thinking is tested, without a database
	$(BIN)/python -m pytest tests/unit/agent $(wildcard tests/unit/monitoring/test_threshold*.py) --cov --cov-config=tests/thinking.coveragerc --cov-report=term $(ARGS)

crash: $(READY) ## workers die at named places, others take over, a checker judges (ARGS="--trials 300")
	@$(BIN)/python -m scripts.crash $(ARGS)

outage: $(READY) ## PostgreSQL crashes 20 times, then stays away for a minute, while clients ask
	@$(BIN)/python -m scripts.chaos outage $(ARGS)

chaos: $(READY) ## workers, clients and PostgreSQL at once, broken as a seed draws; a checker judges
	@$(BIN)/python -m scripts.chaos run $(ARGS)

soak: $(READY) ## a million answers while the API is killed 50 times and the version changes; every row is checked
	@$(BIN)/python -m scripts.chaos serving $(ARGS)

bench-peers: $(READY) ## install what `steward bench serving` is compared with, in .venv-peers
	@test -x .venv-peers/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-peers
	@$(BIN)/uv pip sync --quiet --system-certs --compile-bytecode --python .venv-peers/bin/python scripts/bench/peers/requirements.txt

fuzz: $(READY) ## every operation of the API with what its document allows and forbids, by people of each role and by keys
	STEWARD_FUZZ_EXAMPLES=$${STEWARD_FUZZ_EXAMPLES:-60} $(BIN)/python -m pytest -n 0 tests/integration/api/test_openapi_fuzz.py tests/unit/api/test_keys.py $(ARGS)

prove-configuration: $(READY) ## workflows, images, Compose, manifests, rules and dashboards are held to their formats
	@$(BIN)/python -m scripts.proofs.configuration $(ARGS)

prove-images: $(READY) ## the four images are built, are what they should be, and each does its work in a container (root)
	@$(BIN)/python -m scripts.proofs.images $(ARGS)

prove-deploy: $(READY) ## deployments to a hosting service on this machine: not ready, smoke test fails, killed, ...
	@$(BIN)/python -m scripts.proofs.deploy $(ARGS)

prove-retrain: $(READY) ## the steps of the weekly workflow, read from its file, from beginning to end
	@$(BIN)/python -m scripts.proofs.retrain $(ARGS)

prove-prometheus: $(READY) ## a real Prometheus scrapes a real platform; every panel and rule has an answer
	@$(BIN)/python -m scripts.proofs.prometheus $(ARGS)

check: $(READY) ## format, lint, types, import rules, lock file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check --quiet

format: $(READY) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the environment and every cache
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
