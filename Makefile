# What there is to do here; `make help` lists it.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test lint types docs gallery bench chaos mutants supply clean
.DEFAULT_GOAL := help

help: ## list what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.light ## set everything up and export examples/heart.wav to heart.mp4
	@$(PYTHON) tools/release/system_packages.py demo
	$(BIN)/aimv export examples/heart.wav -o heart.mp4 --size 960x540
	@echo "Watch it: heart.mp4"

test: $(VENV)/.dev ## set up what tests need, then lint, type-check and run them all
	@$(PYTHON) tools/release/system_packages.py test
	$(MAKE) --no-print-directory lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

lint: $(VENV)/.dev ## style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=. $(BIN)/lint-imports

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.dev ## write the page of options from their definitions
	$(BIN)/python -m tools.release.options_page

gallery: $(VENV)/.dev ## contact sheets of every scene and of the example song, into build/gallery
	$(BIN)/python -m tools.release.gallery build/gallery --song examples/heart.wav

bench: $(VENV)/.dev ## speed beside a limit or a peer in the same run
	$(BIN)/python -m tools.bench.export
	$(BIN)/python -m tools.bench.pictures --export examples/heart.wav

chaos: $(VENV)/.dev ## the fault matrix, long form, and the fuzzer
	@$(PYTHON) tools/release/system_packages.py test
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.stress.chaos

mutants: $(VENV)/.dev ## change random lines and count how many the tests notice, within 20 minutes
	$(BIN)/python -m tools.stress.mutants

supply: $(VENV)/.dev ## build twice alike, install the lock on each Python, run it, write the SBOM
	$(BIN)/python -m tools.release.supply check

clean: ## remove what was built here
	rm -rf $(VENV) build dist heart.mp4

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "AIMV needs Python 3.11 to 3.13: set PYTHON to one, as in make demo PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.light: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable .
	@touch $@

# The pinned torch first, so that no other package brings a larger build of its own choosing.
$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet torch==2.13.0
	$(PIP) install --quiet --editable '.[cogvideo,dev]'
	@touch $@ $(VENV)/.light
