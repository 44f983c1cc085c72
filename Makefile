# The front door: `make help` lists what it does. Everything happens in .venv of this folder.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup system machines demo test lint format types imports unit compat bench lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  \033[36mmake %-8s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: system $(READY) ## Install system packages that are missing, and the Python packages into .venv

system:
	@tools/system-packages

$(READY): pyproject.toml requirements/dev.txt tools/python-environment
	@tools/python-environment $(VENV)
	@touch $@

demo: setup ## Render six frames of a scene on a local network of three providers, and pay for them
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python demo/run.py $(DEMO_ARGS)

machines: ## Bring QEMU and a kernel, so that virtual machines can be had and are tested (Debian, x86-64)
	@tools/virtual-machines

test: setup lint ## Check style, types and architecture, then run every test that this machine can run
	@tools/virtual-machines || echo "Virtual machines are not tested."
	@PATH="$(CURDIR)/$(BIN):$$PATH" tools/run-tests $(PYTEST_ARGS)

unit: $(READY) ## Run the fast tests only
	@$(BIN)/pytest -m "not slow and not system and not clients and not privileged and not chain" $(PYTEST_ARGS)

compat: setup ## Run published client libraries against this network, and show which can do what
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -rs tests/clients $(PYTEST_ARGS)

lint: $(READY) types imports ## Check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/pyright --warnings

imports: $(READY)
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(READY) ## Format the code and mend what can be mended by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

BENCHMARKS := run rest functions activity net market payments

bench: setup ## Measure on this machine the speed that we promise; says in the end what was missed
	@export PATH="$(CURDIR)/$(BIN):$$PATH"; missed=""; \
	for each in $(BENCHMARKS); do python benchmarks/$$each.py || missed="$$missed $$each"; done; \
	if [ -n "$$missed" ]; then echo "Promises were missed in:$$missed"; exit 1; fi

lock: ## Pin every Python package again (needs uv)
	@tools/lock

clean: ## Remove .venv and what tools have cached here
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
