# `make demo` runs the main job, `make test` the tests, `make docs` builds the documentation into site/; each
# first makes the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# A CPU build of torch where the index offers one, else the plain one. Another build: make env TORCH=...
TORCH ?= torch==2.13.0
# The unit tests run side by side; more threads for each would only get in each other's way.
TEST_ENV := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
WORKERS ?= 2

.PHONY: env demo test faults architectures lint docs bench clean

env: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml setup.py Makefile
	@echo "making the environment in $(VENV) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c "import sys; sys.exit('Python 3.11 or later is needed: make env PYTHON=python3.11') if sys.version_info < (3, 11) else 0"
	@$(BIN)/python -c "import torch" 2>/dev/null || $(PIP) install "$(TORCH)+cpu" 2>/dev/null || $(PIP) install "$(TORCH)"
	@$(PIP) install -e ".[gguf,models,tune,dev,docs,bench]"
# The source archive of learn2learn carries C files too old to compile; build_ext makes them anew. Its own
# dependencies are not needed for the algorithms used here.
	@$(BIN)/python -c "import importlib.metadata as m; m.version('learn2learn')" 2>/dev/null \
	  || $(PIP) install --no-deps learn2learn==0.2.0 --config-settings="--build-option=build_ext" \
	  || echo "learn2learn could not be built (is there a C compiler?); what needs it will say so"
	@touch $@

demo: env
	@HF_HUB_OFFLINE=1 $(BIN)/concept-align demo --out demo
	@echo "look at demo/index.html"

test: env
	@$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Thousands of damaged stores, aligners, treebanks, killed runs: hours. The tests run a part of each.
faults: env
	@$(TEST_ENV) PYTHONPATH=tests/tiny $(BIN)/python tests/faults/faults.py --out tests/faults/README.md

# Tiny models of every architecture of text that transformers has: four minutes. The tests run a dozen.
architectures: env
	@$(TEST_ENV) PYTHONPATH=tests/tiny $(BIN)/python tests/models/architectures.py --out tests/models/ARCHITECTURES.md

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: env
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "look at site/index.html"

bench: env
	@for script in parse extract store meta alignability icl gains tune intervene cli_start; do \
	  echo "benchmarks/$$script.py --quick"; $(BIN)/python benchmarks/$$script.py --quick || exit 1; done

clean:
	rm -rf $(VENV) demo site
