# From a bare machine, `make rollout` makes driving video, `make test` runs the tests and `make lint` the other checks.
# Each of them sets up .venv first.

PYTHON ?= python3
SCENARIO ?= scenarios/dense_day_traffic.yaml
OUT ?= out/
ROUNDS ?= 20
EXTRAS := world,train,eval,detect,waymo,ray,export,dev,docs
BIN := .venv/bin
STAMP := .venv/.installed
# Each library that opencv-python loads from the system, with the Debian package that holds it.
SYSTEM_LIBRARIES := libGL.so.1=libgl1 libgthread-2.0.so.0=libglib2.0-0

.PHONY: rollout ui test soak lint docs wheel setup browser clean

rollout: setup
	$(BIN)/drivesim rollout $(SCENARIO) --out $(OUT)

ui: setup
	$(BIN)/drivesim ui --out $(OUT)

test: setup browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup

# Kills, write errors, full disks and damage by the thousand; the last line sums them up.
soak: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/archive --soak $(ROUNDS)

# Style, types, imports that are declared (and declarations that are imported), and code that nothing uses.
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry drivesim $(wildcard ui)
	$(BIN)/deptry tests benchmarks checkpoints docs --exclude .venv --ignore DEP002,DEP004
	$(BIN)/vulture

# The site in site/; a link or a reference that leads nowhere is an error.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# The wheel in dist/, with the models and the scenarios that ship.
wheel: setup
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "drivesim needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@missing=""; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ "$$(uname)" = Linux ]; then for pair in $(SYSTEM_LIBRARIES); do \
	    $(PYTHON) -c "import ctypes; ctypes.CDLL('$${pair%%=*}')" 2>/dev/null || missing="$$missing $${pair##*=}"; \
	done; fi; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	    echo "missing from this machine:$$missing; install with: sudo apt-get install$$missing" >&2; exit 1; \
	fi
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv || $(BIN)/python -m ensurepip --default-pip  # says why it fails, which venv does not
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $(STAMP)

# The tests of the page drive Debian's Chromium; without it, and without a way to install it, they are skipped.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	fi || echo "no Chromium could be installed: the tests of the page are skipped" >&2

clean:
	rm -rf out build dist site .pytest_cache .ruff_cache .mypy_cache .hypothesis
