# Explaining Transformers. `make` alone prints what there is.

VENV := .venv
RUN := $(VENV)/bin/python
# Tools that don't fit beside the lock: tooling/NAME/requirements.txt says why; each has an environment .venv-NAME.
APART := nnterp inseq sae-lens lxt ferret
# The first Python on this machine that the course runs on; or name one: make lab PYTHON=/path/to/python3.12
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(SUITS)' 2>/dev/null && echo $$p && break; done)

# Tests run in so many processes, each file in one of them: the cells of a notebook need each other. Two took up to 10 GB.
WORKERS ?= 2

# Small models run fastest on one thread; the embedded models need no network; to compile shap takes longer than to run it.
OFFLINE := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 NUMBA_DISABLE_JIT=1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What pip does on one core, on all of them. A few files of some packages are templates, and no Python.
COMPILE = @$(RUN) -m compileall -q -j 0 $(VENV)/lib > $(VENV)/compiled.log 2>&1 || true

.PHONY: help lab test notebooks models abilities bench peers tools doctor lint clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: $(VENV)/.course ## install what is missing and open JupyterLab on chapter 00 (on a server: make lab ARGS=--no-browser)
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m jupyterlab --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ARGS)

test: $(VENV)/.tests ## run all tests, offline (some of them: make test ARGS="tests/test_doctor.py -x")
	@$(OFFLINE) $(RUN) -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

notebooks: $(VENV)/.tests ## make the notebooks from notebooks/source and execute them
	$(OFFLINE) $(RUN) notebooks/build.py $(ARGS)

models: $(VENV)/.tests ## write the corpora and train the embedded models again, from nothing (about four hours on 2 cores)
	HF_HUB_OFFLINE=1 $(RUN) -m training all

abilities: $(VENV)/.tests ## measure what the models can do on held-out cases (on the test split: make abilities ARGS="--split test")
	HF_HUB_OFFLINE=1 $(RUN) -m training abilities $(ARGS)

bench: $(VENV)/.tests ## time the methods beside the field's libraries
	$(OFFLINE) $(RUN) -m benchmarks $(ARGS)

peers: $(VENV)/.tests .venv-lxt/.installed .venv-inseq/.installed ## run the libraries that ours must agree with, for tests/references
	$(OFFLINE) $(RUN) -m peers.export build/peers
	$(OFFLINE) .venv-lxt/bin/python peers/lxt/run.py build/peers tests/references/lxt.safetensors
	$(OFFLINE) .venv-inseq/bin/python peers/inseq/run.py build/peers tests/references/inseq.safetensors

tools: $(VENV)/.tests $(APART:%=.venv-%/.installed) ## run the tools that need an environment of their own, for data/tools and data/pictures
	for tool in $(APART); do $(OFFLINE) TQDM_DISABLE=1 .venv-$$tool/bin/python -m tooling.$$tool.run data/tools || exit 1; done
	$(OFFLINE) $(RUN) tooling/bertviz/picture.py data/pictures

doctor: $(VENV)/.course ## check this installation and say what to do about what is missing
	@$(RUN) -m xai_helpers doctor

lint: $(VENV)/.tests ## check style and types
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

clean: ## remove the environments, caches and built packages; notebooks, data and your work stay
	rm -rf $(VENV) $(APART:%=.venv-%) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The environment, in two steps: what the notebooks need, then what the tests and authors need. Each leaves a mark, so
# that it is taken again only when pyproject.toml or constraints.txt has changed.

$(RUN):
	@"$(or $(PYTHON),false)" -c '$(SUITS)' 2>/dev/null || { echo "The course needs Python 3.11, 3.12 or 3.13,\
	 and found $(or $(PYTHON),none). Install one, or name it: make lab PYTHON=/path/to/python3.12"; exit 1; }
	@# Half an environment would pass for a whole one.
	"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.course: $(RUN) pyproject.toml constraints.txt
	@echo "Installing the course into $(VENV): a few minutes the first time, about 2.5 GB on disk with torch for CPUs alone."
	$(RUN) -m pip install --quiet --upgrade "pip>=25.1"
	$(RUN) -m pip install --no-compile -c constraints.txt -e ".[course]"
	$(COMPILE)
	$(RUN) -m jupyter labextension disable "@jupyterlab/apputils-extension:announcements"
	@touch $@

$(VENV)/.tests: $(VENV)/.course
	@echo "Installing what the tests need."
	$(RUN) -m pip install --no-compile --quiet -c constraints.txt -e ".[course,test,dev]"
	$(COMPILE)
	@touch $@

.venv-%/.installed: tooling/%/requirements.txt | $(RUN)
	@echo "Installing $* into .venv-$*: a few minutes, 1 to 2.5 GB on disk."
	"$(PYTHON)" -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet -r $<
	@touch $@
