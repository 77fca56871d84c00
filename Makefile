# The two commands of the README are `make demo` and `make test`; both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test lint bench simulate schematics screenshots image check faults fuzz soak-obd clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@# Debian's Python makes a venv with pip in it only where python3-venv is installed.
	$(PYTHON) -m venv $(VENV) >/dev/null || $(PYTHON) -m venv --without-pip $(VENV)
	if [ -x $(BIN)/pip ]; then pip="$(BIN)/pip"; else pip="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	$$pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[tools,room,dev]'
	touch $(STAMP)

# ARGS passes options on, for example ARGS="--seconds 30 --micropython"
demo: $(STAMP)
	$(BIN)/patrol demo $(ARGS)

test: $(STAMP)
	$(BIN)/python tests/run.py

# The whole proof of delivery on storage and link: power cuts, failing operations, flipped bits, an
# hour's drive with the link cut and everything killed, and 500 boots of a gateway with a power cut
# each; an hour in all.
faults: $(STAMP)
	$(BIN)/python -m tests.faults $(ARGS)
	$(BIN)/python tests/faults/set_test.py
	$(BIN)/python tests/faults/boot_cuts.py

# All parts that read what comes from outside, ten million spoilt inputs, and a million spoilt
# replies of a car: some twenty minutes.
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz $(ARGS)
	$(BIN)/python -m tests.fuzz.obd_long

# An hour of polling on MicroPython in a heap of 256 KB: it must not grow.
soak-obd: $(STAMP)
	$(BIN)/python -m tests.support.obd_hour

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(STAMP)
	$(BIN)/patrol bench

# Draws and checks the boards: rule check, netlist, bill of materials, PDF and SVG into
# hardware/build, what is committed beside it. ARGS=--check only tells what is not as committed.
schematics: $(STAMP)
	$(BIN)/python -m hardware.build $(ARGS)

# The pictures of docs/console-screen.md, of an emulated car and a real agent; takes a chromium and
# some two minutes. Look at them before they are committed.
screenshots: $(STAMP)
	$(BIN)/patrol console shots docs/console

# One file that any flasher writes to an erased ESP32: firmware, agent and a vehicle's configuration
# (docs/flashing.md). It holds the vehicle's keys.
IMAGE ?= gateway.bin
image: $(STAMP)
	$(BIN)/patrol flash esp32 --firmware $(FIRMWARE) --bundle $(BUNDLE) --image-only $(IMAGE) $(ARGS)

# Delivery under simulated faults (docs/simulation.md). SEED=17 runs one, ARGS=--trace or --shrink
# shows how it breaks.
SEEDS ?= 1000
HOURS ?= 2
simulate: $(STAMP)
	$(BIN)/python -m tests.faults.simulation.run --hours $(HOURS) \
	$(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(ARGS)

# What a change must pass before it is shown to anybody.
check: lint test

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
