# SPDX-License-Identifier: Apache-2.0
# Everything works on a fresh Debian 12: `make demo`, `make test`. See CONTRIBUTING.md.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= python3

.PHONY: demo test test-full check unit lab-tests conformance bench docs lab-up lab-down lock clean

$(READY): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || test "$$(id -u)" != 0 || \
	  (apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv) >/dev/null
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install -q --require-hashes -r requirements/bootstrap.txt
	PYTHONDONTWRITEBYTECODE= $(BIN)/uv pip install -q --python $(BIN)/python \
	  --require-hashes --compile-bytecode -r requirements/dev.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

demo: $(READY)
	@bash scripts/demo.sh

check: $(READY)
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports > .lint-imports.log || (cat .lint-imports.log; exit 1)
	@rm -f .lint-imports.log
	$(BIN)/pytest -q -p no:cacheprovider tests/house
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q -d .site && rm -rf .site

unit: $(READY)
	$(BIN)/pytest -q -n 2 tests/unit tests/scenarios tests/faults

lab-tests: $(READY)
	$(BIN)/pytest -q tests/lab

# The sandbox against the lab; it makes and deletes things there.
conformance: $(READY) lab-up
	$(BIN)/pytest -q tests/conformance

test: $(READY)
	bash tests/run.sh

test-full: $(READY)
	TEST_FULL=1 bash tests/run.sh

# Half an hour and 4 GiB of memory: the last one holds half a million servers.
bench: $(READY) lab-up
	bash bench/run.sh

docs: $(READY)
	$(BIN)/python -m docs.generate

lab-up: $(READY)
	$(BIN)/python -m lab up

lab-down:
	$(BIN)/python -m lab down

# Without an index address: the ordinary client's own configuration names it.
lock:
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  pyproject.toml -c requirements/dev.txt -o requirements/run.txt

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache
