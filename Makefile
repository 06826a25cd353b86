# `make repro` runs the pipeline of the experiment that params.yaml names, with the trained networks that results/store
# holds; `make train` retrains them, which takes hours; `make test` runs every test, `make test-fast` the quick ones.
# All build the environment first, from pinned packages, in .venv.
PYTHON ?= python3
# Tests at a time.
JOBS ?= 2
# A package index with CPU builds of PyTorch, which spare 4 GB of CUDA libraries; empty: PyTorch with CUDA.
TORCH_INDEX ?=
VENV := .venv
EXPERIMENT := $(shell sed -n 's/^experiment: \*//p' params.yaml)
NETWORKS := $(shell sed -nE 's,^ *- path: (results/$(EXPERIMENT)/(weights|pretrained)/.*),\1,p' dvc.lock | sort -u)
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --disable-pip-version-check
# Tests that share an expensive project run in one process.
PYTEST := pytest -n $(JOBS) --dist loadgroup
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

# Threads that wait for work must not keep the other core busy where several processes share them.
repro train test test-fast: export OMP_WAIT_POLICY := PASSIVE
test test-fast: export OMP_NUM_THREADS := 1

.PHONY: repro train test test-fast lint networks environment clean

# `dvc repro` alone does all of this, a stage at a time; what the launcher has made side by side it finds done.
repro: networks
	dvc repro prepare
	python -m benchmark launch --images
	dvc commit --force --quiet train predict
	dvc repro

# A killed training resumes when the command is given again.
train: environment
	dvc repro prepare
	python -m benchmark launch --retrain
	dvc repro

test: networks lint
	$(PYTEST) tests benchmark

test-fast: lint
	$(PYTEST) -m "not slow" tests

lint: $(VENV)/.complete-dev
	ruff check .
	ruff format --check .
	mypy

# The trained networks of results/store. They are named, for DVC would stop at any data or network that it does not know.
networks: environment
	dvc pull --allow-missing $(NETWORKS) $(wildcard results/*/released/*.dvc)

environment: $(VENV)/.complete

$(VENV)/.complete: requirements.lock
	@echo "environment: downloads $(if $(TORCH_INDEX),0.6 GB,3 GB, most of it PyTorch with CUDA)"
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) $(shell grep -E '^torch(vision)?==' requirements.lock))
	$(PIP) -r requirements.lock
	touch $@

$(VENV)/.complete-dev: requirements-dev.lock $(VENV)/.complete
	$(PIP) -r requirements-dev.lock
	touch $@

clean:
	rm -rf $(VENV) data work
