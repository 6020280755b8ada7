# Domicile. `make demo` and `make test` need Python 3.11+ and nothing else of ours: they set up the rest themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUN_STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
BENCH_STAMP := $(VENV)/.installed-bench
BUNDLE_SOURCES := $(shell find chassis/assets/sources chassis/assets/translations -name '*.mo' -prune -o -type f -print 2>/dev/null) package.json package-lock.json hatch_build.py

.PHONY: demo install test check bench stubs fmt clean

demo: $(RUN_STAMP)
	@$(BIN)/python -m deploy.federation $(if $(ONCE),--once)

install: $(RUN_STAMP)

test: $(TEST_STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not nightly" tests

check: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m protos.generate --check
	$(BIN)/python -m pytest -q tests/house

bench: $(BENCH_STAMP)
	$(BIN)/python -m tests.bench

stubs: $(TEST_STAMP)
	$(BIN)/python -m protos.generate

fmt: $(TEST_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .demo build chassis/assets/static node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Domicile needs Python 3.11 or later: install it, or run `make PYTHON=/path/to/python3.11`")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements/run.txt requirements/build.txt pyproject.toml $(BUNDLE_SOURCES) | $(VENV)/bin/python
	@echo "installing what running needs (pinned and hashed), and building the console bundles"
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(TEST_STAMP): requirements/test.txt $(RUN_STAMP)
	@echo "installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements/test.txt
	@$(BIN)/python hatch_build.py
	@touch $@

$(BENCH_STAMP): $(TEST_STAMP)
	@touch $@
