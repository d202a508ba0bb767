# make run    Table 1 of the paper, measured on this machine     make run EPOCHS=50 SEEDS=5 DATASET=mnist
# make test   every notebook and the tests
SHELL := /bin/bash
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# the tested versions (byte code is written when first imported: that saves a minute), or on a Python that they do not fit the newest that settings.ini allows
define install
$(BIN)/pip -qq install --no-compile --constraint constraints.txt --editable $(1) || \
	  { echo 'the versions in constraints.txt do not fit this Python; taking the newest that settings.ini allows'; \
	    $(BIN)/pip -qq install --no-compile --editable $(1); }
endef

DATASET   ?= fashion_mnist
MODEL     ?= vae,beta,mu3,mu6
EPOCHS    ?= 1
SEEDS     ?= 1
JOBS      ?= 0
DEVICE    ?= auto
PRECISION ?= float32
OUT       ?= runs
FLAGS     ?=

.PHONY: help run test docs docs-preview test-browser bench bench-processes bench-scaling export lint check keep features pictures dist
help:
	@echo 'make run     train VAE, β-VAE and both μ-VAEs and print Table 1; up to 10 minutes on 2 cores, set-up included'
	@echo '             make run EPOCHS=50 SEEDS=5 DATASET=mnist,fashion_mnist   asks for the full thing'
	@echo 'make test    run every notebook and the tests; make test FLAGS="slow cuda" adds the slow and the GPU ones'
	@echo 'make docs    the documentation site into _docs/, without Quarto and without a network; make docs-preview serves it'
	@echo 'make test-browser   the site and the widgets in a real Chromium, which it installs through apt-get where it can'
	@echo 'make bench   a step against that of pythae and a DataLoader loop, in turns in one process; about 5 minutes'
	@echo 'make bench-processes   whole epochs, a process each, about 12 minutes on 2 idle cores; FLAGS=--quick: 5'
	@echo 'make bench-scaling   time against number of models, batch size, latent size; about 5 minutes'
	@echo 'make keep    finished runs in $(OUT) to package data'
	@echo 'make features   the network that judges samples, trained anew; a few minutes on one core'
	@echo 'make pictures   the pictures of the front page and of links to the site, drawn again'
	@echo 'make export  notebooks to package and README, notebooks cleaned'
	@echo 'make lint    what is wrong in the Python files, by ruff; not what is ugly'
	@echo 'make dist    sdist and wheel, and the wheel tried in an empty environment (PyTorch anew: 2 GB); DIST_VENV=FOLDER keeps it'
	@echo 'make check   what continuous integration adds to the tests: nothing left to export, clean or render'

$(BIN)/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "muvae needs Python 3.11 or newer; say make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) && $(BIN)/pip --quiet install --upgrade pip || { rm -rf $(VENV); exit 1; }

$(VENV)/.package: setup.py settings.ini constraints.txt | $(BIN)/python
	@echo 'setting up $(VENV): PyTorch (2 GB to fetch) and what else the package needs, about two minutes'
	@$(call install,.)
	@touch $@

$(VENV)/.dev: $(VENV)/.package
	@echo 'setting up $(VENV): what tests and notebooks need'
	@$(call install,'.[dev]')
	@if [ -d .git ]; then $(BIN)/python tools/hooks.py; fi
	@touch $@

$(VENV)/.bench: $(VENV)/.package
	@$(call install,'.[bench]')
	@touch $@

$(VENV)/.browser: $(VENV)/.dev
	@$(call install,'.[browser]')
	@touch $@

run: $(VENV)/.package
	@echo '$(MODEL) on $(DATASET), $(EPOCHS) epoch(s), $(SEEDS) seed(s). The default takes up to 10 minutes on 2 cores;'
	@echo 'the full thing is  make run EPOCHS=50 SEEDS=5 DATASET=mnist,fashion_mnist'
	@$(BIN)/muvae_paper --dataset '$(DATASET)' --model '$(MODEL)' --epochs $(EPOCHS) --seeds $(SEEDS) --jobs $(JOBS) \
	  --device $(DEVICE) --precision $(PRECISION) --fallback digits --out '$(OUT)'

test: $(VENV)/.dev
	@$(BIN)/python tools/test.py $(FLAGS)

docs: $(VENV)/.dev
	@$(BIN)/python tools/docs.py

docs-preview: $(VENV)/.dev
	@$(BIN)/python tools/docs.py --serve

# every file of tests that opens a browser
test-browser: $(VENV)/.browser docs
	@bash tools/chromium.sh
	@MUVAE_BROWSER=1 $(BIN)/python -m pytest -q -rs $$(grep -l playwright tests/test_*.py)

bench: $(VENV)/.bench
	@$(BIN)/python benchmarks/paired.py --json benchmarks/results/paired.json $(FLAGS)

bench-processes: $(VENV)/.bench
	@$(BIN)/python benchmarks/compare.py --json benchmarks/results/compare.json $(FLAGS)

bench-scaling: $(VENV)/.package
	@$(BIN)/python benchmarks/scaling.py --json benchmarks/results/scaling.json $(FLAGS)

keep: $(VENV)/.package
	@$(BIN)/python tools/keep.py '$(OUT)'

features: $(VENV)/.package
	@$(BIN)/python tools/features.py

pictures: $(VENV)/.browser
	@bash tools/chromium.sh
	@$(BIN)/python tools/hero.py
	@$(BIN)/python tools/card.py

export: $(VENV)/.dev
	@$(BIN)/nbdev_export && $(BIN)/nbdev_clean && $(BIN)/python tools/readme.py

lint: $(VENV)/.dev
	@$(BIN)/ruff check muvae tests tools benchmarks setup.py

check: $(VENV)/.dev
	@$(BIN)/python tools/check.py

dist: $(VENV)/.dev
	@$(BIN)/python tools/dist.py
