# Two commands for a newcomer: `make run` and `make demo`. `make test` is what CI runs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install run demo test lint audit clean

install: .venv/installed

.venv/installed: pyproject.toml deploy/constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "FluxiQ needs Python 3.11 or newer with the venv module (Debian: apt-get install python3-venv)."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e '.[dev]'
	@touch $@

run: install
	@$(BIN)/python run.py up

demo: install
	@$(BIN)/python run.py demo

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# It asks a database on the network, so it is no part of `test`; CI tells what it says.
audit: install
	@.ci/audit

clean:
	rm -rf .venv .fluxiq
