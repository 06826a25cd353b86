# `make repro` runs the pipeline of the experiment that params.yaml names, with the trained networks that results/store
# holds; `make train` retrains them, which takes hours; `make test` runs every test.
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

.PHONY: repro train test networks environment clean

repro: networks
	dvc repro

# A killed training resumes when the command is given again.
train: environment
	dvc repro prepare
	python -m benchmark launch --retrain
	dvc repro

test: networks
	ruff check .
	ruff format --check .
	mypy
	OMP_NUM_THREADS=1 pytest -n $(JOBS) tests benchmark

# The trained networks of results/store; what is not there (data, images) is made by the pipeline.
networks: environment
	dvc pull --allow-missing --quiet

environment: $(VENV)/.complete

$(VENV)/.complete: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	touch $@

clean:
	rm -rf $(VENV) data work
