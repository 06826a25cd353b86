# `make repro` runs the pipeline of the experiment chosen in params.yaml with the trained networks that results/store
# holds; `make train` trains them anew, which takes hours; `make test` runs every test.
# All build the environment first, from pinned packages, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests at a time.
JOBS ?= 2
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

# Threads that wait for work must not keep the other core busy where several processes share them.
train test: export OMP_WAIT_POLICY := PASSIVE

.PHONY: repro train test environment clean

repro: environment
	python -m benchmark.store pull
	python -m benchmark.repro

# A kill loses little: give it again. Two trainings at a time, then the rest of the pipeline on what they left.
train: environment
	python -m benchmark.store hours
	python -m benchmark.repro prepare
	python -m benchmark.run_all --anew
	python -m benchmark.repro

test: environment
	ruff check .
	ruff format --check .
	mypy
	python -m benchmark.store pull
	OMP_NUM_THREADS=1 pytest -n $(JOBS) tests benchmark

environment: $(VENV)/.complete

$(VENV)/.complete: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	touch $@

clean:
	rm -rf $(VENV) data work
