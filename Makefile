# Everything a person needs: `make run`, `make test`, `make ui`, and `make check` between edits. The
# environment is built from the lock, with hashes, and again only when the lock changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := yes
export DO_NOT_TRACK := 1

.PHONY: install run ui test check lint types pytest system-packages soak bench lock clean

install: $(STAMP)

$(STAMP): requirements/lock.txt requirements/uv.txt pyproject.toml
	@echo "Installing into $(VENV) (only when requirements/lock.txt changes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/lock.txt requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

run: install
	@$(BIN)/summerware run --source sample

ui: install
	@$(BIN)/summerware ui

test: install system-packages lint types pytest

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models

types: install
	@$(BIN)/mypy

# For the edit loop: all that needs no server, no browser and no run.
check: install lint types
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile tests/unit tests/rules

# By file, so that what a file's tests share is made once; in our order, the slowest first.
pytest: install
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Chromium and PostgreSQL for the tests: Debian's packages where apt-get is at hand and we may use it.
system-packages:
	@sh tests/install_system_packages.sh

# The campaigns alone, in full: hours, on every core.
soak: install system-packages
	@SUMMERWARE_SOAK=1 $(BIN)/pytest --numprocesses auto --maxprocesses 4 -m "soak or campaign"

bench: install
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.starting
	@$(BIN)/python -m benchmarks.spelling
	@$(BIN)/python -m benchmarks.scanning
	@$(BIN)/python -m benchmarks.linkage
	@$(BIN)/python -m benchmarks.portal
	@$(BIN)/python -m benchmarks.publishing
	@$(BIN)/python -m benchmarks.sending

# Renew the lock after a change of pyproject.toml.
lock: install
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --quiet --output-file requirements/lock.txt

clean:
	rm -rf $(VENV) .summerware dbt_project/target dbt_project/logs
