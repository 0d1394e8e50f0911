# `make demo` and `make test` each work as the only command in a fresh clone; `make help` lists all.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := demo,evaluate,train,dicom,slicer,app,dev
# More for pip, such as: make PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS :=

# Python is the first of these that is 3.10 or later and can make environments, or the one named:
# make PYTHON=/path/to/python3
CANDIDATES := $(or $(PYTHON),python3 python3.12 python3.11 python3.13 python3.10 python3.14)
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))

# What `make test-pythons` looks for.
VERSIONS := 3.10 3.11 3.12 3.13

# The demonstration's CT, where it lies beside the checkout; else it comes from its public address.
LIMNET_SAMPLE ?= $(wildcard ../shared/data/sample)
export LIMNET_SAMPLE

.DEFAULT_GOAL := help
.PHONY: help install slicer-libraries browser check test test-all test-pythons format demo app bench clean

help:
	@echo "make install       make $(VENV) and install the package with everything it can use"
	@echo "make demo          segment organs of a torso CT from clicks; writes demo-output/"
	@echo "make app           the effect in a browser, without Slicer; make app VOLUME=ct.nii.gz"
	@echo "make test          the gate: check, then all quick tests"
	@echo "make check         formatting, lint, types"
	@echo "make test-all      check, then all tests"
	@echo "make test-pythons  the quick tests on every Python found here of $(VERSIONS)"
	@echo "make format        format the sources"
	@echo "make bench         speed on this machine's CPU"
	@echo "make clean         remove caches, builds and demo-output/; $(VENV) stays"

install: $(STAMP)

$(BIN)/python:
	@for candidate in $(CANDIDATES); do \
	  if $$candidate -c '$(SUITABLE)' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$candidate --version)"; \
	    $$candidate -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	  fi; \
	done; \
	echo "No Python 3.10 or later that can make environments was found; install one" \
	  "(Debian, Ubuntu: apt install python3-venv) or name it: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(STAMP): pyproject.toml setup.py constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV); the first time this takes some minutes"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt \
	  --editable '.[$(EXTRAS)]'
	@touch $@

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# What the Slicer tests need of the system (OpenGL, Qt): looked for, and installed where allowed.
slicer-libraries: install
	@$(BIN)/python Testing/slicer/system_libraries.py

# The browser of the app's tests: looked for, and installed where allowed.
browser: install
	@$(BIN)/python -m Testing.app.chromium

test: check slicer-libraries browser
	$(BIN)/python -m pytest -m "not slow"

test-all: check slicer-libraries browser
	$(BIN)/python -m pytest

test-pythons:
	@for version in $(VERSIONS); do \
	  for python in python$$version $(HOME)/.pyenv/versions/$$version.*/bin/python; do \
	    $$python -c '$(SUITABLE)' 2>/dev/null || continue; \
	    echo "Python $$version:"; \
	    $(MAKE) --no-print-directory VENV=build/venv-$$version PYTHON=$$python install && \
	    build/venv-$$version/bin/python Testing/slicer/system_libraries.py && \
	    build/venv-$$version/bin/python -m Testing.app.chromium && \
	    build/venv-$$version/bin/python -m pytest -q -m "not slow" || exit 1; \
	    break; \
	  done; \
	done

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: install
	$(BIN)/limnet demo

app: install slicer-libraries
	$(BIN)/limnet app $(VOLUME)

bench: install slicer-libraries
	$(BIN)/limnet bench
	$(BIN)/python -m Testing.slicer.bench

clean:
	rm -rf build dist demo-output *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find SlicerLIMNet Testing -name __pycache__ -type d -prune -exec rm -rf {} +
