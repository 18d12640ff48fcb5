# Everything runs in .venv, which the first target that needs it makes; `make` alone lists the targets.
PYTHON ?= python3
VENV   ?= .venv
TORCH  := 2.13.0
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install -qq

.PHONY: help setup run test lab figure clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.installed  ## install what is missing into .venv

run: setup  ## execute every notebook; executed notebooks and HTML go to build/
	@$(BIN)/python -m helpers.notebooks --out build

test: setup  ## run the whole test suite, every notebook included
	@$(BIN)/python -m pytest

lab: setup  ## open the course in JupyterLab
	@$(BIN)/python -m jupyterlab notebooks/00_start_here.ipynb

figure: setup  ## draw the README's figure again, from the reference results
	@$(BIN)/python -m helpers.plots docs/regimes.png

clean:  ## remove what was built; .venv and your runs stay
	rm -rf build .pytest_cache src/*.egg-info
	find src tests notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

# torch comes first: left to itself, pip takes the build for NVIDIA GPUs, gigabytes that most laptops cannot use.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) will not do. Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
	  echo "$(PYTHON) has no venv module. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), a few minutes the first time ..."
	@$(BIN)/python -c 'import torch' 2> /dev/null || if nvidia-smi > /dev/null 2>&1; \
	  then $(PIP) torch==$(TORCH); \
	  else $(PIP) --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu torch==$(TORCH); fi
	@$(PIP) -e '.[test,browser,ray,book]'
	@touch $@

.PHONY: book slides
book: setup  ## build the course as a web site in build/book, which needs nothing from the web
	@$(BIN)/python -m sphinx -E -q -n -W --keep-going -c docs . build/book && echo "the book is in build/book/index.html"

slides: setup  ## make slides from the notebooks, in build/slides
	@$(BIN)/python docs/slides.py --out build/slides
