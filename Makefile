# Two commands on a fresh machine: `make quickstart` and `make test`. Both do only what is not done.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEG := $(BIN)/seg
SPEC := ensembles/quickstart.yaml

.PHONY: quickstart test test-fast lint types contracts unit clean help

help:
	@echo "make quickstart   install, draw the built-in dataset, train, export, predict, show"
	@echo "make test         install the test extras, then lint, types, import contracts and tests"
	@echo "make test-fast    the tests that train, export or start nothing: under three minutes on two cores"
	@echo "make clean        remove what quickstart made (the environment stays)"

quickstart: $(VENV)/.train
	$(SEG) data sample quickstart/data
	$(SEG) train $(SPEC)
	$(SEG) export $(SPEC)
	$(SEG) ensemble $(SPEC)
	$(SEG) evaluate $(SPEC)
	$(SEG) show $(SPEC) --output quickstart/overlay.png

test: lint types contracts unit

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/pytest

test-fast: $(VENV)/.dev
	$(BIN)/pytest -m "not slow and not browser and not cluster and not gpu"

clean:
	rm -rf quickstart

$(VENV)/.train $(VENV)/.dev: $(VENV)/.%: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --upgrade --constraint constraints.txt --editable '.[$*]'
	@touch $@
