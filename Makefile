# The two commands: `make demo` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: setup demo test test-browser test-all exactness lint clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt tests/references.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[functionals,beats,ray,report,browser,test,lint]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps -r tests/references.txt
	@touch $@

demo: $(READY)
	$(BIN)/paralbench demo --out runs/demo

test: $(READY)
	$(BIN)/python -m pytest -m "not slow and not network and not browser" -n 2 --dist worksteal

# The pages in Debian's chromium.
test-browser: $(READY)
	$(BIN)/python -m pytest -m "browser and not slow" tests/browser

test-all: $(READY)
	$(BIN)/python -m pytest

# How far features depend on the batch, and how far they are from the owners' code.
exactness: $(READY)
	rm -rf build/differences && mkdir -p build/differences
	PARALBENCH_DIFFERENCES=build/differences $(BIN)/python -m pytest -q tests/upstreams \
	  -m "not network and not browser" -n 2 --dist worksteal
	$(BIN)/python tests/performance/exactness.py build/differences

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) runs dist build .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
