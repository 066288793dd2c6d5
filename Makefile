# The commands of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT
# Where it is set, every process compiles every module and every test anew: half a minute of a run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help programs run test test-postgres lint keys bench mutants trust validation sbom vulnerabilities browser proxy tracer lock messages

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

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

# Each part ends with its ten slowest tests. The walks come after the rest: a browser beside other tests waits for them.
# BROWSERS says how many at once: two save a fifth of the time on two cores.
BROWSERS ?= 2
PYTEST = $(BIN)/pytest --dist worksteal --durations 10 $(ONLY)
TESTS = sh -c '$(PYTEST) -n auto --ignore tests/browser && $(PYTEST) -n $(BROWSERS) tests/browser'
# What each test does with the database is noted on SQLite; then PostgreSQL runs those that together do all of it.
# With "=": pytest takes a folder that follows an option of ours for one with tests, and then does not know the option.
NOTES := .statements
test: ONLY := --note-statements=$(NOTES)
test-postgres: ONLY = --database-only $(if $(NOTES),--noted=$(NOTES))

test: $(VENV)/test browser proxy tracer ## Run every test on SQLite
	@rm -rf $(NOTES)
	$(TESTS)

test-postgres: $(VENV)/test browser ## Run those that an engine could change on a PostgreSQL server started for it; NOTES= for every one with a database
	tools/with-postgres $(TESTS)

browser:
	@tools/need chromium-headless-shell

programs: ## Install the Debian packages that the tests need
	@tools/need chromium-headless-shell
	@tools/need pg_ctlcluster postgresql
	@tools/need nginx
	@tools/need strace

proxy:
	@tools/need nginx

tracer:
	@tools/need strace

lint: $(VENV)/test ## Check style, types, templates, scripts, styles and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check $$(git ls-files '*.html')
	@if [ -x $(BIN)/biome ]; then $(BIN)/biome lint --error-on-warnings; else echo "Scripts and styles are not checked: biome has no wheel for this machine"; fi
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

# BASE=<commit>: beside that commit. SECONDS, TURNS, ENGINES=sqlite and PARTS=study make it shorter.
keys: $(VENV)/test browser ## Count the keys and clicks of one whole patient, typed with a browser (some minutes)
	TYPE_EVERY_VISIT=1 $(BIN)/pytest -n 0 -q -s tests/browser/test_typed_patients.py

bench: export SECONDS_OF_LOAD = $(SECONDS)
bench: $(VENV)/test ## Measure speed and memory beside a plain Django admin, or beside BASE=<commit>
ifdef BASE
	$(if $(filter sqlite,$(ENGINES)),,tools/with-postgres) $(BIN)/python -m tests.bench.against $(BASE)
else
	tools/with-postgres $(BIN)/python -m tests.bench
endif

mutants: $(VENV)/test ## Put faults into the modules that decide and count those that no test notices; MODULE=<path> for one
	nice -n 10 $(BIN)/python -m tests.mutation $(MODULE)

trust: $(VENV)/test ## Kill, cut the power, fill the disk, restore, upgrade, tamper, crawl; write docs/reliability.md; PARTS=<name> for one
	@tools/need strace
	@tools/need pg_ctlcluster postgresql
	$(BIN)/python -m tests.trust

# RESULTS="a.xml b.xml": results of `pytest --junitxml` instead of a run. ENGINES=sqlite: one engine.
validation: export RESULTS := $(RESULTS)
validation: export ENGINES := $(if $(ENGINES),$(ENGINES),sqlite postgresql)
validation: $(VENV)/test $(if $(RESULTS),,programs) ## Run every test and write the validation pack in build/validation
	nice -n 10 $(BIN)/python -m tests.validation

sdtm-findings: $(VENV)/test ## Compare results of the rules engine CDISC CORE (RESULTS="a.json b.json") with docs/sdtm_findings.csv
	$(BIN)/python -m tests.validation.sdtm_findings $(RESULTS)

sbom: $(VENV)/test ## Write build/sbom.json: the pinned packages as CycloneDX, checked against its schema
	$(BIN)/python -m tests.validation.sbom

vulnerabilities: $(VENV)/test ## Ask PyPI which pinned packages have known weaknesses (needs a network)
	@$(BIN)/python -m tests.validation.vulnerabilities

messages: $(VENV)/test ## Collect the marked texts in locale/ for the translators
	@tools/messages $(BIN)

lock: ## Write the hashed requirement files again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url pyproject.toml -o requirements/base.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --extra worker -c requirements/base.txt pyproject.toml -o requirements/worker.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --extra worker --extra test -c requirements/worker.txt pyproject.toml -o requirements/test.txt
