# make app    prepare .venv and open the app with a sample dataset already audited
# make test   prepare .venv and a browser, then run every check
# make setup  prepare .venv only

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.prepared

.PHONY: app test setup check browser clean

app: setup
	$(BIN)/dvaudit serve --sample

test: setup browser check
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile  # one core a worker: shared ones wait for each other

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy dvaudit

setup: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dvaudit needs Python 3.11 or newer; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(STAMP)

browser: setup
	$(BIN)/python tests/support/browser.py

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
