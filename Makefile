# Every target makes the environment it needs: `make demo` or `make test` can be the first command in a fresh clone.
# ARGS adds arguments to pytest or the benchmarks: make test ARGS="-k codec -x"

VENV    ?= .venv
PYTHON  ?= $(shell tools/find-python)
PYTHONS := 3.11 3.12 3.13 3.14
MEMBERS := $(wildcard geowatch-*)
BIN     := $(VENV)/bin
UV      := $(BIN)/uv
export VIRTUAL_ENV := $(abspath $(VENV))

.DEFAULT_GOAL := help
.PHONY: help install demo demo-kafka demo-tiles test test-long test-pythons lint types docs matrix bench build check lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## make .venv with everything of requirements.lock and the packages of this repository, editable

demo: install ## run a real week of earthquakes through a broker
	@$(BIN)/python examples/quakes/demo.py

demo-kafka: install ## run the week of earthquakes into a topic of Apache Kafka, and from there into a file
	@$(BIN)/python examples/quakes-kafka/demo.py

demo-tiles: install ## count the tile requests of a log by way of Kinesis, into a file, S3 and memcached
	@$(BIN)/python examples/tiles/demo.py

test: install ## run the tests
	$(BIN)/pytest $(ARGS)

test-long: install ## run the tests with thousands of examples each, and those marked long
	@$(UV) pip install --quiet "atheris>=3" || echo "atheris cannot be had for this Python: no codec is fuzzed"
	GEOWATCH_PROFILE=long $(BIN)/pytest --timeout=3600 $(ARGS)

test-pythons: ## run the tests on each of Python 3.11 to 3.14 that this machine has
	@missing=; failed=; \
	for v in $(PYTHONS); do \
	  if python=$$(tools/find-python $$v 2>/dev/null); then \
	    echo "== Python $$v: $$python"; \
	    $(MAKE) --no-print-directory test VENV=.venvs/$$v PYTHON="$$python" || failed="$$failed $$v"; \
	  else missing="$$missing $$v"; fi; \
	done; \
	echo "== failed:$${failed:- none}; not on this machine:$${missing:- none}"; test -z "$$failed"

lint: install ## check style, formatting and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache --no-logo

types: install ## check types, strictly
	$(BIN)/mypy

docs: install ## run what the documentation says
	$(BIN)/pytest tests/docs $(ARGS)

matrix: install ## write what each backend can do into the documentation
	$(BIN)/python tools/refresh_matrix.py

bench: install ## measure, and compare with loops written by hand
	$(BIN)/python benchmarks/run.py $(ARGS)

build: install ## make sdist and wheel of each distribution in dist/, and check them
	rm -rf dist
	$(UV) build --quiet --all-packages --no-build-isolation --python $(BIN)/python --out-dir dist
	$(BIN)/python tools/check_dist.py dist

check: lint types test build ## all that must pass before a change lands

lock: $(UV) ## renew requirements.lock after a change of dependencies (ARGS=--upgrade for newer versions)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --group pyproject.toml:dev \
	  $(MEMBERS:%=--no-emit-package %) --custom-compile-command "make lock" $(ARGS) --output-file requirements.lock

clean: ## remove what make made
	rm -rf .venv .venvs dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# uv is one of the locked tools: pip brings that one version, checked by its hash, and uv the rest.
$(UV):
	@test -n "$(PYTHON)" && "$(PYTHON)" -m venv $(VENV)
	@awk '/^uv==/ {keep = 1} /^[a-z]/ && !/^uv==/ {keep = 0} keep' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt

# The second command sees nothing but what the first installed, so a dependency that is missing from the lock fails here.
$(VENV)/.installed: requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml) | $(UV)
	@$(UV) pip sync --quiet --require-hashes requirements.lock
	@$(UV) pip install --quiet --no-index --no-build-isolation $(MEMBERS:%=--editable %) --group pyproject.toml:dev \
	  || { echo "If requirements.lock lacks a dependency, run make lock."; exit 1; }
	@touch $@
