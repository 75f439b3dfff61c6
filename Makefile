# Two commands set everything up: `make study` and `make test`. Both are quick when nothing has changed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.PHONY: study test lint clean

study: $(INSTALLED)
	$(BIN)/trilla study $(ARGS)

test: $(INSTALLED_DEV) lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=15 $(ARGS)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "trilla needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call install,requirements.lock)
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m tasks.compiling
	touch $(INSTALLED)

$(INSTALLED_DEV): requirements-dev.lock $(INSTALLED)
	$(call install,requirements-dev.lock)
	touch $(INSTALLED_DEV)

# pip unpacks one package after the other and compiles files that nobody imports. The lock files are complete, so
# two of it share the list, and the rest is compiled on all cores: half the time. Some packages carry files for newer
# Pythons than this one; those stay uncompiled, as with pip.
define install
	rm -f $(VENV)/part.*
	split -n r/2 $(1) $(VENV)/part.
	ls $(VENV)/part.* | xargs -P 2 -n 1 $(PIP) --no-deps --no-compile --requirement
	$(BIN)/python -m compileall -qq -j 0 -x '/($(UNUSED))/' $(VENV)/lib deployments flows infra tasks || true
endef
UNUSED := tests?|sympy|networkx|_dynamo|_inductor|onnx|pip|setuptools
PIP := $(BIN)/python -m pip install --quiet

clean:
	rm -rf $(VENV)
