# Two commands do everything: `make demo` shows what Ironhull is, `make test` proves it.
PYTHON ?= python3
VENV := .venv
PREFIX ?= $(HOME)/.local
BIN := $(VENV)/bin
TALLY := .pytest_cache/tally
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# Every worker of pytest would compile all tests again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup install demo test unit real lint bench compat fuzz api chaos programs whole machines lock clean

help: ## Show these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.ready ## Make .venv with the command .venv/bin/ironhull

$(VENV)/.ready: pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "needs Python 3.11 or newer (PYTHON=…)"; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V) (PYTHON=…)"; exit 3; }
	@$(PYTHON) -m venv --help >/dev/null 2>&1 && $(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "needs Python's venv (Debian: apt-get install python3-venv)"; exit 3; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

install: setup ## Link the command into PREFIX/bin (default ~/.local)
	@mkdir -p "$(PREFIX)/bin"
	@ln -sfn "$(abspath $(BIN)/ironhull)" "$(PREFIX)/bin/ironhull"
	@echo "linked $(PREFIX)/bin/ironhull"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; \
	  *) echo "not on your PATH yet: export PATH=\"$(PREFIX)/bin:\$$PATH\"";; esac

demo: setup ## Build and sign node:20, show what it is, then run the case study
	$(BIN)/ironhull key generate --no-passphrase --if-missing
	$(BIN)/ironhull build node:20 --update
	@echo
	$(BIN)/ironhull show node:20
	@echo
	$(BIN)/ironhull demo $(DEMO)

test: lint unit real ## Everything: lint, types, import rules, unit tests, real tools
	@$(BIN)/python -m tests.tally $(TALLY)/unit $(TALLY)/real

unit: setup ## Tests that need no network
	$(BIN)/pytest tests/unit -q -n $(JOBS) --tally $(TALLY)/unit

real: setup ## Tests with the real mirror, engines and foreign tools
	.ci/tools
	$(BIN)/pytest tests/real -q -n $(JOBS) --dist loadfile --no-loadscope-reorder --tally $(TALLY)/real

lint: setup ## Style, types, import rules, dead code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

bench: setup ## Measure against peers and physical limits, side by side
	.ci/tools
	$(BIN)/python -m compileall -q src
	$(BIN)/python benchmarks/all.py --write

compat: setup ## Run other tools over what we publish; writes docs/compatibility.md (goes on where it stopped)
	.ci/tools
	$(BIN)/python -m outside.compat

fuzz: setup ## Give every parser changed inputs for a minute each; versions beside dpkg
	$(BIN)/python -m tests.fuzz.run --write

api: setup ## Ask the catalog's API all that its OpenAPI document allows, and more
	$(BIN)/python -m tests.api

chaos: setup ## Kill a watcher, its registry, database and Dask cluster at random for 15 minutes
	.ci/tools postgres
	$(BIN)/python -m tests.chaos --write

programs: setup ## Let ironhull new write definitions of ten programs, build and start them
	.ci/tools
	$(BIN)/python -m tests.new_programs

whole: setup ## The tests of the catalog and the case study with every image and every engine
	.ci/tools
	$(BIN)/pytest tests/real/test_catalog.py tests/real/test_demo.py -q -n $(JOBS) --dist loadfile --whole

machines: setup ## Build static, debian-base, node and python for arm, ppc64le, s390x, riscv64
	$(BIN)/python -m tests.architectures

lock: setup ## Pin the newest dependencies, with hashes, into requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  --no-emit-index-url --group dev -o requirements.lock pyproject.toml

clean: ## Remove the environment and caches of tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
