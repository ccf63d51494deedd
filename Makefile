# `make demo` and `make test` do all the set-up themselves. Windows users: see README.md.
PYTHON ?= python3
# On Linux without a GPU, `make TORCH=cpu demo` takes PyTorch's CPU wheels (0.2 GB, not 5).
TORCH ?= default

VENV := .venv
BIN := $(VENV)/bin
CPU_INDEX := https://download.pytorch.org/whl/cpu
# Threads that wait should sleep: with other work on the machine, spinning costs a factor of 30.
export OMP_WAIT_POLICY ?= passive

.PHONY: demo lab test units lint check-notebooks browser system notebooks bench soak clean help

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

demo: $(VENV)/installed  ## turn a photograph into a painting, in outputs/demo
	$(BIN)/styletools stylize images/content/chelsea.jpg images/style/impasto.jpg \
	  -o outputs/demo --backbone offline --overwrite

lab: $(VENV)/installed   ## open the lessons in JupyterLab
	$(BIN)/jupyter lab notebooks

test: lint units         ## everything that must pass

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

units: $(VENV)/installed-dev
	$(BIN)/pytest

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

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
