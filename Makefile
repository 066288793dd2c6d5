# The commands of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT

.DEFAULT_GOAL := help
.PHONY: help run test test-postgres lint bench browser lock messages

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/base: requirements/base.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

$(VENV)/worker: requirements/worker.txt $(VENV)/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/worker.txt
	@touch $@

$(VENV)/test: requirements/test.txt $(VENV)/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

run: $(VENV)/worker ## Start the training installation on http://HOST:PORT with invented patients
	@tools/start $(BIN)

# Browser tests run after the others, one at a time: two browsers at once are slower than one.
TESTS = sh -c '$(BIN)/pytest -n auto --dist worksteal -m "not browser" && $(BIN)/pytest -m "$(WALKS)"'
test: WALKS := browser
test-postgres: WALKS := browser and not keyboard

test: $(VENV)/test browser ## Run every test on SQLite
	$(TESTS)

test-postgres: $(VENV)/test browser ## Run them on a PostgreSQL server started for it, but for how a page answers to keys
	tools/with-postgres $(TESTS)

browser:
	@tools/need chromium

lint: $(VENV)/test ## Check style, types, templates and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check $$(git ls-files '*.html')
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/test ## Measure speed and memory beside a plain Django admin
	tools/with-postgres $(BIN)/python -m tests.bench

messages: $(VENV)/test ## Collect the marked texts in locale/ for the translators
	@tools/messages $(BIN)

lock: ## Write the hashed requirement files again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url pyproject.toml -o requirements/base.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --extra worker -c requirements/base.txt pyproject.toml -o requirements/worker.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --extra worker --extra test -c requirements/worker.txt pyproject.toml -o requirements/test.txt
