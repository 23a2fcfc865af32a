# Two commands matter: `make demo` and `make test`. Everything else is for people who change Caregate.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-workspace
PEERS := benchmarks/.venv
SIZES := small
ROUNDS := 3
HISTORICAL := benchmarks/data/historical_figures_with_errors_50k.parquet
PYTHON := $(shell command -v $(PYTHON) || command -v python3)

.PHONY: demo serve test test-long faults check bench-linkage bench-disclosure bench-keys

$(VENV)/.run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3,11) <= sys.version_info[:2] < (3,13) else "Caregate needs Python 3.11 or 3.12: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.test.stamp: $(VENV)/.run.stamp requirements-test.lock requirements-test-alone.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-test-alone.lock
	touch $@

demo: $(VENV)/.run.stamp
	$(BIN)/caregate demo --out $(DEMO)

serve: $(VENV)/.run.stamp
	test -f $(DEMO)/summary.json || $(BIN)/caregate demo --out $(DEMO)
	$(BIN)/caregate serve --workspace $(DEMO)

test: $(VENV)/.test.stamp
	$(BIN)/python -m pytest tests

test-long: $(VENV)/.test.stamp
	$(BIN)/python -m pytest tests --long

faults: $(VENV)/.test.stamp
	$(BIN)/python -m pytest tests/adversarial/test_faults.py --long

check: $(VENV)/.test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(PEERS)/.stamp: benchmarks/requirements-peers.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-peers.txt
	touch $@

# SIZES=all adds 1 million to 10 and to 60 million; SIZES=febrl4,100k_1m chooses
bench-linkage: $(VENV)/.run.stamp $(PEERS)/.stamp
	$(BIN)/python -m benchmarks.linkage.run --peer $(PEERS)/bin/python --sizes $(SIZES) --rounds $(ROUNDS) --historical $(HISTORICAL)

# SHAPES=1760,3840,10560,21120,42240 takes the larger tables in
SHAPES := 1760,3840,10560
bench-disclosure: $(VENV)/.test.stamp
	$(BIN)/python -m benchmarks.disclosure.rows --adult tests/data/adult/adult.csv.gz
	$(BIN)/python -m benchmarks.disclosure.lattice
	$(BIN)/python -m benchmarks.disclosure.tables --shapes $(SHAPES)

# PARTS="speed faults" runs some of them
PARTS :=
bench-keys: $(VENV)/.run.stamp
	$(BIN)/python -m benchmarks.keys.run $(PARTS)
