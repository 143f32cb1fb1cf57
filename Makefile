# make run: from a fresh clone to a verified model.  make test: what must hold.  make help: everything else.
PYTHON ?= python3
BIN := .venv/bin
HOME_OF_RUNS ?= $(CURDIR)/.aibuildai
BENCH_DATA ?=
MINUTES ?= 10
CANDIDATES ?= 3

.PHONY: help install install-dev run test check lint faults bench clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed  ## .venv with the aibuildai command in it

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed; name it with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	@touch $@

install-dev: .venv/.installed-dev

.venv/.installed-dev: .venv/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

run: install  ## the main job on a real example, until its verified result is shown
	@export AIBUILDAI_HOME="$(HOME_OF_RUNS)"; trap 'exit 130' INT; code=0; \
	  $(BIN)/aibuildai run examples/diabetes --minutes 3 --candidates 2 || code=$$?; \
	  $(BIN)/aibuildai down; exit $$code

test: install-dev lint  ## lint, types, import rules, and the fast tests
	$(BIN)/python -m pytest -m "not slow" -n 3 --dist worksteal  # most of them wait: for a server, a process, a clock

check: install-dev  ## whole runs, kills, real environments
	$(BIN)/python -m pytest -m slow --timeout 1500

faults: install-dev  ## breaks runs on purpose, in every way, for an hour or two; a table, and an error if anything was lost
	$(BIN)/python -m tests.faults

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install  ## BENCH_DATA=folder of tasks with answers: runs each and grades its submission
	$(BIN)/python -m ops.bench "$(BENCH_DATA)" --minutes $(MINUTES) --candidates $(CANDIDATES)

clean:  ## removes .venv and the runs of `make run`
	@if [ -x $(BIN)/aibuildai ] && [ -d "$(HOME_OF_RUNS)" ]; then \
	  AIBUILDAI_HOME="$(HOME_OF_RUNS)" $(BIN)/aibuildai down; fi  # nothing writes there any more
	rm -rf .venv "$(HOME_OF_RUNS)"
