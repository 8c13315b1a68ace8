# Naober. `make demo` shows it at work; `make test` proves it. Both install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEBIAN_TEST := chromium mosquitto mosquitto-clients strace faketime systemd e2fsprogs poppler-utils debootstrap nut-server gpsd gpsd-clients dnsmasq-base

# a Python that was upgraded away leaves a .venv that no longer runs
$(shell { $(BIN)/python -c ''; } 2>/dev/null || rm -f $(VENV)/made)

SEEDS ?= 100
# more than two cores can do at once: what runs in real time mostly waits
WORKERS ?= 4
.PHONY: demo test check lint bench soak screenshots deb deb-test deb-lock bundle install-node install-inbox clean help debian-test
.DEFAULT_GOAL := help
.NOTPARALLEL:

demo: $(VENV)/demo  ## an inbox and three nodes on this machine, with an outage
	@$(BIN)/naober demo

test: debian-test lint  ## everything: linters, types, boundaries, tests on the real parts
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: debian-test lint  ## the fast part of `make test`
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m 'not slow'

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/test debian-test  ## the figures, into bench/results.json
	$(BIN)/python -m bench

screenshots: $(VENV)/test debian-test  ## pictures of all pages, into docs/screens
	$(BIN)/pytest tests/browser/screens.py

soak: $(VENV)/test  ## simulated outages with random faults: SEEDS=1000, or SEEDS=1000..2000
	@$(BIN)/python -m tests.sim.soak $(SEEDS)

deb: $(VENV)/test  ## the Debian packages: arm64 and amd64, Bookworm and Trixie, into dist/
	@$(BIN)/python systemd/deb/build.py

bundle: deb  ## dist/naober-X.bundle for `naober upgrade`; VRD signs it: naober authority sign-bundle
	@$(BIN)/python systemd/deb/bundle.py

deb-test: $(VENV)/test debian-test  ## every package in a clean Debian: install, boot, upgrade, power cuts, purge
	$(BIN)/pytest tests/deb/matrix.py tests/deb/booted.py tests/deb/wifi.py

deb-lock: $(VENV)/test  ## the newest Python packages for the Debian packages, into systemd/deb/lock.txt
	@$(BIN)/python systemd/deb/lock.py

install-node install-inbox: install-%:  ## with sudo: install on this machine for good
	@systemd/install $*

clean:  ## forget what was installed and built here
	rm -rf $(VENV) dist .*_cache

help:  ## this list
	@grep -hE '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 28

debian-test:
	@.ci/debian-packages $(DEBIAN_TEST)

# `made` says that the whole of .venv is: an install that was interrupted leaves none, and starts anew
$(VENV)/made:
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || .ci/debian-packages python3 python3-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed. Do: make $(MAKECMDGOALS) PYTHON=/path/to/it" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo $(VENV)/test: $(VENV)/%: pyproject.toml $(VENV)/made
	@echo "Installing Python packages into $(VENV)"
	@mv $(VENV)/made $(VENV)/making
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[$*]' \
	  || { mv $(VENV)/making $(VENV)/made; exit 1; }
	@mv $(VENV)/making $(VENV)/made
	@touch $@
