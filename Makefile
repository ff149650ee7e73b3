# The one entry point. Everything below works from a fresh clone, with an empty home directory.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(STAMP) ## Install everything into .venv, from the lock file

$(STAMP): requirements.lock pyproject.toml
	@scripts/bootstrap "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(STAMP) ## Rotate a real PostgreSQL password with the AWS CLI, step by step (KEEP=1 leaves it running)
	@PYTHONPATH=tests $(BIN)/python examples/demo.py $(if $(KEEP),--keep,)

test: $(STAMP) ## Check the architecture, then run every test against real servers
	@scripts/test "$(BIN)" $(ARGS)

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## Let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(STAMP) ## Resolve the dependencies anew into requirements.lock
	@$(BIN)/python -m pip install --quiet pip-tools
	@$(BIN)/pip-compile --quiet --upgrade --generate-hashes --all-extras --strip-extras --allow-unsafe \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-annotate --no-header \
	  --output-file requirements.lock pyproject.toml

clean: ## Remove everything that can be made again
	@rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis \
	  tests/sdk/javascript/node_modules tests/.cache
