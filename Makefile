# The task runner: every target is complete on a fresh clone with Python 3.11 or
# later, git and make. Stamps in .venv remember what is installed; run `make clean`
# to begin again. Extra arguments: make test ARGS="-k pool -x"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
DOWN   := $(VENV)/downstream
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check --quiet
ARGS   ?=

export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test model lint format twin docs bench soak torture downstream clean
.NOTPARALLEL:

help:
	@echo "make demo     run the main job against an embedded server and show it"
	@echo "make test     run the test suite             (ARGS='-k name' picks tests)"
	@echo "make model    search all states of small pools (ARGS=--large for minutes)"
	@echo "make lint     style, types, floors, twin, sizes, spelling"
	@echo "make format   let ruff put the style right"
	@echo "make twin     write the _sync twins of the _async sources"
	@echo "make docs     build the documentation        (docs/_build/html/index.html)"
	@echo "make bench    measure against other clients  (ARGS goes to the benchmarks)"
	@echo "make torture  cancel, fail and reorder everything  (ARGS='--seeds 50')"
	@echo "make soak     ten minutes of load with faults (ARGS='--minutes 1' for short)"
	@echo "make downstream  run released clients on mooring, unchanged"
	@echo "make clean    remove .venv, caches and built documentation"

demo: $(VENV)/.stamp-base
	@$(PY) -m mooring.demo $(ARGS)

test: $(VENV)/.stamp-test
	$(PY) -m pytest $(ARGS)

model: $(VENV)/.stamp-test
	$(PY) -m tests.model $(ARGS)

lint: $(VENV)/.stamp-test $(VENV)/.stamp-lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) tools/unasync.py --check
	$(PY) tools/check_sizes.py
	$(VENV)/bin/codespell

format: $(VENV)/.stamp-lint
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

twin: $(VENV)/.stamp-base
	$(PY) tools/unasync.py

docs: $(VENV)/.stamp-docs
	$(PY) -m sphinx -n -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.stamp-bench
	$(PY) -m benchmarks $(ARGS)

torture: $(VENV)/.stamp-test
	$(PY) -m tests.simulation.torture $(ARGS)

soak: $(VENV)/.stamp-test
	$(PY) -m tests.soak $(ARGS)

# In an environment of their own: httpx comes along, and with it pytest plugins.
downstream: $(DOWN)/.stamp
	MOORING_DOWNSTREAM=1 $(DOWN)/bin/python -m pytest -p no:pytest_httpx \
		--confcutdir=tests/downstream tests/downstream $(ARGS)

clean:
	rm -rf $(VENV) docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf .import_linter_cache .grimp_cache .coverage dist
	find src tests tools benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

# pip learnt --group (PEP 735) in 25.1; the one that came with Python may be older.
$(VENV)/.stamp-base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[brotli,zstd]'
	@touch $@

$(VENV)/.stamp-%: pyproject.toml $(VENV)/.stamp-base
	$(PIP) install --group $*
	@touch $@

$(DOWN)/.stamp: pyproject.toml
	$(PYTHON) -m venv $(DOWN)
	$(DOWN)/bin/python -m pip --quiet install --upgrade 'pip>=25.1'
	$(DOWN)/bin/python -m pip --quiet install --editable '.[brotli,zstd]' --group downstream
	@touch $@
