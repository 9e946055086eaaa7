# The two commands of the README; everything else is in CONTRIBUTING.md.
PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python

.PHONY: demo test dev otelcol clean

demo: $(VENV)/.demo
	@$(PY) examples/01_quickstart.py

test: $(VENV)/.test
	@$(PY) -m pytest -n 2 $(PYTEST_ARGS)

dev: $(VENV)/.dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[cost,cli]" openai
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.test

# The official OpenTelemetry Collector with the components of collector-config/, kept outside the tree. Takes some minutes.
OTELCOL_VERSION = 0.160.0
CACHE  ?= $(or $(AGENTOPS_TEST_CACHE),$(HOME)/.cache/agentops-otel-tests)
OTELCOL = $(CACHE)/otelcol-$(OTELCOL_VERSION)/otelcol

otelcol: $(OTELCOL)
	@echo $(OTELCOL)

$(OTELCOL): collector-config/builder.yaml
	mkdir -p $(CACHE)
	cd $(CACHE) && go run go.opentelemetry.io/collector/cmd/builder@v$(OTELCOL_VERSION) --config $(CURDIR)/$<
	@touch $@

clean:
	rm -rf $(VENV) dist build
