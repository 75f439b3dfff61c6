# `make study` and `make test` set everything up, all extras included; both are quick when nothing has changed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.PHONY: study test lint clean

study: $(INSTALLED)
	$(BIN)/trilla study $(ARGS)

test: $(INSTALLED_DEV) lint
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=15 $(ARGS)

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15) and "trilla needs Python 3.11 to 3.14")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call install,requirements.lock)
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m tasks.compiling
	touch $(INSTALLED)

$(INSTALLED_DEV): requirements-dev.lock $(INSTALLED)
	$(call install,requirements-dev.lock)
	touch $(INSTALLED_DEV)

# pip unpacks one package after another, and compiles files that are never imported. The lock files are complete, so
# two pips share the list, and the files that are imported are compiled on all cores: that halves the time. Some
# packages carry files for newer Pythons than this one; compileall skips them, as pip does.
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
