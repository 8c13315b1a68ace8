# Naober. `make demo` shows it at work; `make test` proves it. Both install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEBIAN_TEST := mosquitto strace faketime
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)

.PHONY: demo test check bench lint clean help debian-test

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo  ## an inbox and three nodes on this machine, with an outage
	@$(BIN)/naober demo

test: $(VENV)/test debian-test lint  ## everything: linters, types, boundaries, tests on the real parts
	$(BIN)/pytest -n 2 --dist worksteal

check: $(VENV)/test lint  ## the fast part of `make test`
	$(BIN)/pytest -n 2 -m 'not slow'

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/test debian-test  ## the figures, into bench/results.json
	$(BIN)/python -m bench

clean:  ## forget what was installed and built
	rm -rf $(VENV) dist .*_cache

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(MAKE) debian-python
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || ( $(MAKE) debian-python && $(PYTHON) -m venv --clear $(VENV) )

$(VENV)/demo $(VENV)/test: $(VENV)/%: pyproject.toml $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

debian-python:
	@$(call debian,python3 python3-venv)

debian-test:
	@$(call debian,$(DEBIAN_TEST))

# $(call debian,PACKAGES): install what is missing, or say what to install where that is not allowed
define debian
missing=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(1) 2>/dev/null | awk '/ok installed/{print $$1}' \
  | sort > /tmp/naober-have.$$$$; printf '%s\n' $(1) | sort | comm -23 - /tmp/naober-have.$$$$; \
  rm -f /tmp/naober-have.$$$$); \
[ -z "$$missing" ] || { echo "Installing Debian packages:" $$missing; \
  { $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq \
    --no-install-recommends $$missing >/dev/null; } || \
  { echo "These Debian packages are missing and could not be installed here:" $$missing; \
    echo "Do: sudo apt-get install" $$missing; exit 1; }; }
endef
