# Everyday chores; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: run test lint format bench help clean

run: $(VENV)/.installed  ## run a search on the embedded data; writes runs/<name>/
	$(BIN)/xpert-evo run

test: $(VENV)/.installed-dev  ## run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile

lint: $(VENV)/.installed-dev  ## check style, types and known vulnerabilities of dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/audit_dependencies.py

format: $(VENV)/.installed-dev  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The others need external images or results or are run one by one; benchmarks/README.md lists all of them.
BENCHMARKS := hardware_speed.py|emulation_speed.py|running/help_speed.py|running/executor_speed.py|search_quality.py overhead
BENCHMARKS := $(BENCHMARKS)|search_quality.py reference|search_quality.py methods --seeds 10|search_quality.py published

bench: $(VENV)/.installed-dev  ## time the program, compare the search with other methods (hours)
	echo '$(BENCHMARKS)' | tr '|' '\n' | while read -r line; do echo "== $$line"; $(BIN)/python benchmarks/$$line; done

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xpert-evo needs Python 3.11 or newer, got " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev,dask]'
	touch $@
