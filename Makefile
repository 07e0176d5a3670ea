# Everything lives in .venv; each target sets up what it needs and can be run on its own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# A module is compiled when it is first imported and is kept then, also where the environment asks for nothing of it.
unexport PYTHONDONTWRITEBYTECODE

# The peers that the benchmarks compare with, each in an environment of its own.
KERAS := .venv-keras
FASTAI := .venv-fastai
TIMM := .venv-timm
PIXELS := .venv-pixels
PEERS := $(KERAS) $(FASTAI) $(TIMM) $(PIXELS)
COMPARE = KERAS=$(KERAS) FASTAI=$(FASTAI) TIMM=$(TIMM) PIXELS=$(PIXELS) $(BIN)/python benchmarks/compare/run.py

.PHONY: demo test lint types unit format docs bench peers compare bench-guard soak clean

## demo: install the core, do the whole job on real digits, show where the report is
demo: $(VENV)/.core
	$(BIN)/tellapart demo -o runs/demo --force

## test: install everything, then lint, types and tests
test: lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -n auto --dist loadfile

## format: bring the code into the house's form
format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

## docs: the documentation as a site, build/site/index.html; a broken link is an error
docs: $(VENV)/.dev
	$(BIN)/python tools/docs_site.py

## bench: every benchmark, one after another, each printing JSON
bench: $(VENV)/.dev
	@for script in benchmarks/*.py; do echo "== $$script" >&2; $(BIN)/python $$script || exit 1; done

## peers: an environment for each program that benchmarks/peers compares with (about 14 GB on x86_64)
peers: $(PEERS:%=%/.ready)

## compare: what has not been measured yet of the comparison, then benchmarks/RESULTS.md; SHORT=1 for less, DATA=FOLDER for the sets, RECORD=FILE.json for one of your own
compare: $(VENV)/.dev peers
	$(COMPARE) $(if $(SHORT),--short) $(if $(DATA),--data $(DATA)) $(if $(RECORD),--results $(RECORD))

## bench-guard: a short comparison anew, held against the ratios on record; fails where ours has lost more than 15 %
bench-guard: $(VENV)/.dev peers
	rm -f build/compare.json
	$(COMPARE) --short --parts cold pairs jobs --results build/compare.json
	$(BIN)/python benchmarks/compare/guard.py build/compare.json

## soak: 20,000 damaged files, 50 kills of each command, 37,500 hostile models, tables, runs, caches and requests, 1,000 mutants for each parser, the wheel in a bare environment, see docs/reliability.md; coverage, see docs/honesty.md; ends with 1 at the first fault
soak: $(VENV)/.dev
	$(BIN)/python tools/soak/fuzz.py --files 20000 --keep runs/soak
	$(BIN)/python tools/soak/kills.py --kills 50
	$(BIN)/python tools/soak/hostile.py
	$(BIN)/python tools/soak/targets.py --mutants 1000
	$(BIN)/python tools/soak/package.py
	$(BIN)/python benchmarks/coverage.py --draws 10000

clean:
	rm -rf $(VENV) $(PEERS) runs dist build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --no-compile -e '.[dev,torch,figures]'
	@touch $@ $(VENV)/.core

$(KERAS)/.ready: benchmarks/peers/keras.txt
$(FASTAI)/.ready: benchmarks/peers/fastai.txt
$(TIMM)/.ready: benchmarks/peers/timm.txt
$(PIXELS)/.ready: benchmarks/peers/pixels.txt
$(PEERS:%=%/.ready):
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
