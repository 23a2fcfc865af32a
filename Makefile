# Two commands matter: `make demo` and `make test`. Everything else is for people who change Caregate.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-workspace
PEERS := benchmarks/.venv
ENGINE := benchmarks/.venv-disclosure
SIZES := small
ROUNDS := 3
HISTORICAL := benchmarks/data/historical_figures_with_errors_50k.parquet
PYTHON := $(shell command -v $(PYTHON) || command -v python3)

.PHONY: pango softhsm office postgres demo serve test test-long faults check sign-policies bench-linkage bench-disclosure bench-keys

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

# packages are opened in LibreOffice and R too, packages of Debian's; without them those tests are skipped, and counted as skipped
office:
	@{ command -v soffice && command -v Rscript; } >/dev/null \
		|| { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui r-base-core >/dev/null; } \
		|| echo "LibreOffice or R is not here: its tests are skipped. As root: apt-get install libreoffice-calc-nogui r-base-core"

# the tests of PKCS#11 tokens run on SoftHSM2, a package of Debian's; without it they are skipped, and counted as skipped
softhsm:
	@command -v softhsm2-util >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq softhsm2; } \
		|| echo "SoftHSM2 is not here: the token's tests are skipped. As root: apt-get install softhsm2"

# the tests of the database run on PostgreSQL too, a package of Debian's; without it they are skipped, and counted as skipped
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } \
		|| echo "PostgreSQL is not here: its tests are skipped. As root: apt-get install postgresql"

# what WeasyPrint loads to set reports as PDF; everything else works without it
PANGO := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core
pango:
	@test "$$(ldconfig -p | grep -c -e libpangoft2-1.0 -e libharfbuzz-subset)" -ge 2 || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PANGO); } || ldconfig -p | grep -q libpangoft2-1.0 || echo "Without pango no PDF is made; its test is skipped."

test: $(VENV)/.test.stamp pango softhsm office postgres
	$(BIN)/python -m pytest tests

test-long: $(VENV)/.test.stamp softhsm office postgres
	$(BIN)/python -m pytest tests --long

faults: $(VENV)/.test.stamp
	$(BIN)/python -m pytest tests/adversarial/test_faults.py --long

check: $(VENV)/.test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# after a change to the shipped policies: two keys are drawn, sign, and are thrown away (docs/methods/policies.md)
sign-policies: $(VENV)/.run.stamp
	$(BIN)/python -m policies.versioned.sign_shipped

$(PEERS)/.stamp: benchmarks/requirements-peers.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-peers.txt
	touch $@

# SIZES=all adds 1 million to 10 and to 60 million; SIZES=febrl4,100k_1m chooses
bench-linkage: $(VENV)/.run.stamp $(PEERS)/.stamp
	$(BIN)/python -m benchmarks.linkage.run --peer $(PEERS)/bin/python --sizes $(SIZES) --rounds $(ROUNDS) --historical $(HISTORICAL)

# SHAPES=21120 PARTS=tables measures one larger table alone; ROWS=1000000,10000000 takes the larger file in
SHAPES := 1760,3840,10560
PARTS := tables,small,audit,histories,lattice,rows,identity
ROWS := 1000000
$(ENGINE)/.stamp: benchmarks/requirements-peers-disclosure.txt
	test -x $(ENGINE)/bin/python || $(PYTHON) -m venv $(ENGINE)
	$(ENGINE)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-peers-disclosure.txt
	touch $@

bench-disclosure: $(VENV)/.test.stamp $(ENGINE)/.stamp
	$(BIN)/python -m benchmarks.disclosure.run --engine $(ENGINE)/bin/python --parts $(PARTS) --shapes $(SHAPES) --rows $(ROWS) --rounds $(ROUNDS)

# KEYS="speed faults" runs some of them
KEYS :=
bench-keys: $(VENV)/.run.stamp
	$(BIN)/python -m benchmarks.keys.run $(KEYS)
