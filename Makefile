# `make demo` and `make test` do all the set-up themselves. Windows users: see README.md.
PYTHON ?= python3
# On Linux without a GPU, `make TORCH=cpu demo` takes PyTorch's CPU wheels (0.2 GB, not 5).
TORCH ?= default

# How many tests run at a time.
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
CPU_INDEX := https://download.pytorch.org/whl/cpu
# Threads that wait should sleep: with other work on the machine, spinning costs a factor of 30.
export OMP_WAIT_POLICY ?= passive

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: demo lab test units lint browser soak bench nbval notebooks book lock system clean help

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

demo: $(VENV)/installed  ## turn a photograph into a painting, in outputs/demo
	$(BIN)/styletools stylize images/content/chelsea.jpg images/style/stained_glass.jpg \
	  -o outputs/demo --backbone vgg19 --overwrite

lab: $(VENV)/installed   ## open the lessons in JupyterLab
	$(BIN)/jupyter lab notebooks

test: lint units browser ## everything that must pass

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/vulture
	$(BIN)/deptry .

units: $(VENV)/installed-dev
	$(BIN)/python -m coursekit build --check
	OMP_NUM_THREADS=1 $(BIN)/pytest tests --ignore tests/browser \
	  -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 25

browser: $(VENV)/installed-dev
	$(BIN)/pytest tests/browser

soak: $(VENV)/installed-dev   ## the tests that take many minutes
	$(BIN)/pytest tests -m soak

bench: $(VENV)/installed-dev   ## how fast the kit is: benchmarks/RESULTS.md (hours, idle; resumes)
	env -u OMP_WAIT_POLICY $(BIN)/python -m benchmarks.literal  # spinning is fastest, alone
	env -u OMP_WAIT_POLICY $(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.speed --memory
	$(BIN)/python -m benchmarks.grading

nbval: $(VENV)/installed-dev  ## the reference notebooks against their stored outputs
	$(BIN)/pytest --nbval notebooks/reference

notebooks: $(VENV)/installed-dev  ## build the notebooks from their sources, run the references
	$(BIN)/python -m coursekit build --execute

book: $(VENV)/installed-dev  ## the reference lessons and guides as static pages: outputs/book
	$(BIN)/coursekit book -o outputs/book

lock: $(VENV)/installed-dev  ## requirements.lock anew, from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python tools/lock.py $(BIN)/uv

system:          ## what the browser and grading tests need of Debian or Ubuntu (asks for root)
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq chromium bubblewrap

clean:           ## remove the environment and all results
	rm -rf $(VENV) outputs

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The kit needs Python 3.11 or later: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
ifeq ($(TORCH),cpu)
	$(BIN)/python -m pip install --quiet torch torchvision --index-url $(CPU_INDEX)
endif
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-grading: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[grading]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
