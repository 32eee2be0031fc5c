# Two commands on a fresh machine: `make quickstart` and `make test`. Both do only what is not done.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEG := $(BIN)/seg
SPEC := quickstart/ensemble.yaml

# TORCH=cpu takes PyTorch without CUDA from this index.
TORCH ?= default
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

.PHONY: help quickstart predict test test-fast lint types contracts unit clean

help:
	@echo "make quickstart             install, draw a dataset, train, tune, predict, and show what the ensemble gains"
	@echo "make quickstart TORCH=cpu   the same with PyTorch for the CPU alone: 2.2 GB instead of 6.9"
	@echo "make predict                install what prediction needs, without PyTorch"
	@echo "make test                   install the test extras, then lint, types, import contracts and tests"
	@echo "make test-fast              the tests that train, export or start nothing: about four minutes on two cores"
	@echo "make clean                  remove what quickstart made (the environment stays)"

quickstart: quickstart/submission.csv quickstart/ensemble.onnx quickstart/overlay.png quickstart/report.html
	$(SEG) evaluate $(SPEC) --split predict
	@echo
	@echo "The last rows are the ensemble before and after tuning, on images that neither training nor tuning has seen."
	@echo "Look at quickstart/overlay.png and quickstart/report.html."
	@echo "With your own data:"
	@echo "  1. $(SEG) data guess FOLDER -o data.yaml && $(SEG) data check data.yaml"
	@echo "  2. cp ensembles/quickstart.yaml ensembles/mine.yaml, and name data.yaml and your networks in it"
	@echo "  3. $(SEG) train ensembles/mine.yaml; docs/learn/quickstart.md goes on from there"

# Tuning writes into the spec, so that a copy is tuned.
quickstart/.tuned: $(VENV)/.quickstart ensembles/quickstart.yaml
	$(SEG) data sample quickstart/data
	cp ensembles/quickstart.yaml $(SPEC)
	$(SEG) train $(SPEC)
	$(SEG) export $(SPEC)
	$(SEG) tune $(SPEC)
	@touch $@

quickstart/submission.csv: quickstart/.tuned
	$(SEG) ensemble $(SPEC)

quickstart/ensemble.onnx: quickstart/.tuned
	$(SEG) export $(SPEC) --fuse -o $@

quickstart/overlay.png: quickstart/.tuned
	$(SEG) show $(SPEC) -o $@

quickstart/report.html: quickstart/.tuned
	$(SEG) report $(SPEC) -o $@

predict: $(VENV)/.predict
	$(SEG) doctor

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
	PYTHONHASHSEED=0 $(BIN)/pytest -n auto -m "not slow and not browser and not cluster and not gpu"

clean:
	rm -rf quickstart

EXTRAS_quickstart := [train,openvino,report]
EXTRAS_dev := [dev]
SIZE_predict := 0.7 GB
SIZE_quickstart := $(if $(filter cpu,$(TORCH)),2.2 GB,6.9 GB; with TORCH=cpu 2.2 GB)
SIZE_dev := 8.1 GB

$(VENV)/.predict $(VENV)/.quickstart $(VENV)/.dev: $(VENV)/.%: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): $(SIZE_$*) on disk, minutes"
	$(PYTHON) -m venv $(VENV)
	$(if $(and $(filter cpu,$(TORCH)),$(EXTRAS_$*)),$(BIN)/pip install --index-url $(TORCH_CPU_INDEX) -c constraints.txt torch torchvision)
	$(BIN)/pip install --upgrade --constraint constraints.txt --editable '.$(EXTRAS_$*)'
	@touch $@
