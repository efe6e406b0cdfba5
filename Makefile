# The daily loop. `make` alone lints and runs the fast tests; `make help` lists the words.
#
# Every word sets up what it needs first: a virtual environment in .venv from requirements.lock, and Debian's graphviz, for
# `make test` also its tshark and user-mode-linux, where they may be installed (scripts/setup.sh). That is done once, and again when the lock changes.
#
# Variables: PYTHON=python3.12  the interpreter for the virtual environment (default: the first found that is 3.11 or newer)
#            APT=no             install no Debian package
#            TIME=30            seconds of `make check`
#            ARGS=…             further arguments for pytest, check or bench

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
TIME ?= 30
ARGS ?=
REPORT ?= build/report
UV := uv==0.13.9

export APT PYTHON

# $(call step,words,command): one line; what the command says is shown only when it fails.
step = @printf '%-16s' '$(1)'; if said=$$($(2) 2>&1); then echo ok; else echo failed; printf '%s\n' "$$said"; exit 1; fi

.PHONY: all
all: lint fast ## lint, then the fast tests

.PHONY: check
check: setup ## model against kernel for half a minute; leaves the diagrams and the report in build/report
	@$(PY) -m wouldblock check --time $(TIME) --out $(REPORT) $(ARGS)

.PHONY: guest
guest: setup uml ## the same in a guest with an older kernel (Debian's user-mode-linux); report in build/report/guest
	@$(PY) -m wouldblock check --guest --time $(TIME) $(ARGS)

.PHONY: test
test: setup tshark uml ## all tests
	@$(PY) -m pytest $(ARGS)

.PHONY: fast
fast: setup ## the tests that are not marked slow
	@$(PY) -m pytest -q -m "not slow" $(ARGS)

.PHONY: lint
lint: venv ## style, format, types, layers
	$(call step,ruff check,$(PY) -m ruff check --output-format concise)
	$(call step,ruff format,$(PY) -m ruff format --check --diff)
	$(call step,mypy --strict,$(PY) -m mypy)
	$(call step,lint-imports,$(VENV)/bin/lint-imports)

.PHONY: format
format: venv ## bring the code into the form that lint wants
	@$(PY) -m ruff check --fix --exit-zero --quiet
	@$(PY) -m ruff format --quiet

.PHONY: bench
bench: setup ## what is measured, as ratios
	@$(PY) -m benchmarks $(ARGS)

.PHONY: diagrams
diagrams: setup ## draw docs/diagrams anew from the rules, and write docs/adherence.md, docs/readiness.md, docs/errors.md, docs/options.md, docs/blocking.md and docs/netsem.md anew
	@$(PY) -m wouldblock draw --all --out docs/diagrams
	@$(PY) -m wouldblock.adherence
	@$(PY) -m wouldblock.readiness
	@$(PY) -m wouldblock.errortable
	@$(PY) -m wouldblock.optiontable
	@$(PY) -m wouldblock.blocking
	@$(PY) -m wouldblock.netsem

.PHONY: confirm
confirm: setup ## check for two minutes, two with a scripted peer, two with threads, commit-ready: confirmations, figures in the README (contradictions too), diagrams
	@$(PY) -m wouldblock check --time 120 --out $(REPORT) $(ARGS) || [ $$? = 1 ]
	@$(PY) -m wouldblock check --peer --time 120 --json $(REPORT)/peer.json || [ $$? = 1 ]
	@$(PY) -m wouldblock check --threads --time 120 --json $(REPORT)/threads.json || [ $$? = 1 ]
	@$(PY) -m wouldblock.confirming $(REPORT)/report.json $(REPORT)/peer.json $(REPORT)/threads.json
	@$(PY) -m wouldblock draw --all --out docs/diagrams

.PHONY: agreement
# $(call agree,report,words): whole sequences for ten minutes; a difference is a figure here, and no failure.
agree = @$(PY) -m wouldblock agree --time 600 --json $(REPORT)/agreement$(1).json $(2) $(ARGS) || [ $$? = 1 ]

agreement: setup uml ## four times ten minutes of whole sequences, commit-ready: loopback, two hosts, the kernel's own settings, the guest
	$(call agree)
	$(call agree,-two-hosts,--two-hosts)
	$(call agree,-default,--settings default)
	$(call agree,-guest,--guest)
	@$(PY) -m wouldblock.agreed $(foreach report,.json -two-hosts.json -default.json -guest.json,$(REPORT)/agreement$(report))

.PHONY: lock
lock: ## pin anew what pyproject.toml asks for, with hashes, for every Python from 3.11 on
	@scripts/setup.sh lock $(UV)

.PHONY: clean
clean: ## remove everything that these words made, the virtual environment included
	@rm -rf $(VENV) build *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

# ---------------------------------------------------------------------------------------------------------------- set-up

.PHONY: setup venv dot tshark uml
setup: venv dot
venv: $(VENV)/.project

# A virtual environment whose interpreter is gone is as good as none.
ifneq ($(shell test -x $(PY) && echo there),there)
.PHONY: $(VENV)/.locked
endif

$(VENV)/.locked: requirements.lock
	@scripts/setup.sh venv
	@touch $@

$(VENV)/.project: $(VENV)/.locked pyproject.toml
	@scripts/setup.sh project
	@touch $@

dot: venv
	@command -v dot >/dev/null 2>&1 || scripts/setup.sh dot

uml: venv
	@command -v linux.uml >/dev/null 2>&1 || test -x build/guest/usr/bin/linux.uml || scripts/setup.sh uml

tshark: venv
	@command -v tshark >/dev/null 2>&1 || scripts/setup.sh tshark
