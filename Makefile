# Two commands: `make repro` runs the pipeline of the experiment chosen in params.yaml, `make test` runs every test.
# Both build the environment first, from pinned packages, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests at a time.
JOBS ?= 2
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
# Threads that wait for work must not keep the other core busy.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: repro test environment clean

repro: environment
	python -m benchmark.repro

test: environment
	ruff check .
	ruff format --check .
	mypy
	OMP_NUM_THREADS=1 pytest -n $(JOBS) tests benchmark

environment: $(VENV)/.complete

$(VENV)/.complete: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	touch $@

clean:
	rm -rf $(VENV) data work
