# Everything happens in $(VENV); nothing here needs root, Docker or a service installed beforehand.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
NPM = $(CURDIR)/.ci/npm $(abspath $(VENV))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$p; break; }; done)

.PHONY: demo graphiql examples test check format docs smoke chaos conformance bench-ingest bench-push bench-graphql bench-live bench-hostile lock clean help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.installed ## a made-up city behind http://127.0.0.1:8000/graphql, until Ctrl-C
	@# GraphiQL is built beside the city, for it takes half a minute, and fails where npm cannot be reached.
	@# Make's own word for itself would have `make -n` run this line.
	@exec $(BIN)/python -m replica.demo make -s graphiql

graphiql: hub/schema/graphiql/index.html ## the page at /graphiql, built by npm and Vite; `make demo` does so by itself

hub/schema/graphiql/index.html: $(shell find graphiql -name node_modules -prune -o -name dist -prune -o -type f -print) | $(VENV)/.installed
	@graphiql/build $(VENV)

test: $(VENV)/.developer ## every test that runs in minutes
	$(BIN)/pytest -q -n 2 --dist worksteal $(PYTEST)

check: $(VENV)/.developer ## lint, format, types, layers, the schema's promise, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/schema_changes.py
	$(BIN)/pytest -q tests/docs/test_pages.py tests/docs/test_reference.py tests/docs/test_architecture.py

format: $(VENV)/.developer ## write the code the way the formatter does
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: $(VENV)/.developer ## write docs/reference and connectors.schema.json anew from the code
	$(BIN)/python docs/generate.py
	$(BIN)/hub schema connectors > connectors.schema.json

smoke: $(VENV)/.developer ## the shortest run that shows the hub works with this Python
	$(BIN)/hub check
	$(BIN)/pytest -q tests/test_config.py tests/test_normalize.py tests/test_sync.py

chaos: $(VENV)/.developer ## kill -9, SIGSTOP, take-over: slow, prints its figures
	$(BIN)/python -m bench.chaos
	$(BIN)/python -m bench.chaos_push
	KILLS=200 $(BIN)/pytest -q -s -n 0 --timeout 3600 tests/schema/test_mutation_killed.py

examples: examples/build/relay.js $(VENV)/.developer ## the example clients: types generated, checked, built, and run against a hub
	$(BIN)/pytest -q tests/conformance/test_examples.py

examples/build/relay.js: docs/reference/schema.graphql $(wildcard examples/*.* examples/*/*.ts graphiql/operations/*) | $(VENV)/.installed
	@cd examples && $(NPM) ci --loglevel=error --ignore-scripts --no-audit --no-fund >/dev/null
	@cd examples && $(NPM) run --silent generate && $(NPM) run --silent check && $(NPM) run --silent build

conformance: $(VENV)/.developer graphiql examples/build/relay.js ## the API against the audits and clients of others: npm packages, run by Node
	@cd tests/conformance && $(NPM) ci --loglevel=error --ignore-scripts --no-audit --no-fund
	$(BIN)/pytest -q tests/conformance

bench-ingest: $(VENV)/.developer ## pulling against a bare loop and other tools, 43 sources at once: prints RATIO lines
	$(BIN)/python -m bench.ingest --peers --loaders --lag

bench-push: $(VENV)/.developer ## pushing against a bare loop that posts: prints a RATIO line
	$(BIN)/python -m bench.push

bench-graphql: $(VENV)/.developer ## the API beside a hand-written endpoint and PostGraphile, a million appeals: prints RATIO lines
	$(BIN)/python -m bench.graphql

bench-live: $(VENV)/.developer ## 900 subscribers of three API processes, 1,000 reconnects, a deaf reader: prints RATIO lines
	$(BIN)/python -m bench.live

bench-hostile: $(VENV)/.developer ## what it costs to refuse queries that are made to hurt: prints RATIO lines
	$(BIN)/python -m bench.hostile

lock: ## write the lock files anew (needs uv); they name no index
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		pyproject.toml --extra all --group build --group demo -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		pyproject.toml --extra all --group build --group demo --group dev -c requirements.lock -o requirements-dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--group node -o requirements-node.lock

clean: ## remove what was made (the data in .hub as well)
	rm -rf .venv .venv-* .hub .replica .mypy_cache .ruff_cache .pytest_cache .hypothesis hub/schema/graphiql
	rm -rf graphiql/node_modules graphiql/dist tests/conformance/node_modules examples/node_modules examples/build

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found; install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make virtual environments; on Debian: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/pip
	@echo "installing (half a minute)"
	@# Not compiled here: what is imported is compiled then, and that is the lesser part.
	@$(BIN)/pip install -q --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.developer: requirements-dev.lock $(VENV)/.installed
	@echo "installing the tools for developers"
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@
