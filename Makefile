# Everything runs in .venv, which the first target that needs it makes; `make` alone lists the targets.
PYTHON ?= python3
VENV   ?= .venv
TORCH  := 2.13.0
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install -qq

# Without the index of CPU builds at hand, pip takes what it has; --retries 0 keeps it from waiting long.
CPU    := --retries 0 --extra-index-url https://download.pytorch.org/whl/cpu
# How many processes share the tests; each file stays in one.
JOBS   ?= 2
SHARED  = -n $(JOBS) --dist loadfile --no-loadscope-reorder
# The notebooks of colab-check, by number: make colab-check ONLY="0*"
ONLY   ?= 00 01 02 03
COLABPIP = build/colab/venv/bin/python -m pip --disable-pip-version-check install -qq

.PHONY: help setup run test test-fast lint lab book slides figure poster links binder-check colab-check \
  versions-check clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.installed  ## install what is missing into .venv

# OpenMP's threads must not spin while they wait. It reads this when torch is loaded, and some
# notebooks load torch before the course could say so.
export OMP_WAIT_POLICY ?= PASSIVE
# Two processes with two threads each hinder one another; for models of the pocket's size one thread
# is nearly as fast as two. In JupyterLab helpers.machine chooses, by the model.
run test test-fast book slides versions-check: export OMP_NUM_THREADS ?= 1

run: setup  ## execute every notebook and make the book of them, in build/book
	@$(BIN)/python -m tools.notebooks --out build

test: setup  ## run the whole test suite, every notebook included; make test JOBS=1 in one process
	@$(BIN)/python -m pytest $(SHARED)

test-fast: setup  ## run the tests that need no training, no browser and no notebook: minutes
	@$(BIN)/python -m pytest -m "not slow" $(SHARED)

lint: setup  ## check style, format and types
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy

# Trusted notebooks show their drawings and tables before a cell is run.
lab: setup  ## open the course in JupyterLab
	@$(BIN)/python -m nbformat.sign notebooks/*.ipynb > /dev/null
	@$(BIN)/python -m jupyterlab notebooks/00_start_here.ipynb

figure: setup  ## draw the README's figure again, from the reference results
	@$(BIN)/python -m tools.figure docs/regimes.png

poster: setup  ## draw the poster of the course again, from the reference results
	@$(BIN)/python -m tools.poster docs/poster.svg

links: setup  ## write badges and the cell for Colab into README and notebooks; a fork: make links REPO=OWNER/REPO
	@$(BIN)/python -m tools.links $(REPO)

binder-check:  ## make Binder's environment in build/binder, and run notebook 00 there on one core
	@$(PYTHON) -m venv --clear build/binder
	@sed -n 's/^  - pytorch-cpu .*/torch==$(TORCH)/p; /^  - python /d; s/^  - \([a-z].* .*\)/\1/p' binder/environment.yml > build/binder/pip.txt
	@build/binder/bin/python -m pip --disable-pip-version-check install -qq $(CPU) -r build/binder/pip.txt
	@PATH="$(CURDIR)/build/binder/bin:$$PATH" binder/postBuild > /dev/null
	@! build/binder/bin/python -m pip list 2> /dev/null | grep -iE '^(nvidia|cuda|triton)' || { echo "these are for GPUs"; exit 1; }
	@binder/start build/binder/bin/python -m tools.notebooks --only 00 --no-book --out build/binder/out
	@$(PYTHON) -m venv build/repo2docker
	@build/repo2docker/bin/python -m pip --disable-pip-version-check install -qq jupyter-repo2docker
	@build/repo2docker/bin/jupyter-repo2docker --no-build --debug --user-id 1000 --user-name jovyan . > build/binder/Dockerfile 2>&1
	@grep -E '^(COPY.*environment.yml|RUN ./binder/postBuild|ENV R2D_ENTRYPOINT)' build/binder/Dockerfile

# Colab's versions, a stand-in for google.colab that is imported at the start, and the course's address leading to this folder:
# the first cell of each notebook then does what it does on Colab, with what is committed here.
colab-check:  ## run notebooks with Colab's versions, the course fetched by their own first cell
	@$(PYTHON) -m venv --clear build/colab/venv
	@grep -v '^torch==' tests/colab.txt > build/colab/pip.txt
	@$(COLABPIP) $(CPU) -r build/colab/pip.txt "nbval>=0.11,<0.12" "$$(grep '^torch==' tests/colab.txt)+cpu" 2> /dev/null || { \
	  echo "no CPU build of Colab's $$(grep '^torch==' tests/colab.txt) is to be had here; taking $(TORCH)"; \
	  $(COLABPIP) $(CPU) -r build/colab/pip.txt "nbval>=0.11,<0.12" torch==$(TORCH); }
	@cd build/colab/venv/lib/python*/site-packages && mkdir -p google/colab && touch google/colab/__init__.py && echo 'import google.colab' > colab.pth
	@rm -rf build/colab/content && mkdir build/colab/content && cp $(ONLY:%=notebooks/%*.ipynb) build/colab/content
	@cd build/colab/content && GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$(CURDIR).insteadOf" \
	  GIT_CONFIG_VALUE_0="$$(sed -n 's/^Repository = "\(.*\)"/\1/p' ../../../pyproject.toml)" HF_HUB_OFFLINE=1 \
	  ../venv/bin/python -m pytest -q -p no:cacheprovider --rootdir . --nbval-lax --nbval-current-env --nbval-cell-timeout 600 .

clean:  ## remove what was built; .venv and your runs stay
	rm -rf build .pytest_cache .ruff_cache .mypy_cache src/*.egg-info
	find src tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# The oldest and the newest versions that pyproject.toml allows, each in an environment of its own.
versions-check:  ## run the fast tests with the oldest and the newest supported versions, in build/
	@set -e; for age in oldest newest; do \
	  echo "$$age supported versions:"; \
	  $(PYTHON) -m venv --clear build/versions/$$age; \
	  build/versions/$$age/bin/python -m pip --disable-pip-version-check install -qq packaging; \
	  build/versions/$$age/bin/python -m tools.versions $$age > build/versions/$$age.txt; \
	  build/versions/$$age/bin/python -m pip --disable-pip-version-check install -qq $(CPU) \
	    -c build/versions/$$age.txt -e '.[test]'; \
	  build/versions/$$age/bin/python -m pytest -q -m "not slow"; \
	done

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
	  else $(PIP) $(CPU) torch==$(TORCH); fi
	@$(PIP) -e '.[test,dev,browser,ray,book]'
	@touch $@

book: setup  ## the book of the committed notebooks, with slides, in build/book; it needs nothing from the web
	@$(BIN)/python -m sphinx -E -q -n -W --keep-going -c docs . build/book && echo "open this in a browser: $(CURDIR)/build/book/index.html"

slides: setup  ## make slides from the notebooks, in build/slides
	@$(BIN)/python docs/slides.py --out build/slides
