# Two commands for a new user: `make demo` and `make test`. Each sets up what it needs first; none needs root.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# TensorFlow with CUDA where the machine has an NVIDIA driver, the much smaller CPU build elsewhere. `make venv FLAVOUR=cpu` overrides.
FLAVOUR ?= $(shell test -e /proc/driver/nvidia/version && echo cuda || echo cpu)
LOCK := requirements/$(FLAVOUR).lock
STAMP := $(VENV)/.complete-$(FLAVOUR)
PROXY := $(VENV)/hub-proxy
# nbgrader starts `alembic` from PATH and reads USER; services and containers often lack both.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export USER ?= $(shell id -un)
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help venv demo hub test test-hub validate test-gpu test-kill lint bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

venv: $(STAMP)  ## set up .venv with the locked versions

$(STAMP): $(LOCK) pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install it with 'apt install python3 python3-venv'."; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $$($(PYTHON) --version) was found: name another with 'make PYTHON=python3.12 …'."; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python cannot make virtual environments here: install it with 'apt install python3-venv'."; exit 2; }
	@echo "Setting up $(VENV) with $(LOCK) (once; a few minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q autograder
	@rm -f $(VENV)/.complete-*; touch $@

demo: venv  ## grade a small class on the digits that ship with scikit-learn
	@$(BIN)/autograder demo $(DEMO_OPTIONS)

hub: venv $(PROXY)/.complete  ## a JupyterHub on this machine with the course and its pages, for trying out; Ctrl-C ends it
	@$(BIN)/python -m autograder.hub.demo --proxy $(PROXY) $(HUB_OPTIONS)

$(PROXY)/.complete: autograder/hub/proxy/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing, which the hub's proxy comes from: install it with 'apt install npm'."; exit 2; }
	@mkdir -p $(PROXY) && cp autograder/hub/proxy/*.json $(PROXY)
	@cd $(PROXY) && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

lint: venv  ## ruff, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy autograder
	@$(BIN)/lint-imports

test: lint  ## lint and all tests, on two cores in two halves (CI also runs validate); TEST_OPTIONS go to one pytest for all
	@$(BIN)/python -m tests.side_by_side $(TEST_OPTIONS)

validate: venv  ## the graders themselves: known answers and mutants of every assignment (also in CI)
	@mkdir -p build
	@$(BIN)/autograder validate $(VALIDATE_OPTIONS) --json build/validated.json
	@$(BIN)/python -m pytest -m validated tests/shipped

test-hub: venv $(PROXY)/.complete  ## the pages behind a real hub in a real browser, with pictures of every page in build/hub
	@$(BIN)/python -m pytest -m hub tests/hub $(TEST_OPTIONS)

test-gpu: venv  ## on a machine with an NVIDIA GPU: train there in the sandbox, measure, write benchmarks/results/gpu.json
	@test -e /proc/driver/nvidia/version || { echo "There is no NVIDIA driver here: make test-gpu is for machines with a GPU."; exit 2; }
	@$(BIN)/python -m pytest -m gpu tests/gpu $(TEST_OPTIONS)
	@$(BIN)/python benchmarks/bench_gpu.py

test-kill: venv  ## kill processes of a batch at random moments, for half an hour; a few of these are in `make test`
	@$(BIN)/python -m pytest -m "loops or not loops" tests/kill $(TEST_OPTIONS)

bench: venv  ## the measurements, each into benchmarks/results/
	@failed=0; for each in benchmarks/bench_*.py; do $(BIN)/python $$each || failed=1; done; exit $$failed

lock: venv  ## resolve the versions anew (needs network)
	@$(BIN)/python -m pip install --quiet uv
	@for flavour in cpu cuda; do $(BIN)/python -m uv pip compile --quiet --upgrade pyproject.toml \
	    --extra $$flavour --extra dask --extra hub --extra postgres --extra dev \
	    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	    --custom-compile-command "make lock" -o requirements/$$flavour.lock; done

clean:  ## remove what the demo and the tests leave
	@rm -rf demo_course .pytest_cache .mypy_cache .ruff_cache
