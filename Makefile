# Two commands for a newcomer: `make run` and `make demo`. `make test` is what CI runs.
PYTHON ?= python3
BIN := .venv/bin

NODE := $(shell node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && echo yes)
UI := fluxiq/ui
# What the apps are made of: their own files, and those that the API's document is made of.
UI_SOURCES = $(shell find $(UI) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/screenshots/*' -not -name schema.d.ts -not -name .built) \
             $(shell find fluxiq/api fluxiq/services/messages fluxiq/domain -name '*.py')
NO_NODE := need Node 20.19 or newer, which is not here (Debian: apt-get install nodejs npm)

.PHONY: install run demo test test-python test-ui test-e2e lint ui audit clean

install: .venv/installed

.venv/installed: pyproject.toml deploy/constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "FluxiQ needs Python 3.11 or newer with the venv module (Debian: apt-get install python3-venv)."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e '.[dev]'
	@touch $@

run: install ui
	@$(BIN)/python run.py up

demo: install
	@$(BIN)/python run.py demo

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The web apps, where Node is there; the platform serves what is built (docs/apps.md).
ui: install $(if $(NODE),$(UI)/.built)
ifneq ($(NODE),yes)
	@echo "The web apps are not built: they $(NO_NODE)."
endif

$(UI)/node_modules/.installed: $(UI)/package-lock.json
	@cd $(UI) && npm ci --ignore-scripts --loglevel error
	@touch $@

$(UI)/.built: $(UI)/node_modules/.installed $(UI_SOURCES)
	@cd $(UI) && npm run --silent api && npm run --silent build
	@touch $@

test: lint test-ui test-python

# One worker more than cores: half the time of those with platforms is waiting for them.
test-python: install
	$(BIN)/python -m pytest -n $$($(PYTHON) -c 'import os; print(min(4, os.cpu_count() + 1))') --dist loadfile --no-loadscope-reorder

test-ui: ui
ifeq ($(NODE),yes)
	cd $(UI) && npm run --silent check
else
	@echo "The tests of the web apps are skipped: they $(NO_NODE)."
endif

# The apps in a real browser on a real platform; screenshots of every page in $(UI)/screenshots.
test-e2e: ui
ifeq ($(NODE),yes)
	@if $(UI)/scripts/chromium; then cd $(UI) && npm run --silent e2e; else echo "The browser's journeys are skipped."; fi
else
	@echo "The browser's journeys are skipped: they $(NO_NODE)."
endif

# It asks a database on the network, so it is no part of `test`; CI tells what it says.
audit: install
	@.ci/audit

clean:
	rm -rf .venv .fluxiq $(UI)/node_modules $(UI)/.built $(UI)/apps/*/dist
